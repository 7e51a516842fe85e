"""The chart's files agree with the rest of the repository."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

from mlwright.adapters.kube.connect import OLDEST

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "mlwright"
ABOUT = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))


def test_the_chart_asks_for_the_kubernetes_that_the_operator_needs() -> None:
    """Helm's refusal comes before the first object, the operator's after the last."""
    assert ABOUT["kubeVersion"] == ">={}.{}.0-0".format(*OLDEST)


def test_chart_and_operator_have_one_version() -> None:
    """They are made and tested together."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {ABOUT["version"], ABOUT["appVersion"]} == {project["version"]}


def test_the_chart_has_the_repositorys_crds() -> None:
    """Helm reads nothing outside a chart, so it holds a copy."""
    copies, originals = (
        {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")}
        for folder in (CHART / "files" / "crds", ROOT / "crds")
    )

    assert copies == originals
