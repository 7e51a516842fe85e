"""A version is served by MLServer in an image built here: with ours beside, both say the same."""

from __future__ import annotations

import pytest

from cluster.images import content_tag, name_of
from tests.support.asking import ask
from tests.support.flights import request
from tests.support.manifests import deployment
from tests.support.shelf import Shelf

pytestmark = pytest.mark.mlserver


def test_mlserver_answers_as_the_built_in_server_does(shelf: Shelf) -> None:
    """The operator starts it, waits until it is ready and leads the address to it; the model is that of the bundle."""
    live = shelf.live
    own = {"image": name_of("mlserver", content_tag("mlserver")), "protocol": "OIPv2"}
    live.apply(deployment("flights", "flights", runtime={"type": "Container", "container": own}))
    live.apply(deployment("ours", "flights"))
    for name in ("flights", "ours"):
        live.reaches("ModelDeployment", name, "Ready", "flights-v1 serves with 1 of 1 pods ready", seconds=300)

    answers = []
    for name in ("flights", "ours"):
        with live.port_forward(f"service/{name}", 80) as url:
            answers.append(ask(f"{url}/v2/models/{name}/infer", request()).body)

    label, probabilities = zip(*(answer["outputs"] for answer in answers), strict=True)
    assert label[0]["data"] == label[1]["data"] == [False, True]
    assert probabilities[0]["data"] == pytest.approx(probabilities[1]["data"])
