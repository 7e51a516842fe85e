"""The ways to install beside Helm lead to the same objects."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from cluster import toolchain
from tests.support.apiserver import ROOT, Json
from tests.support.chart import one, render

MANIFESTS = ROOT / "manifests"
GITOPS = {
    "argocd": ("argocd/application.yaml", "Application", ("spec", "source", "helm", "valuesObject")),
    "flux": ("flux/release.yaml", "HelmRelease", ("spec", "values")),
}


def _kustomize(folder: str) -> list[Json]:
    helm = str(toolchain.helm())
    command = [str(toolchain.kubectl()), "kustomize", "--enable-helm", "--helm-command", helm, str(MANIFESTS / folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.load_all(text, yaml.CSafeLoader))


def _documents(path: str) -> list[Json]:
    return list(yaml.safe_load_all((MANIFESTS / path).read_text(encoding="utf-8")))


def _named(things: list[Json]) -> dict[str, Json]:
    return {f"{thing['kind']} {thing['metadata']['name']}": thing for thing in things}


def test_the_base_is_the_chart_and_a_namespace() -> None:
    """Kustomize renders the chart itself, so the two cannot differ."""
    (values,) = _documents("base/values.yaml")

    assert _named(_kustomize("base")) == _named([*_documents("base/namespace.yaml"), *render(values)])


def test_the_overlay_changes_what_it_says() -> None:
    """An overlay reaches images in the pod as well as those in the operator's settings."""
    pod = one(_kustomize("overlays/example"), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = {variable["name"]: variable.get("value") for variable in container["env"]}

    assert pod["terminationGracePeriodSeconds"] == 60
    assert container["image"] == "registry.example.com/staging/mlwright/operator:0.1.0-rc1"
    assert settings["MLWRIGHT_SERVER_IMAGE"] == "registry.example.com/staging/mlwright/server:0.1.0-rc1"
    assert settings["MLWRIGHT_WORKERS"] == "8"


@pytest.mark.parametrize("path, kind, place", GITOPS.values(), ids=GITOPS)
def test_the_chart_takes_the_values_of_the_gitops_examples(path: str, kind: str, place: tuple[str, ...]) -> None:
    """An example that the chart refuses is worse than none."""
    values = one(_documents(path), kind)
    for name in place:
        values = values[name]

    (container,) = one(render(values), "Deployment")["spec"]["template"]["spec"]["containers"]

    assert container["image"] == values["images"]["operator"]
