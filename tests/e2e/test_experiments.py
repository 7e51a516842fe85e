"""An experiment on the cluster: clients reward one of two versions more often, and that one takes over."""

from __future__ import annotations

import os
from collections import Counter
from itertools import count

import pytest

from mlwright.planners.experiment_outcome import differences
from tests.support.apiserver import Json
from tests.support.asking import ask
from tests.support.flights import RIGHT
from tests.support.leader import kill_the_leader
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, secret, version
from tests.support.shelf import Shelf

NAME = "compared"
ROWS = 100
REWARDED = {"1": 20, "2": 70}
"""Of the rows of a request, how many are worth something: version 2 is better."""


@pytest.mark.alone  # kills the leader
def test_an_experiment_finds_the_better_version(shelf: Shelf) -> None:
    """By rewards that clients send, although the leader is killed; the outcome can be computed again."""
    live = shelf.live
    feedback = {"enabled": True, "keySecretRef": {"name": NAME}}
    settings: Json = {"server": {"drain": "2s"}, "traffic": {"provider": "Router"}, "feedback": feedback}
    served = deployment(NAME, NAME, **settings)
    live.apply(secret(NAME, {"key-1": os.urandom(32)}), model(NAME), version(NAME, 1, FLIGHTS, shelf.digest), served)
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")
    stays = {"type": "Version", "ref": {"name": NAME}, "version": 1}

    live.apply({**served, "spec": {**served["spec"], "model": stays, "experiment": experiment()}})
    live.apply(version(NAME, 2, FLIGHTS, shelf.digest))
    live.reaches("ModelDeployment", NAME, "ExperimentRunning", "no difference is proven")
    kill_the_leader(live)
    with live.port_forward(f"service/{NAME}", 80) as url:
        answered = until_decided(live, url)

    outcome = decided(live)
    assert "experiment pricing ends: stable 0.2" in outcome["sentence"]
    assert (outcome["version"], outcome["evidence"]["winner"]) == (f"{NAME}-v2", "b")
    assert differences(outcome["evidence"]) == ()
    assert min(answered["1"], answered["2"]) > sum(answered.values()) / 4
    live.until("only version 1 has pods", lambda: versions(live) == {f"{NAME}-v1"})


def experiment() -> Json:
    """Half of the requests for each version, until a difference of 0.2 is proven."""
    variants = [{"name": "b", "model": {"version": 2}, "weight": 50}]
    goal = {"type": "Reward", "reward": {"effect": 0.2}}
    return {"name": "pricing", "variants": variants, "goal": goal, "minSamples": 200}


def until_decided(live: Live, url: str) -> Counter[str]:
    """Ask and reward until the experiment has ended; return how often each version answered."""
    answered: Counter[str] = Counter()
    numbers = count()

    def asked() -> bool:
        for _ in range(5):
            answered[rewarded(url)] += 1
        return next(numbers) > 0 and live.status("ModelDeployment", NAME)["experiment"]["state"] == "Ended"

    live.until("the experiment has ended", asked, seconds=150)
    return answered


def rewarded(url: str) -> str:
    """Ask for predictions of some rows and tell what they were worth; return the version that predicted."""
    inputs = [
        {"name": name, "shape": [ROWS, 1], "datatype": datatype, "data": data[:1] * ROWS}
        for name, (datatype, data) in RIGHT.items()
    ]
    answer = ask(f"{url}/v2/models/{NAME}/infer", {"inputs": inputs}).body
    version_ = str(answer["model_version"])
    worth = [1.0] * REWARDED[version_] + [0.0] * (ROWS - REWARDED[version_])
    told = {"prediction_id": answer["parameters"]["prediction_id"], "rewards": worth}
    assert ask(f"{url}/v2/models/{NAME}/feedback", told).status == 200
    return version_


def decided(live: Live) -> Json:
    """Return the recorded outcome."""
    [found] = [d for d in live.all("Decision") if d["spec"]["type"] == "ExperimentOutcome"]
    return dict(found["spec"])


def versions(live: Live) -> set[str]:
    """Return the versions that have pods."""
    return {pod["metadata"]["labels"]["mlwright.dev/version"] for pod in live.all("Pod", deployment=NAME)}
