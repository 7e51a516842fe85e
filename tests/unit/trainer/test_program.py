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
            OSError(errno.ENOSPC, "No space left on device", "/mnt/pvc/models/runs/train.parquet"),
            "claim models is full: free space on it or use a larger one",
            id="a full claim",
        ),
        pytest.param(
            OSError(errno.ENOSPC, "No space left on device", "/mnt/s3/models/runs/train.parquet"),
            "the pod has no more room on the disk of its node, where it keeps temporary files and copies from object"
            " stores: free that disk, or give the pod more ephemeral-storage in pod.resources",
            id="a full disk of copies from a store",
        ),
        pytest.param(
            PermissionError(errno.EACCES, "Permission denied", "/mnt/pvc/models/runs"),
            "runs cannot be read or written: let the user of the pod do so in claim models",
            id="a claim of somebody else",
        ),
        pytest.param(
            PermissionError(errno.EACCES, "Permission denied", "/home/optuna"),
            "optuna cannot be read or written: let the user of the pod do so in the folder that it is in",
            id="a folder of somebody else",
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
    failure = _failure(problem, "train", None, Path("/mnt"))

    assert (failure.outcome, failure.exit_code, failure.sentence) == (Outcome.FAILED, 70, sentence)


@pytest.mark.parametrize(
    "claims,sentence",
    [
        pytest.param((), "the pod has no more room on the disk of its node", id="there is no claim"),
        pytest.param(("models",), "a disk is full: that of claim models, or what the pod may", id="one with room"),
        pytest.param(("lake", "models"), "a disk is full: that of one of the claims lake, models, or", id="two"),
    ],
)
def test_of_a_full_disk_that_nobody_names_it_is_said_what_it_may_be(
    tmp_path: Path, claims: tuple[str, ...], sentence: str
) -> None:
    """Libraries tell no file: where no claim is full by now, it was one of them or the disk of the node."""
    for claim in claims:
        (tmp_path / "pvc" / claim).mkdir(parents=True)

    failure = _failure(OSError(errno.ENOSPC, "No space left on device"), "train", None, tmp_path)

    assert failure.sentence.startswith(sentence)


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
