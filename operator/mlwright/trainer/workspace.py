"""The folder of one attempt of a step, which appears complete or not at all.

Everything is written into a temporary sibling that is renamed when its last file, `result.json`, is there. A folder
that has a result is never written again: a pod that is started twice reports the first result.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.bundle import addresses
from mlwright.constants import OWN_PREFIX
from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.possession import Owner, claim
from mlwright.trainer.results import RESULT, Outcome, Result
from mlwright.trainer.step import Step, StepName

BUNDLE: Final = "bundle"
"""Folder of the bundle in that of the step train."""

FINDINGS: Final = "checks.json"
"""What is wrong with the data, for programs; people read the report."""
KEPT: Final = frozenset({FINDINGS, "data-report.html"})
"""What stays of a step that failed, beside its result: people must see why."""

_TEMPORARY: Final = ".tmp"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where one attempt of a step leaves its files."""

    run: Path
    step: str
    attempt: int
    shard: int | None = None
    """Number of the pod among those that do the step together; each has a folder in that of the attempt."""
    owner: Owner | None = None
    """Whose the run's folder is."""

    @classmethod
    def of(cls, step: Step, root: Path) -> "Workspace":
        """The workspace of a step below the mount root.

        Raises:
            AddressError: The run's address is refused.
        """
        address = addresses.parse(step.run_uri, field="runUri", schemes=addresses.DATA)
        return cls(addresses.locate(address, root), step.name, step.run.attempt, owner=step.owner)

    @property
    def folder(self) -> Path:
        """Where the complete result stands."""
        attempt = f"{self.step}-{self.attempt}"
        return self.run / attempt if self.shard is None else self.run / attempt / str(self.shard)

    @property
    def draft(self) -> Path:
        """Where files are written until the result is complete."""
        return self.folder.with_name(f".{self.folder.name}{_TEMPORARY}")

    @property
    def before(self) -> Path:
        """Where a container of somebody's own writes whose work this step takes in."""
        return self.run / f".{OWN_PREFIX}{self.folder.name}{_TEMPORARY}"

    def finished(self) -> Result | None:
        """The result of an earlier start of the same attempt.

        Raises:
            SurroundingsError: There is a result that cannot be read.
            OSError: The volume cannot be read.
        """
        try:
            text = (self.folder / RESULT).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return Result.from_json(text)
        except ValueError:
            raise SurroundingsError(f"{RESULT} of {self.folder.name} is damaged; start another attempt") from None

    def begin(self) -> Path:
        """Mark the run's folder, remove what crashed starts of this step left, and make an empty draft folder.

        Raises:
            OSError: The volume cannot be written.
        """
        self.draft.parent.mkdir(parents=True, exist_ok=True)
        claim(self.run, self.owner)
        for left in self.draft.parent.iterdir():
            if self._is_draft(left.name):
                shutil.rmtree(left)
        self.draft.mkdir()
        return self.draft

    def _is_draft(self, name: str) -> bool:
        """Whether this is a draft of this step, of whichever attempt; other steps and shards are at work beside it."""
        if self.shard is not None:
            return name == self.draft.name
        return re.fullmatch(rf"\.{re.escape(self.step)}-\d+{re.escape(_TEMPORARY)}", name) is not None

    def publish(self, result: Result) -> Result:
        """Write the result as the last file and let the folder appear; a result that is there already wins.

        A failure keeps nothing but its result and what explains it.

        Raises:
            OSError: The volume cannot be written.
        """
        if result.outcome is not Outcome.SUCCEEDED:
            self._tidy()
        (self.draft / RESULT).unlink(missing_ok=True)  # a link that a container left must not lead us elsewhere
        (self.draft / RESULT).write_bytes(result.to_json())
        _flush(self.draft)
        try:
            self.draft.rename(self.folder)
        except OSError:
            earlier = self.finished()
            if earlier is None:
                raise
            shutil.rmtree(self.draft)
            return earlier
        _flush_folder(self.folder.parent)
        return result

    def _tidy(self) -> None:
        """Remove all that a failed step left but what explains the failure."""
        if not self.draft.is_dir():
            self.begin()
        for left in self.draft.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            elif left.name not in KEPT or left.is_symlink():
                left.unlink()


def _flush(folder: Path) -> None:
    """Bring every file to the disk: a node that dies after the rename must not leave a folder of empty files."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def earlier_folder(step: Step, wanted: StepName, root: Path) -> Path:
    """Folder of the result of an earlier step of this run.

    Raises:
        AddressError: Its address is refused.
        SurroundingsError: The address is not given, or holds no successful result.
    """
    if wanted not in step.inputs:
        raise SurroundingsError(f"inputs.{wanted} is not given to the step {step.name}")
    address = addresses.parse(step.inputs[wanted], field=f"inputs.{wanted}", schemes=addresses.DATA)
    folder = addresses.locate(address, root)
    if read_earlier(folder).outcome is not Outcome.SUCCEEDED:
        raise SurroundingsError(f"the step {wanted} in {address} did not succeed")
    return folder


def read_earlier(folder: Path) -> Result:
    """The result in the folder of an earlier step.

    Raises:
        SurroundingsError: There is none, or it is damaged.
    """
    try:
        return Result.from_json((folder / RESULT).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise SurroundingsError(f"{folder.name} holds no result of its step") from None
