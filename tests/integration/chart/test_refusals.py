"""How the chart refuses wrong values, and how it tells what its values mean."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import yaml

from tests.support.apiserver import Json
from tests.support.chart import CHART, IMAGES, ChartError, helm, render


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"images": {"operator": ""}}, "images.operator is empty and no image is published: build it (make images)"),
        (
            {"images": IMAGES | {"server": "x:5000/s"}},
            'images.server is "x:5000/s": a bare name means whatever is newest',
        ),
        ({"artifacts": {"uri": "s3://x"}}, 'artifacts.uri is "s3://x", expected pvc://CLAIM/path: name a'),
        (
            {"serviceAccount": {"create": False}},
            "serviceAccount.create is false and serviceAccount.name is empty: name the",
        ),
        ({"replicas": "two"}, "at '/replicas': got string, want integer"),
        ({"replicas": -1}, "at '/replicas': minimum: got -1, want 0"),
        ({"replica": 3}, "at '': additional properties 'replica' not allowed"),
        ({"log": {"level": "info"}}, "at '/log/level': value must be one of 'DEBUG', 'INFO', 'WARNING', 'ERROR'"),
        (
            {"imagePullPolicy": "always"},
            "at '/imagePullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
        ),
        ({"policies": {"enable": False}}, "at '/policies': additional properties 'enable' not allowed"),
        ({"resources": {"memory": "1Gi"}}, "at '/resources': additional properties 'memory' not allowed"),
        ({"workers": 0}, "at '/workers': minimum: got 0, want 1"),
    ],
    ids=str,
)
def test_wrong_values_are_refused(values: Json, sentence: str) -> None:
    """The refusal names the value and what is expected."""
    with pytest.raises(ChartError, match=re.escape(sentence)):
        render(values)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({}, "A MODEL ANSWERS EVERYBODY UNLESS spec.server.auth IS SET."),
        ({}, "ARTIFACTS: artifacts.uri is not set, so each pipeline or its Model must say where"),
        ({"artifacts": {"uri": "pvc://store/ml"}}, "ARTIFACTS (runs and bundles) go to pvc://store/ml unless"),
        ({"images": {"operator": "a:1"}}, "NO TRAINER IMAGE: images.trainer is not set"),
        ({"images": {"operator": "a:1"}}, "NO SERVER IMAGE: images.server is not set"),
        ({"policies": {"enabled": False}}, "THE ADMISSION POLICIES ARE OFF"),
        ({}, "keeps the CRDs, and with them every model, run and deployment"),
        ({"crds": {"install": False}}, "the CRDs are not part of this release"),
    ],
    ids=str,
)
def test_the_notes_say_what_matters(values: Json, sentence: str) -> None:
    """Whoever installs reads them once, at the right moment."""
    given = {"images": IMAGES} | values

    assert sentence in helm("install", "mlwright", str(CHART), "--dry-run=client", values=given)


def test_every_value_is_documented() -> None:
    """A comment that begins with -- stands above every value, so that values.yaml is the manual."""
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    bare = [line for before, line in pairwise(lines) if _value(line) and not before.strip().startswith("#")]

    assert bare == []


def _value(line: str) -> bool:
    return bool(re.match(r"\s*[A-Za-z]+:( \S|$)", line)) and not re.match(
        r"(images|artifacts|log|crds|policies|userRoles|serviceAccount|metrics|outside|prometheus|resources|training|traffic|networkPolicy):$"
        r"|  embedded:$|\s+(requests|limits):",
        line,
    )


def test_the_schema_knows_every_value_and_no_other() -> None:
    """A value without schema would be refused, a schema without value would be a lie."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert _paths(values, schema) == _schema_paths(schema) - {"global"}


def _paths(values: Json, schema: Json, prefix: str = "") -> set[str]:
    found = set()
    for name, value in values.items():
        known = schema["properties"].get(name, {})
        nested = "properties" in known and isinstance(value, dict)
        found |= _paths(value, known, f"{prefix}{name}.") if nested else {f"{prefix}{name}"}
    return found


def _schema_paths(schema: Json, prefix: str = "") -> set[str]:
    found = set()
    for name, known in schema["properties"].items():
        found |= _schema_paths(known, f"{prefix}{name}.") if "properties" in known else {f"{prefix}{name}"}
    return found
