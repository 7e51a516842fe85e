"""That the policies ask for every Secret that a spec can name: a field that is forgotten there opens Secrets to all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
POLICIES = (ROOT / "charts/mlwright/templates/policies.yaml").read_text()


def fields(schema: Any, above: str) -> Iterator[str]:
    """Yield the paths of fields that name a Secret, in no list, as the expressions of the policies write them."""
    for name, inner in schema.get("properties", {}).items():
        path = f"{above}.?{name}"
        if name.lower().endswith("secretref"):
            yield f"{path}.?name"
        yield from fields(inner, path)


def named() -> list[str]:
    """Return all of them, of all kinds."""
    crds = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    schemas = [version["schema"]["openAPIV3Schema"] for crd in crds for version in crd["spec"]["versions"]]
    return sorted({path for one in schemas for path in fields(one["properties"]["spec"], "object.spec")})


@pytest.mark.parametrize("field", named())
def test_whoever_names_a_secret_is_asked_for_it(field: str) -> None:
    """By the expression that gathers the names."""
    assert f'{field}.orValue("")' in POLICIES
