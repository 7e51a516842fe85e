"""The embedded Prometheus: what it scrapes, what it may see, and whom the operator asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.commands import run
from mlwright.constants import LABEL_DEPLOYMENT
from tests.support.apiserver import Json
from tests.support.chart import IMAGES, RELEASE, ChartError, one, render
from tests.support.podsecurity import violations
from tests.support.prometheus import program

EMBEDDED: Json = {
    "images": IMAGES | {"prometheus": "example.test/prometheus:1"},
    "prometheus": {"embedded": {"enabled": True}},
}


def _url(values: Json) -> str:
    """The address that the operator is given."""
    things = render(values)
    (deployment,) = [
        x for x in things if x["kind"] == "Deployment" and not x["metadata"]["name"].endswith("prometheus")
    ]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return next(str(v["value"]) for v in container["env"] if v["name"] == "MLWRIGHT_PROMETHEUS_URL")


def _with(**prometheus: Any) -> Json:
    return EMBEDDED | {"prometheus": {**EMBEDDED["prometheus"], **prometheus}}


def test_nothing_of_it_is_there_by_default() -> None:
    """Whoever has a Prometheus gets no second one."""
    assert not [thing for thing in render() if "prometheus" in thing["metadata"]["name"]]
    assert _url({}) == ""


def test_the_operator_asks_the_embedded_one_unless_another_is_named() -> None:
    """Its Service, in the operator's namespace."""
    service = one(render(EMBEDDED), "Service", "-prometheus")

    assert _url(EMBEDDED) == f"http://{service['metadata']['name']}.{service['metadata']['namespace']}:9090"
    assert _url(_with(url="https://metrics.example.com")) == "https://metrics.example.com"


def test_its_configuration_is_one_that_prometheus_takes(tmp_path: Path) -> None:
    """Checked by its own tool, for the whole cluster and for one namespace."""
    for values in (EMBEDDED, EMBEDDED | {"watchNamespace": "team-a"}):
        file = tmp_path / "prometheus.yml"
        file.write_text(one(render(values), "ConfigMap", "-prometheus")["data"]["prometheus.yml"], encoding="utf-8")
        run("checking the configuration", [program("promtool"), "check", "config", file])


def test_it_hears_from_the_operator_which_pods_there_are() -> None:
    """From a Service that leads to the operator's pods."""
    things = render(EMBEDDED)
    (job,) = yaml.safe_load(one(things, "ConfigMap", "-prometheus")["data"]["prometheus.yml"])["scrape_configs"]
    service = one(things, "Service", "-targets")
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]

    assert job["http_sd_configs"][0]["url"] == f"http://{name}.{namespace}:8081/targets"
    labels = one([x for x in things if x["metadata"]["name"] == RELEASE], "Deployment")["spec"]["template"]["metadata"][
        "labels"
    ]
    assert service["spec"]["selector"].items() <= labels.items()


def test_what_pods_say_of_themselves_is_not_believed() -> None:
    """Namespace and pod come from the operator; a pod that claims others is renamed."""
    (job,) = yaml.safe_load(one(render(EMBEDDED), "ConfigMap", "-prometheus")["data"]["prometheus.yml"])[
        "scrape_configs"
    ]

    assert job["honor_labels"] is False


def test_it_speaks_to_no_api_server() -> None:
    """It has no rights, and no token."""
    things = render(EMBEDDED)
    pod = one(things, "Deployment", "-prometheus")["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert not [x for x in things if "Role" in x["kind"] and x["metadata"]["name"].endswith("-prometheus")]


def test_its_pod_is_restricted() -> None:
    """Pod Security's strictest profile."""
    pod = one(render(EMBEDDED), "Deployment", "-prometheus")["spec"]["template"]["spec"]

    assert violations(pod) == []


def test_its_samples_may_outlive_it() -> None:
    """On a claim, where one is named."""
    pod = one(render(_with(embedded={"enabled": True, "claimName": "samples"})), "Deployment", "-prometheus")
    volumes = {volume["name"]: volume for volume in pod["spec"]["template"]["spec"]["volumes"]}

    assert volumes["samples"] == {"name": "samples", "persistentVolumeClaim": {"claimName": "samples"}}


def test_without_an_image_the_remedy_is_told() -> None:
    """Nothing is published, so somebody must build it."""
    with pytest.raises(
        ChartError, match=r"images.prometheus is empty and prometheus.embedded.enabled is true: build it"
    ):
        render({"prometheus": {"embedded": {"enabled": True}}})


def test_a_pod_monitor_selects_the_same_pods() -> None:
    """For those who run the Prometheus operator."""
    monitor = one(render({"prometheus": {"podMonitor": True}}), "PodMonitor")

    assert monitor["spec"]["namespaceSelector"] == {"any": True}
    assert monitor["spec"]["selector"] == {
        "matchLabels": {"app.kubernetes.io/managed-by": "mlwright"},
        "matchExpressions": [{"key": LABEL_DEPLOYMENT, "operator": "Exists"}],
    }
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "http", "path": "/metrics", "interval": "15s"}]
    one_namespace = one(render({"prometheus": {"podMonitor": True}, "watchNamespace": "team-a"}), "PodMonitor")
    assert one_namespace["spec"]["namespaceSelector"] == {"matchNames": ["team-a"]}
