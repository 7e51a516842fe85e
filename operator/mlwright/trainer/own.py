"""Before and after a container of somebody's own: its folder is made, and what it left becomes the result of the step.

The container knows nothing of this: it finds paths in its environment and writes files. `prepare` runs before it and
`seal` after it, in the same pod; the folder of the attempt appears complete or not at all, as that of any step.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlwright.bundle import addresses
from mlwright.trainer.errors import UserError
from mlwright.trainer.files import as_text
from mlwright.trainer.possession import Owner, read_owner
from mlwright.trainer.results import RESULT, Outcome, Result
from mlwright.trainer.variables import document_in
from mlwright.trainer.workspace import Workspace

VARIABLE: Final = "MLWRIGHT_OWN"
SHARD: Final = "MLWRIGHT_SHARD"
LARGEST_RESULT: Final = 3072
"""Bytes of `result.json` that fit, with what is said around them, into a termination message of 4,096 bytes."""
SENTENCE: Final = 1000
"""Characters of a container's sentence that are kept."""


@dataclass(frozen=True, slots=True)
class Input:
    """Something that an earlier step made: its name here, where it comes from (`step.output`), its address."""

    name: str
    source: str
    uri: str


@dataclass(frozen=True, slots=True)
class Task:
    """What is known of the attempt."""

    run: str
    step: str
    attempt: int
    run_uri: str
    shard: int | None
    inputs: tuple[Input, ...]
    outputs: Mapping[str, str]
    """Type by name."""
    owner: Owner | None = None
    """Whose the run's folder is."""

    def field(self, *path: str) -> str:
        """Path in the pipeline's spec of something of this step."""
        return ".".join((f"spec.steps[{self.step}]", *path))

    def workspace(self, root: Path) -> Workspace:
        """Where the attempt leaves its files.

        Raises:
            AddressError: The run's address is refused.
        """
        address = addresses.parse(self.run_uri, field="runUri", schemes=addresses.DATA)
        return Workspace(addresses.locate(address, root), self.step, self.attempt, self.shard, self.owner)


def read_task(env: Mapping[str, str]) -> Task:
    """Read the document in `MLWRIGHT_OWN`.

    Raises:
        UserError: It is not there, or not what the contract says.
    """
    document = document_in(env, VARIABLE, _refuse)
    shard = env.get(SHARD, "")
    return Task(
        run=document.text("run"),
        step=document.text("step"),
        attempt=document.integer("attempt"),
        run_uri=document.text("runUri"),
        shard=int(shard) if shard.isdigit() else None,
        inputs=tuple(_input(entry) for entry in document.get("inputs", list, "a list")),
        outputs={entry["name"]: entry["type"] for entry in document.get("outputs", list, "a list")},
        owner=read_owner(document),
    )


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path or VARIABLE, problem, f"correct it in {VARIABLE}")


def _input(entry: Mapping[str, str]) -> Input:
    return Input(entry["name"], entry["from"], entry["uri"])


def prepare(task: Task, root: Path) -> Result:
    """Make the empty folder of the attempt, after a look at what it reads.

    Raises:
        UserError: an input is not there.
        OSError: the volume cannot be written.
    """
    for entry in task.inputs:
        path = addresses.locate(addresses.parse(entry.uri, field=task.field("inputs"), schemes=addresses.DATA), root)
        if not path.exists():
            raise UserError(
                task.field(f"inputs[{entry.name}]"),
                f"{entry.source} is not there",
                f"let step {entry.source.partition('.')[0]} write it, or correct the input",
            )
    draft = task.workspace(root).begin()
    for name, type_ in task.outputs.items():
        if type_ == "Dataset":
            (draft / name).mkdir()
    return _done(task, "the folder is ready", {})


def seal(task: Task, root: Path) -> Result:
    """Let the folder of the attempt appear, with what the container reported in `result.json`.

    Raises:
        UserError: the report is no JSON object or too long, or an output is missing.
        OSError: the volume cannot be written.
    """
    workspace = task.workspace(root)
    if earlier := workspace.finished():
        return earlier
    _check_plain(task, workspace.draft)
    sentence, results = _reported(task, workspace.draft / RESULT)
    for name, type_ in task.outputs.items():
        _check_output(task, name, type_, workspace.draft / name)
    return workspace.publish(_done(task, sentence, results))


SEAL: Final = "seal"
"""The part that makes the result."""
PARTS: Final[Mapping[str, Callable[[Task, Path], Result]]] = {"prepare": prepare, SEAL: seal}


def _done(task: Task, sentence: str, results: Mapping[str, Any]) -> Result:
    return Result(task.step, task.run, task.attempt, Outcome.SUCCEEDED, sentence, results)


def _check_plain(task: Task, draft: Path) -> None:
    """Refuse links: we may write where the container may not, and must not be led there. And names that are no text."""
    for folder, folders, files in os.walk(draft):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if (shown := as_text(path.name)) != path.name:
                problem = f"it left a file whose name is not UTF-8: {shown[:80]}"
                raise UserError(task.field("container"), problem, "rename it")
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                problem = f"it left {str(path.relative_to(draft))[:80]!r}, which is no plain file or folder"
                raise UserError(task.field("container"), problem, "write files and folders into the outputs, no links")


def _reported(task: Task, path: Path) -> tuple[str, dict[str, Any]]:
    """Read what the container says of itself; it need not say anything."""
    if not path.exists():
        return f"done; it left no {RESULT}", {}
    text = path.read_bytes()
    if len(text) > LARGEST_RESULT:
        problem = f"its {RESULT} holds {len(text):,} bytes, and at most {LARGEST_RESULT:,} are read"
        raise UserError(task.field("container"), problem, "report less there, and write the rest as an output")
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _broken(task, "is no JSON") from None
    results = document.get("results", {}) if isinstance(document, dict) else None
    sentence = document.get("sentence", "done") if isinstance(document, dict) else None
    if not isinstance(results, dict) or not isinstance(sentence, str) or not _sayable([sentence, results]):
        raise _broken(task, 'is no object such as {"sentence": "...", "results": {"rows": 1}}')
    return sentence[:SENTENCE], results


def _broken(task: Task, problem: str) -> UserError:
    remedy = "write one JSON object with the text sentence and the object results, or no such file"
    return UserError(task.field("container"), f"its {RESULT} {problem}", remedy)


def _no_number(text: str) -> float:
    raise ValueError(text)


def _sayable(told: object) -> bool:
    """Tell whether JSON of the API server takes it: 1e999 is read as infinity, and half of an emoji is no UTF-8."""
    try:
        json.dumps(told, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


def _check_output(task: Task, name: str, type_: str, path: Path) -> None:
    if not path.exists():
        problem, remedy = f"{name} was not written", f"write it to the path in MLWRIGHT_OUTPUT_{variable(name)}"
        raise UserError(task.field(f"outputs[{name}]"), problem, remedy)
    if type_ == "Dataset" and not any(path.iterdir()):
        problem, remedy = f"{name} holds no file", f"write data files into the folder MLWRIGHT_OUTPUT_{variable(name)}"
        raise UserError(task.field(f"outputs[{name}]"), problem, remedy)


def variable(name: str) -> str:
    """Return a name as part of the name of an environment variable.

    >>> variable("raw-data")
    'RAW_DATA'
    """
    return name.upper().replace("-", "_")
