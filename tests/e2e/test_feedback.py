"""Late labels: they find their prediction from its id alone, also when another revision serves by then."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.support.apiserver import Json
from tests.support.asking import ask
from tests.support.flights import request
from tests.support.live import host_of
from tests.support.manifests import FLIGHTS, deployment, model, secret, version
from tests.support.s3server import serving
from tests.support.shelf import Shelf

NAME = "labelled"
FEEDBACK: Json = {"enabled": True, "keySecretRef": {"name": NAME}, "labelWindow": "1h"}


def test_labels_count_for_the_revision_that_predicted(shelf: Shelf) -> None:
    """A prediction of version 1 is labelled when version 2 serves; both are told apart in the series."""
    live = shelf.live
    live.apply(secret(NAME, {"key-1": os.urandom(32)}), model(NAME), version(NAME, 1, FLIGHTS, shelf.digest))
    live.apply(deployment(NAME, NAME, server={"drain": "0s"}, feedback=FEEDBACK))
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")
    first = live.status("ModelDeployment", NAME)["stable"]["revision"]
    with live.port_forward(f"service/{NAME}", 80) as url:
        early = predicted(url)

    live.apply(version(NAME, 2, FLIGHTS, shelf.digest))
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v2 serves with 1 of 1 pods ready")
    with live.port_forward(f"service/{NAME}", 80) as url:
        told = [ask(f"{url}/v2/models/{NAME}/feedback", {"prediction_id": early, "labels": [False, True]})]
        told.append(ask(f"{url}/v2/models/{NAME}/feedback", {"prediction_id": early, "labels": [False, True]}))
        counted = series(url)

    assert [answer.status for answer in told] == [200, 409]
    assert told[0].body == {"revision": first, "accepted": {"labels": 2, "rewards": 0}}
    assert f'predicted_revision="{first}",correct="true"}} 2' in counted
    assert "mlwright_feedback_refused_total" in counted


def test_rows_are_counted_in_bins(shelf: Shelf) -> None:
    """What a pod was asked and answered stands at its /metrics, in the bins of the bundle."""
    live = shelf.live
    live.apply(model("binned"), version("binned", 1, FLIGHTS, shelf.digest), deployment("binned", "binned"))
    live.reaches("ModelDeployment", "binned", "Ready", "1 of 1 pods ready")

    with live.port_forward("service/binned", 80) as url:
        ask(f"{url}/v2/models/binned/infer", request())
        counted = series(url)

    assert 'feature="carrier",bin="unseen"} 1\n' in counted
    assert 'output="label",bin="1"} 1\n' in counted


def test_a_sample_of_requests_is_written_to_a_claim(shelf: Shelf) -> None:
    """Each line is a request and its answer; the pod needs no more rights than before."""
    live = shelf.live
    log = {"payloadLog": {"sample": 1.0, "uri": "pvc://store/payloads"}}
    live.apply(
        model("sampled"), version("sampled", 1, FLIGHTS, shelf.digest), deployment("sampled", "sampled", server=log)
    )
    live.reaches("ModelDeployment", "sampled", "Ready", "1 of 1 pods ready")

    with live.port_forward("service/sampled", 80) as url:
        answer = ask(f"{url}/v2/models/sampled/infer", request())
        written = 'mlwright_payloads_written_total{deployment="sampled"'
        live.until("the line is written", lambda: re.search(rf"{re.escape(written)}[^ ]* 1\n", series(url)))
    line = json.loads(shelf.porter.run("cat payloads/sampled/*.jsonl"))

    assert data(line["inputs"]) == data(request()["inputs"])
    assert data(line["outputs"]) == data(answer.body["outputs"])


def test_a_sample_of_requests_goes_to_an_object_store_and_is_asked_again(shelf: Shelf, tmp_path: Path) -> None:
    """It is there when its pod has ended; the pod that serves has no keys, and the preflight of the next finds it."""
    live = shelf.live
    host = host_of(live.api)
    with serving(tmp_path / "s3", host=host) as store:
        bucket = store.bucket("logs")
        live.apply(secret("log-keys", {name: key.encode() for name, key in store.keys.items()}))
        storage = {"endpointURL": store.endpoint, "secretRef": {"name": "log-keys"}}
        log = {"drain": "0s", "payloadLog": {"sample": 1.0, "uri": "s3://logs/live", "storage": storage}}
        asks = {"preflight": {"replay": {"requests": 10}}}
        live.apply(model("sent"), version("sent", 1, FLIGHTS, shelf.digest))
        live.apply(deployment("sent", "sent", server=log, rollout=asks))
        live.reaches("ModelDeployment", "sent", "Ready", "1 of 1 pods ready")
        with live.port_forward("service/sent", 80) as url:
            answer = ask(f"{url}/v2/models/sent/infer", request())
        [pod] = live.all("Pod", deployment="sent")
        live.kubectl("delete", "pod", pod["metadata"]["name"])
        [path] = live.until("the line is in the store", lambda: list(bucket.rglob("live/*/sent/*/*/*.jsonl")))
        line = json.loads(path.read_text())
        live.reaches("ModelDeployment", "sent", "Ready", "1 of 1 pods ready")
        live.apply(version("sent", 2, FLIGHTS, shelf.digest))
        live.reaches("ModelDeployment", "sent", "Ready", "sent-v2 serves with 1 of 1 pods ready")
    [promoted] = [one for one in live.all("Decision") if one["spec"]["version"] == "sent-v2"]

    assert "log-keys" not in str(pod["spec"]["containers"])
    assert data(line["outputs"]) == data(answer.body["outputs"])
    assert "1 recorded request" in promoted["spec"]["evidence"]["rollout"]["replayed"]


def data(tensors: list[Json]) -> dict[str, list[object]]:
    """Values by the name of the input or output."""
    return {tensor["name"]: tensor["data"] for tensor in tensors}


def predicted(url: str) -> str:
    """The id of a prediction of two rows."""
    parameters: Mapping[str, str] = ask(f"{url}/v2/models/{NAME}/infer", request()).body["parameters"]
    return parameters["prediction_id"]


def series(url: str) -> str:
    """What the pod shows to Prometheus."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:  # noqa: S310 - the address is the test's own
        return str(answer.read().decode())
