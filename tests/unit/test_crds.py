"""The generated files of the kinds that exist."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml

from mlwright.api.crds.__main__ import main, write
from mlwright.api.crds.definition import MAX_BYTES, definition, file_name, text
from mlwright.api.kinds import KINDS, Kind
from mlwright.api.metrics import MetricName
from mlwright.scoring import METRICS, Task, metrics_of

ROOT = Path(__file__).parents[2]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


@EVERY_KIND
def test_the_committed_crd_is_what_the_models_give(kind: Kind) -> None:
    """A model changed without `make generate` would be admitted by its old rules."""
    assert (ROOT / "crds" / file_name(kind)).read_text(encoding="utf-8") == text(kind)


@EVERY_KIND
def test_a_crd_is_small_enough_for_every_tool(kind: Kind) -> None:
    """Some tools keep a second copy in an annotation, which has a limit of its own."""
    assert len(text(kind).encode()) < MAX_BYTES


@EVERY_KIND
def test_the_text_says_what_the_data_says(kind: Kind) -> None:
    """No word of a CRD changes its meaning on the way through YAML."""
    assert yaml.safe_load(text(kind)) == definition(kind)


def test_files_of_kinds_that_are_gone_are_removed(tmp_path: Path) -> None:
    """A CRD that nothing generates any more would be installed for ever."""
    (tmp_path / "mlwright.dev_ghosts.yaml").write_text("kind: Ghost")

    write(tmp_path, tmp_path / "docs")

    assert {path.name for path in tmp_path.glob("*.yaml")} == {file_name(kind) for kind in KINDS.values()}
    assert {path.name for path in (tmp_path / "docs").iterdir()} == {"reference.md", "conditions.md"}


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    """Two folders are wanted."""
    assert main([]) == 2
    assert "CRDS DOCS" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["reference.md", "conditions.md"])
def test_the_committed_pages_are_what_the_code_gives(page: str, tmp_path: Path) -> None:
    """A reference that lags behind is worse than none."""
    write(tmp_path / "crds", tmp_path)

    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == (tmp_path / page).read_text(encoding="utf-8")


def test_the_metrics_that_may_be_asked_for_are_those_that_can_be_computed() -> None:
    """A name that admission takes and the evaluation does not know would fail a run at its very end."""
    assert set(get_args(MetricName)) == set(METRICS)


def test_every_metric_belongs_to_a_task() -> None:
    """A metric that no task takes would be a trap in the enum."""
    assert {name for task in Task for name in metrics_of(task)} == set(METRICS)
