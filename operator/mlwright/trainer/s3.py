"""Files in object stores that speak the S3 protocol, through Arrow's own client; and what its errors mean to people."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs

from mlwright.bundle.addresses import Address
from mlwright.trainer.errors import DATASET_MISSING, STORAGE_AWAY, UserError
from mlwright.trainer.files import DataFile
from mlwright.trainer.step import Storage

T = TypeVar("T")

URI: Final = "spec.dataset.uri"
STORAGE: Final = "spec.dataset.storage"
KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_CREDENTIALS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
"""Each of them leads clients to credentials; a region or a bundle of certificates does not."""

CONNECT_SECONDS: Final = 5
REQUEST_SECONDS: Final = 30
_ATTEMPTS: Final = 4  # about ten seconds; then the operator looks again, ever less often
REGION: Final = "us-east-1"  # what servers that know no regions expect
_REFUSED: Final = re.compile(
    r"ACCESS_?DENIED|INVALID_?ACCESS_?KEY|UserNotFound|SIGNATURE_?DOES_?NOT_?MATCH|40[13] (Forbidden|Unauthorized)"
    r"|HTTP (response code |status )?40[13]",
    re.IGNORECASE,
)
_MISSING: Final = re.compile(
    r"NO_SUCH_(BUCKET|KEY)|RESOURCE_NOT_FOUND|does not exist|HTTP (response code |status )?404", re.IGNORECASE
)
_TRUST: Final = re.compile(r"SSL|certificate|curlCode: (35|51|53|58|59|60|77|83)\b", re.IGNORECASE)
_AWAY: Final = re.compile(
    r"NETWORK_CONNECTION|error sending request|curlCode|REQUEST_TIMEOUT|timed? ?out"
    r"|SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|HTTP (response code |status )?5\d\d",
    re.IGNORECASE,
)
_NAMED: Final = ".gz", ".bz2", ".zst"


@dataclass(frozen=True, slots=True)
class Bucket:
    """The objects of a bucket at an address; a store of `files`."""

    address: Address
    storage: Storage
    system: Any
    who: str
    """Whose rights are used, in words."""

    @classmethod
    def at(cls, address: Address, storage: Storage, env: Mapping[str, str], root: Path) -> "Bucket":
        """Make ready to read; nothing is asked of the server yet.

        Args:
            address: Where the data lies.
            storage: How to get there.
            env: The environment, which holds the keys.
            root: The mount root, under which a bundle of certificates lies.

        Raises:
            UserError: A key is not given.
        """
        return cls(address, storage, client(storage, env, root), reader(storage, env))

    def one(self) -> DataFile | None:
        """See Store."""
        (found,) = self.attempt(lambda: self.system.get_file_info([self._path(self.address.path)]))
        return self._file(found) if found.type == pyarrow.fs.FileType.File else None

    def many(self) -> Iterable[DataFile]:
        """See Store."""
        return self._listed(self.address.path)

    def beside(self) -> Iterable[DataFile]:
        """See Store."""
        return self._listed(self.address.path.rpartition("/")[0])

    def has_folder(self, name: str) -> bool:
        """See Store."""
        folder = self.address.path.rpartition("/")[0] if self.address.is_pattern else self.address.path
        return bool(self._listed(f"{folder}/{name}".lstrip("/")))

    def attempt(self, action: Callable[[], T]) -> T:
        """Do something with the server.

        Raises:
            UserError: What the server's refusal means, in words; a server that is away is waited for.
        """
        with self._words():
            return action()

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as problem:
            raise meaning(str(problem), self.storage, self.address.volume, self.who) or problem from None

    def _listed(self, folder: str) -> list[DataFile]:
        wanted = pyarrow.fs.FileSelector(self._path(folder), allow_not_found=True)
        found = self.attempt(lambda: self.system.get_file_info(wanted))
        return [self._file(info) for info in found if info.type == pyarrow.fs.FileType.File]

    def _file(self, info: Any) -> DataFile:
        compression = "detect" if info.base_name.endswith(_NAMED) else None
        return DataFile(
            info.base_name,
            info.size,
            lambda: self._revision(info.path),
            lambda: self.attempt(lambda: self.system.open_input_file(info.path)),
            lambda: self.attempt(lambda: self.system.open_input_stream(info.path, compression=compression)),
            lambda problem: meaning(str(problem), self.storage, self.address.volume, self.who),
        )

    def _revision(self, path: str) -> str:
        """The version of an object, or its ETag where the bucket keeps none."""
        with self.attempt(lambda: self.system.open_input_stream(path, compression=None)) as stream:
            found = stream.metadata() or {}
        known = next((found[key] for key in ("VersionId", "ETag", "Last-Modified") if found.get(key)), b"")
        return str(known.decode().strip('"'))

    def _path(self, inside: str) -> str:
        return f"{self.address.volume}/{inside}".rstrip("/")


def check_keys(storage: Storage, env: Mapping[str, str]) -> None:
    """Check that the environment holds the keys, where a Secret is named.

    Raises:
        UserError: One is missing; it names the Secret.
    """
    lacking = [name for name in KEYS if not env.get(name)]
    if storage.secret and lacking:
        raise UserError(
            f"{STORAGE}.secretRef",
            f"Secret {storage.secret!r} gives no {' and '.join(lacking)}",
            "put both keys into the Secret",
        )


def brings_own(env: Mapping[str, str]) -> bool:
    """Whether the pod brings credentials of its own, such as those of its service account."""
    return any(env.get(name) for name in _CREDENTIALS)


def reader(storage: Storage, env: Mapping[str, str]) -> str:
    """Whose rights are used to read, in words."""
    if storage.secret:
        return f"the keys of Secret {storage.secret!r}"
    return "what the pod brings itself in AWS_*" if brings_own(env) else "a reader without keys"


def meaning(said: str, storage: Storage, bucket_name: str, who: str) -> UserError | None:
    """What an error of a client of the store means to people; None when it is not about the store."""
    place = storage.endpoint or "AWS"
    bucket = f"bucket {bucket_name!r}"
    if _REFUSED.search(said):
        return UserError(
            f"{STORAGE}.secretRef",
            f"{place} refuses {who} access to {bucket}",
            "name a Secret with keys that may list and get objects there, or correct those that it holds",
        )
    if _MISSING.search(said):
        return UserError(
            URI, f"there is no {bucket} at {place}", "make it, or correct the address", reason=DATASET_MISSING
        )
    if _TRUST.search(said):
        return UserError(
            f"{STORAGE}.caBundleRef",
            f"the certificate of {place} is not trusted",
            "name the ConfigMap that holds the certificate of its authority, or correct endpointURL",
        )
    if _AWAY.search(said):
        return UserError(
            f"{STORAGE}.endpointURL",
            f"{place} does not answer",
            "start it, let the pod reach it, or correct the address",
            reason=STORAGE_AWAY,
        )
    return None


def client(storage: Storage, env: Mapping[str, str], root: Path, *, large: bool = False) -> Any:
    """Arrow's client of a store; nothing is asked of the server yet.

    `large` says that files of any size are written: each part is waited for then, so that none piles up in memory.

    Raises:
        UserError: A key is not given.
    """
    check_keys(storage, env)
    keys = [env.get(name, "") for name in KEYS]
    return _system(storage, keys, root, own=brings_own(env), background_writes=not large)


def _system(storage: Storage, keys: list[str], root: Path, *, own: bool, background_writes: bool) -> Any:
    """Arrow's client. `own` says that the pod brings credentials of its own, such as those of its service account."""
    split = urlsplit(storage.endpoint) if storage.endpoint else None
    access = {"access_key": keys[0], "secret_key": keys[1]} if storage.secret else {"anonymous": not own}
    return pyarrow.fs.S3FileSystem(
        **access,
        background_writes=background_writes,
        region=storage.region or REGION,
        scheme=split.scheme if split else "https",
        endpoint_override=split.netloc + split.path.rstrip("/") if split else None,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=pyarrow.fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        tls_ca_file_path=str(root / "configmap" / storage.ca_bundle) if storage.ca_bundle else None,
    )
