"""Runs in an object store: what a pod needs of them is fetched to files, and what it made is kept as objects.

Programs work on files below the mount root, wherever runs lie. For those in a store the pod has an empty folder at the
place where it would find a volume: before the work, what it names is fetched into it; after it, the folder of the
attempt is sent.

A store renames nothing, and a pod that was given up may still write while another does its work. So whoever sends the
folder of an attempt sends it below a name of its own (`kept-...`), and then one object, `result.json`, which names it.
What no result names is nobody's: readers pass it over, and it goes with the run. The addresses in the result are those
of what was sent, so they hold whoever writes what later.
"""

import errno
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, TypeVar

from mlwright.bundle import addresses
from mlwright.bundle.addresses import Address, Scheme
from mlwright.bundle.documents import Document
from mlwright.bundle.errors import BRING_BACK
from mlwright.bundle.verification import BUNDLE_MAX_BYTES
from mlwright.trainer.errors import STORAGE_AWAY, SurroundingsError, UserError
from mlwright.trainer.possession import OWNED
from mlwright.trainer.results import RESULT, Outcome, Result
from mlwright.trainer.step import Storage
from mlwright.trainer.step_document import read_storage
from mlwright.trainer.variables import document_in
from mlwright.trainer.workspace import Workspace

T = TypeVar("T")

VARIABLE: Final = "MLWRIGHT_ARTIFACTS"
DATA: Final = "spec.dataset"
"""Of what the client of the store speaks."""
KEPT: Final = "kept"
"""The member of a result in the store that names the folder beside it in which the files are."""
_KEPT_NAME: Final = re.compile(r"kept-[0-9a-f]{16}")
PATIENCE: Final = 300.0
"""Seconds for which a store may be away when work is done: to do it again takes longer, as a rule."""
LONGEST_PAUSE: Final = 30.0
_PIECE: Final = 8 << 20
"""Bytes that are asked for at once: each piece is a request."""


