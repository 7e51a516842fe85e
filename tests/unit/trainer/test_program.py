"""Sentences for what nobody meant to happen."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.program import _failure, main
from mlwright.trainer.results import Outcome


@pytest.mark.parametrize(
    "problem,sentence",
    [
        pytest.param(
            OSError(errno.ENOSPC, "No space left on device", "/mnt/store/train.parquet"),
            "the artifacts volume is full: free space on its claim or use a larger one",
            id="a full disk",
        ),
        pytest.param(
            PermissionError(errno.EACCES, "Permission denied", "/mnt/store/runs"),
            "runs cannot be written: let the user of the pod write to the artifacts claim",
            id="a volume of somebody else",
        ),
        pytest.param(
            OSError(errno.EIO, "Input/output error"),
            "reading or writing a file failed: Input/output error",
            id="a broken disk",
        ),
        pytest.param(
            MemoryError(),
            "the step needs more memory than the pod has: raise spec.pod.resources.limits.memory",
            id="too little memory",
        ),
        pytest.param(
            KeyError("Ada Lovelace"), "the step failed unexpectedly with KeyError; its log says more", id="a defect"
        ),
        pytest.param(SurroundingsError("the step before left nothing"), "the step before left nothing", id="ours"),
    ],
)
def test_a_failure_is_one_sentence_without_data(problem: Exception, sentence: str) -> None:
    """Paths of the machine and messages of libraries stay in the log."""
    failure = _failure(problem, "train", None)

    assert (failure.outcome, failure.exit_code, failure.sentence) == (Outcome.FAILED, 70, sentence)


@pytest.mark.parametrize(
    "arguments,env,field",
    [
        pytest.param([], {}, "STEP", id="no step"),
        pytest.param(["train", "now"], {}, "STEP", id="too many words"),
        pytest.param(["train"], {}, "MLWRIGHT_STEP", id="no document"),
    ],
)
def test_a_program_started_wrongly_says_so(
    tmp_path: Path, arguments: list[str], env: dict[str, str], field: str
) -> None:
    """In the termination message, like everything else."""
    words = tmp_path / "words"

    code = main(arguments, env | {"MLWRIGHT_TERMINATION_LOG": str(words)})

    assert code == 64
    assert json.loads(words.read_bytes())["field"] == field
