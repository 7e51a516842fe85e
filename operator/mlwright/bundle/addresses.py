"""Storage addresses: `pvc://CLAIM/path`, `configmap://NAME/key`, for data also `s3://BUCKET/path`.

An address is judged before any file is touched, so that it can never leave its volume: no other scheme, no chain of
schemes, no empty, absolute or `..` segment. Standard library only, because the control plane parses addresses too.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from mlwright.bundle.errors import AddressError
from mlwright.constants import MOUNT_ROOT

MOUNT_ROOT_VARIABLE: Final = "MLWRIGHT_MOUNT_ROOT"

# Names of claims and ConfigMaps: a DNS subdomain, as the API server demands.
_VOLUME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VOLUME_LENGTH: Final = 253
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_WILDCARD: Final = "*"


class Scheme(StrEnum):
    """What kind of volume an address names."""

    PVC = "pvc"
    CONFIGMAP = "configmap"
    S3 = "s3"


VOLUMES: Final = (Scheme.PVC, Scheme.CONFIGMAP)
"""What a pod can mount."""
DATA: Final = (*VOLUMES, Scheme.S3)
"""Where data may lie: an object store is read by the program itself."""
ARTIFACTS: Final = (Scheme.PVC, Scheme.S3)
"""Where runs may be written. Of what lies in an object store a pod has copies, as if it were a volume."""


_CALLED: Final[Mapping[str, str]] = {Scheme.PVC: "claim", Scheme.CONFIGMAP: "ConfigMap", Scheme.S3: "bucket"}
_FORMS: Final[Mapping[str, str]] = {
    Scheme.PVC: "pvc://CLAIM/path",
    Scheme.CONFIGMAP: "configmap://NAME/key",
    Scheme.S3: "s3://BUCKET/path",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address. `path` is relative, with plain segments only; the last one may hold `*`."""

    scheme: Scheme
    volume: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.volume}/{self.path}"

    @property
    def is_mounted(self) -> bool:
        """Whether a pod finds it among its files."""
        return self.scheme in VOLUMES

    @property
    def is_pattern(self) -> bool:
        """Whether the last segment stands for several files."""
        return _WILDCARD in self.path

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.rpartition("/")[2]

    def join(self, *segments: str) -> "Address":
        """The address of something inside this one."""
        return replace(self, path=str(PurePosixPath(self.path, *segments)))


def parse(uri: str, *, field: str, schemes: Collection[Scheme] = VOLUMES) -> Address:
    """Parse an address.

    Example: `parse("pvc://lake/flights/*.csv", field="spec.dataset.uri")` gives the claim `lake` and the path
    `flights/*.csv`.

    Args:
        uri: The text of the address.
        field: Where it stands, for the error's sentence.
        schemes: Which kinds of address may stand there.

    Raises:
        AddressError: The address is refused; it names the field, what is wrong and the remedy.
    """
    remedy = f"write {_either([_FORMS[scheme] for scheme in schemes])}"
    problem = _refuse_chain(uri) or _refuse_scheme(uri, schemes) or _refuse_volume(uri) or _refuse_path(uri)
    if problem:
        raise AddressError(field, problem, remedy)
    scheme, volume, path = _pieces(uri)
    if scheme == Scheme.CONFIGMAP and not _KEY.fullmatch(path):
        raise AddressError(field, "a configmap address names exactly one key of the ConfigMap", remedy)
    return Address(Scheme(scheme), volume, path)


def mount_root(environ: Mapping[str, str]) -> Path:
    """Folder under which volumes are mounted; `MLWRIGHT_MOUNT_ROOT` moves it, for a run outside a pod."""
    return Path(environ.get(MOUNT_ROOT_VARIABLE) or MOUNT_ROOT)


def locate(address: Address, root: Path) -> Path:
    """Path of a mounted address below the mount root; a wildcard stays in the last segment."""
    return root / address.scheme / address.volume / address.path


def _pieces(uri: str) -> tuple[str, str, str]:
    scheme, _, rest = uri.partition("://")
    volume, _, path = rest.partition("/")
    return scheme, volume, path


def _either(words: Sequence[str]) -> str:
    """Return words as a choice.

    >>> _either(["a", "b", "c"])
    'a, b or c'
    """
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _refuse_chain(uri: str) -> str | None:
    return "chains of schemes ('::') are not read" if "::" in uri else None


def _refuse_scheme(uri: str, schemes: Collection[Scheme]) -> str | None:
    scheme, separator, _ = uri.partition("://")
    if not separator:
        return "this is not a storage address"
    return None if scheme in schemes else f"the scheme {scheme[:32]!r} is not read"


def _refuse_volume(uri: str) -> str | None:
    scheme, volume, _ = _pieces(uri)
    if not volume:
        return f"the name of the {_CALLED[scheme]} is missing"
    if len(volume) > _VOLUME_LENGTH or not _VOLUME.fullmatch(volume):
        return (
            f"the name of the {_CALLED[scheme]} is not one that {'S3' if scheme == Scheme.S3 else 'Kubernetes'} allows"
        )
    return None


def _refuse_path(uri: str) -> str | None:
    _, _, path = _pieces(uri)
    segments = path.split("/")
    if not path:
        return "the path after the name is empty"
    if _CONTROL.search(path):
        return "the path holds a control character or a backslash"
    if any(segment in {"", ".", ".."} for segment in segments):
        return "the path holds an empty, '.' or '..' segment"
    if any(_WILDCARD in segment for segment in segments[:-1]):
        return "a wildcard stands before the last segment of the path"
    return None