@dataclass(frozen=True)
class Store:
    """A prefix of a bucket, and how to get there."""

    address: Address
    storage: Storage
    where: str
    """What in which object says so, as people wrote it."""
    env: Mapping[str, str]
    """Where the keys stand."""
    root: Path
    named: dict[Path, str] = field(default_factory=dict, compare=False)
    """Where the files of attempts are kept, beside their results."""

    @property
    def folder(self) -> Path:
        """Where its objects lie as files."""
        return addresses.locate(self.address, self.root)

    def holds(self, path: Path) -> bool:
        """Whether a file is the copy of an object of this store."""
        return path.is_relative_to(self.folder)

    def fetch(self, path: Path, largest: int | None = None) -> None:
        """Fetch an object, or all below a name; of folders of attempts what their results name.

        Nothing is there: nothing is written.

        Args:
            path: Where the files are wanted.
            largest: Refuse more bytes than that.

        Raises:
            UserError: The store refuses or is away, has no such bucket, or holds too much there.
            SurroundingsError: An object changed meanwhile, or its name is no path.
        """
        with self.words():
            found = self._listed(self._object(path), recursive=largest is None)  # a bundle holds no folders
            size = sum(size for size, _ in found)
            if largest is not None and size > largest:
                problem = f"what lies there has {size:,} bytes, and a bundle at most {largest:,}"
                raise UserError(f"{self.where}.uri", problem, "correct the address")
            kept = "" if found else self._kept_below(self._object(path.parent))
            if kept:
                self._copy(self._listed(f"{self._object(path.parent)}/{kept}/{path.name}"), path.parent, kept)
            elif found:
                self._fetch_all(found, self._object(path).count("/") + 1)
            else:
                self.check_bucket()

    def folders(self, above: Path) -> list[Path]:
        """Folders in a folder, whatever lies in them; none where there is none.

        Raises:
            UserError: The store refuses or is away, or has no such bucket.
            SurroundingsError: The name of an object is no path.
        """
        import pyarrow.fs  # noqa: PLC0415  # only who needs a store pays for its library

        below = pyarrow.fs.FileSelector(self._object(above), allow_not_found=True)
        with self.words():
            infos = self.system.get_file_info(below)
            if not infos:
                self.check_bucket()
        return [self._place(info.path) for info in infos if info.type == pyarrow.fs.FileType.Directory]

    def beside(self, folder: Path) -> list[tuple[Path, int]]:
        """Files and sizes of the objects in a folder, without those in folders below; none where there is none.

        Raises:
            UserError: The store refuses or is away, or has no such bucket.
            SurroundingsError: The name of an object is no path.
        """
        with self.words():
            found = self._listed(self._object(folder), recursive=False)
            if not found:
                self.check_bucket()
        return [(self._place(name), size) for size, name in found]

    def check_bucket(self) -> None:
        """Look whether there is the bucket: clients list what does not exist as empty.

        Raises:
            UserError: There is none; it is waited for.
        """
        import pyarrow.fs  # noqa: PLC0415  # only who needs a store pays for its library

        (found,) = self.system.get_file_info([self.address.volume])
        if found.type == pyarrow.fs.FileType.NotFound:
            place = self.storage.endpoint or "AWS"
            problem = f"there is no bucket {self.address.volume!r} at {place}"
            raise UserError(f"{DATA}.uri", problem, "make it, or correct the address", reason=STORAGE_AWAY)

    def _fetch_all(self, found: Sequence[tuple[int, str]], top: int) -> None:
        """Fetch what is no part of an attempt that nobody names; what a result names lands beside it.

        `top` is how many segments the name has that was asked for: what it says itself is wanted.
        """
        results = [name for _, name in found if name.endswith(f"/{RESULT}") and not _is_kept(name, top)]
        for name in results:
            folder = name.removesuffix(f"/{RESULT}")
            kept = self._kept_below(folder)
            if kept:
                below = [entry for entry in found if entry[1].startswith(f"{folder}/{kept}/")]
                self._copy(below, self._place(folder), kept)
        self._copy([entry for entry in found if not _is_kept(entry[1], top)])

    def _copy(self, found: Sequence[tuple[int, str]], folder: Path | None = None, kept: str = "") -> None:
        """Write objects as files; those of a kept folder into the folder of the attempt."""
        if folder is not None:
            self.named[folder] = kept
        for size, name in found:
            target = self._place(name)
            if folder is not None:
                target = folder / target.relative_to(folder / kept)
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.fetched")
            try:
                with self.system.open_input_stream(name) as source, draft.open("wb") as copy:
                    shutil.copyfileobj(source, copy, _PIECE)
            except FileNotFoundError:
                raise SurroundingsError(f"{target.name} was removed from the store while it was fetched") from None
            if draft.stat().st_size != size:
                raise SurroundingsError(f"{target.name} changed in the store while it was fetched")
            draft.replace(target)

    def result(self, folder: Path) -> Result | None:
        """The result that the folder of an attempt has in the store; None without one.

        Raises:
            UserError: The store refuses, or is away.
            SurroundingsError: It cannot be read.
        """
        with self.words():
            text = self._read(f"{self._object(folder)}/{RESULT}")
        if text is None:
            return None
        try:
            return Result.from_json(text)
        except ValueError:
            raise SurroundingsError(f"{RESULT} of {folder.name} is damaged; start another attempt") from None

    def keep(self, folder: Path, result: Result, patience: float) -> Result:
        """Send the files of an attempt, and let them be found; return the result with addresses of what was sent.

        The store may be away for `patience` seconds at a time.

        Raises:
            UserError: The store refuses, or is away.
        """
        kept = f"kept-{secrets.token_hex(8)}"
        self.named[folder] = kept
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path != folder / RESULT:
                patiently(partial(self.send, path), patience)
        here = f"{Scheme.S3}://{self._object(folder)}/"
        told = replace(result, results=_moved(result.results, here, f"{here}{kept}/"))
        text = json.dumps({**json.loads(told.to_json()), KEPT: kept}).encode()
        patiently(partial(self._write, f"{self._object(folder)}/{RESULT}", text), patience)
        # another pod may have been as quick: all speak of the one that is there
        return patiently(partial(self.result, folder), patience) or told

    def _write(self, name: str, content: bytes) -> None:
        with self.words(), self.system.open_output_stream(name) as stream:
            stream.write(content)

    def send(self, path: Path, place: Path | None = None) -> None:
        """Write a file as an object; one in the folder of an attempt where the files of that attempt are kept.

        Args:
            path: The file.
            place: Of which path it becomes the object, if it is another.

        Raises:
            UserError: The store refuses, or is away.
            SurroundingsError: It is a link, or something else that is no regular file.
        """
        folder = next((parent for parent in path.parents if parent in self.named), None)
        inside = (place or path) if folder is None else folder / self.named[folder] / path.relative_to(folder)
        with self.words(), _regular(path) as source, self.system.open_output_stream(self._object(inside)) as copy:
            shutil.copyfileobj(source, copy, _PIECE)

    @cached_property
    def system(self) -> Any:
        """Arrow's client; nothing was asked of the server yet."""
        from mlwright.trainer.s3 import client  # noqa: PLC0415  # only who needs a store pays for its library

        return client(self.storage, self.env, self.root, large=True)

    def _listed(self, wanted: str, *, recursive: bool = True) -> list[tuple[int, str]]:
        """Sizes and names of an object, or of all below that name."""
        import pyarrow.fs  # noqa: PLC0415  # as above

        (found,) = self.system.get_file_info([wanted])
        if found.type == pyarrow.fs.FileType.File:
            return [(found.size, found.path)]
        below = pyarrow.fs.FileSelector(wanted, allow_not_found=True, recursive=recursive)
        infos = self.system.get_file_info(below)
        return [(info.size, info.path) for info in infos if info.type == pyarrow.fs.FileType.File]

    def _kept_below(self, folder: str) -> str:
        """The name of the folder in which the files of an attempt are kept; empty where no result names one."""
        try:
            told = json.loads(self._read(f"{folder}/{RESULT}") or b"{}").get(KEPT)
        except (AttributeError, ValueError):
            raise SurroundingsError(f"{RESULT} in {folder} is damaged; start another attempt") from None
        return told if isinstance(told, str) and _KEPT_NAME.fullmatch(told) else ""

    def _read(self, name: str) -> bytes | None:
        try:
            with self.system.open_input_stream(name) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def _object(self, path: Path) -> str:
        return str(PurePosixPath(path.relative_to(self.root / Scheme.S3)))

    def _place(self, name: str) -> Path:
        """The file of an object; a name that leads out of the folder is nobody's of ours.

        Raises:
            SurroundingsError: It does.
        """
        if any(segment in {"", ".", ".."} for segment in name.split("/")):
            raise SurroundingsError(f"the store holds an object whose name is no path: {name[:80]!r}")
        return self.root / Scheme.S3 / name

    @contextmanager
    def words(self) -> Iterator[None]:
        """Say what an error of the store means."""
        try:
            yield
        except UserError as problem:
            raise self._told(problem) from None
        except OSError as problem:
            from mlwright.trainer.s3 import meaning, reader  # noqa: PLC0415  # as above

            found = meaning(str(problem), self.storage, self.address.volume, reader(self.storage, self.env))
            if found is None:
                raise
            raise self._told(found) from None

    def _told(self, problem: UserError) -> UserError:
        """What is said of the data's store, said of this one."""
        field = problem.field.replace(DATA, self.where)
        remedy = problem.remedy.replace("list and get objects", "list, get and put objects")
        # a bucket that is not there yet is waited for as well
        return UserError(field, problem.sentence, remedy, reason=STORAGE_AWAY if problem.reason else None)


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The stores of a pod, and what it wants of them; with none all of it does nothing."""

    stores: tuple[Store, ...] = ()
    wanted: tuple[Path, ...] = ()

    def fetch_wanted(self) -> None:
        """Fetch what the pod works on.

        Raises:
            UserError: A store refuses, or is away.
        """
        for path in self.wanted:
            self.fetch(path)

    def fetch_bundles(self) -> None:
        """Fetch what the pod works on, which are bundles that must be there.

        Raises:
            UserError: A store refuses or is away, nothing lies there, or more than bundles have.
        """
        for path in self.wanted:
            store = self._of(path)
            if store is None:
                continue
            store.fetch(path, BUNDLE_MAX_BYTES)
            if not path.exists():
                raise UserError(f"{store.where}.uri", "nothing lies at this address", BRING_BACK)

    def holds(self, path: Path) -> bool:
        """Tell whether a file is the copy of an object; no file on a volume is."""
        return self._of(path) is not None

    def fetch(self, path: Path) -> None:
        """Fetch what may have been written since; nothing of what lies on a volume.

        Raises:
            UserError: The store refuses, or is away.
        """
        if store := self._of(path):
            store.fetch(path)

    def send(self, path: Path) -> None:
        """Keep a file; nothing of what lies on a volume, where it is kept already.

        Raises:
            UserError: The store refuses, or is away.
        """
        if store := self._of(path):
            store.send(path)

    def keep(self, workspace: Workspace, result: Result) -> Result:
        """Keep the folder of an attempt that has a result: the mark of its owner first, the result last.

        Another pod may have ended with this attempt meanwhile: then its result is the one that counts.

        Returns:
            The result as others find it.

        Raises:
            UserError: The store refuses, or is away.
        """
        store = self._of(workspace.folder)
        if store is None:
            return result
        patience = PATIENCE if result.outcome is Outcome.SUCCEEDED else 0.0  # of a failure nothing is lost
        if earlier := patiently(partial(store.result, workspace.folder), patience):
            return earlier
        if (workspace.run / OWNED).exists():
            patiently(partial(store.send, workspace.run / OWNED), patience)
        return store.keep(workspace.folder, result, patience)

    def _of(self, path: Path) -> Store | None:
        return next((store for store in self.stores if store.holds(path)), None)


def read_artifacts(env: Mapping[str, str], root: Path) -> Artifacts:
    """Read the document in `MLWRIGHT_ARTIFACTS`; without it nothing lies in a store.

    Raises:
        UserError: It is not what the contract says.
    """
    if VARIABLE not in env:
        return Artifacts()
    document = document_in(env, VARIABLE, _refuse)
    stores = tuple(_store(entry, env, root) for entry in document.children("stores"))
    fetched = (addresses.parse(uri, field=VARIABLE, schemes=(Scheme.S3,)) for uri in document.texts("fetch"))
    return Artifacts(stores, tuple(addresses.locate(address, root) for address in fetched))


def _store(entry: Document, env: Mapping[str, str], root: Path) -> Store:
    storage = read_storage(entry.child("storage"))
    where = entry.text("field")
    address = addresses.parse(entry.text("uri"), field=f"{where}.uri", schemes=(Scheme.S3,))
    return Store(address, storage, where, _keys(storage, entry.text("keys"), env), root)


def _keys(storage: Storage, before: str, env: Mapping[str, str]) -> Mapping[str, str]:
    """Where the client finds its keys: what the pod has for the data may be somebody else's."""
    if not storage.secret:
        return env
    return {name: env.get(before + name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def patiently(action: Callable[[], T], patience: float, pause: float = 1) -> T:
    """Do something that keeps finished work, again and again while the store is away; pauses (seconds) double.

    Raises:
        UserError: The store refuses, or is away for longer than `patience` seconds.
    """
    over = time.monotonic() + patience
    while True:
        try:
            return action()
        except UserError as problem:
            if problem.reason != STORAGE_AWAY or time.monotonic() + pause > over:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _regular(path: Path) -> BinaryIO:
    """Open a file that others may have left, of which only the name was looked at.

    A link would lead to what only this container may read, such as its keys, and opening a pipe may wait for ever.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as problem:
        if problem.errno != errno.ELOOP:
            raise
    else:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        file.close()
    raise SurroundingsError(f"{path.name} is no regular file: remove it")


def _is_kept(name: str, top: int) -> bool:
    """Whether an object lies in a folder of kept files that is deeper than `top` segments."""
    return any(_KEPT_NAME.fullmatch(segment) for segment in name.split("/")[top:-1])


def _moved(value: Any, here: str, there: str) -> Any:
    """A value of JSON in which all addresses that begin with `here` begin with `there`."""
    if isinstance(value, str):
        return there + value.removeprefix(here) if value.startswith(here) else value
    if isinstance(value, Mapping):
        return {key: _moved(inner, here, there) for key, inner in value.items()}
    return [_moved(inner, here, there) for inner in value] if isinstance(value, list) else value


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path or VARIABLE, problem, f"correct it in {VARIABLE}")
