"""The chart as Helm renders it."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster import toolchain

Json = dict[str, Any]
CHART = Path(__file__).parents[2] / "charts" / "mlwright"
RELEASE, NAMESPACE = "mlwright", "mlwright-system"
OPERATOR_PODS = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
"""Selects the pods of the operator; Prometheus is of the same release."""
IMAGES: Json = {
    "operator": "example.test/operator:1",
    "trainer": "example.test/trainer:1",
    "server": "example.test/server:1",
    "router": "example.test/router:1",
}
JOBSETS: Json = {"group": "jobset.x-k8s.io", "version": "v1alpha2", "plural": "jobsets", "kind": "JobSet"}
"""A kind of another controller, as training.resources lists it."""


class ChartError(Exception):
    """Helm's words about values that it refuses."""


def render(
    values: Mapping[str, Any] | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
) -> list[Json]:
    """Return the objects of the chart; images are set unless `values` say otherwise.

    Raises:
        ChartError: the values are refused.
    """
    return copy.deepcopy(_rendered(json.dumps({"images": IMAGES} | dict(values or {})), release, namespace))


@functools.cache
def _rendered(values: str, release: str, namespace: str) -> list[Json]:
    text = helm("template", release, str(CHART), "--namespace", namespace, values=json.loads(values))
    return [thing for thing in yaml.load_all(text, yaml.CSafeLoader) if thing]  # the CRDs are long


def helm(*arguments: str, values: Mapping[str, Any] | None = None) -> str:
    """Run Helm and return what it printed.

    Raises:
        ChartError: it failed.
    """
    given = ["--values", "-"] if values is not None else []
    done = subprocess.run(
        [toolchain.helm(), *arguments, *given],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise ChartError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def one(things: list[Json], kind: str, suffix: str = "") -> Json:
    """Return the only object of a kind whose name ends so."""
    (found,) = [thing for thing in things if thing["kind"] == kind and thing["metadata"]["name"].endswith(suffix)]
    return found
