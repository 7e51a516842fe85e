"""Gates on the real cluster: slices, groups, cost and the champion, and a person who decides what they leave open."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.apiserver import Json
from tests.support.customers import csv, customers
from tests.support.live import Live, refusal
from tests.support.manifests import claim, config_map, deployment, pipeline

CHAMPION: Json = {"name": "no-worse", "type": "Champion", "champion": {"metric": "accuracy", "tolerance": 0.05}}
FAIR: Json = {"metric": "demographic_parity_difference", "column": "active", "max": 1.0, "minRows": 20}
APPROVE = "mlwright.dev/approve"


def every_plan(least: float) -> Json:
    """Return a gate on each plan of the customers."""
    slices = {"metric": "roc_auc", "min": least, "column": "plan", "minRows": 20}
    return {"name": "every-plan", "type": "Slices", "slices": slices}


def churn(*, strength: float = 1.0, split: int = 0, least: float = 0.6) -> Json:
    """Return the pipeline with these settings; each trains another version."""
    gates = [
        every_plan(least),
        {"name": "fair", "type": "Fairness", "fairness": FAIR},
        {"name": "light", "type": "Cost", "cost": {"latencyP99": "2s", "bundleMegabytes": 50}},
        CHAMPION,
    ]
    return pipeline(
        "churn",
        "configmap://customers/customers.csv",
        dataset={"split": {"type": "Hash", "hash": {"test": 0.2, "seed": split}}},
        parameters={"C": strength},
        evaluation={"metrics": ["roc_auc"], "gates": gates},
        artifacts={"uri": "pvc://store/models"},
    )


@pytest.fixture(scope="module")
def live(begin: Callable[[str], Live]) -> Iterator[Live]:
    """A namespace in which a first version is the champion and serves."""
    live = begin("gates")
    live.apply(config_map("customers", {"customers.csv": csv(customers())}), claim("store"))
    live.apply(churn(), deployment("churn", "churn", rollout={"setAlias": "champion"}))
    live.reaches("TrainingPipeline", "churn", "Ready", "churn-v1 is the newest good version", seconds=600)
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves")
    live.until("the alias", lambda: live.there("Model", "churn")["spec"].get("aliases"))
    yield live
    live.end()


def gates(live: Live, version: int) -> dict[str, Json]:
    """Return how the gates of a version were judged, by name."""
    found = live.until(f"version {version}", lambda: live.read("ModelVersion", f"churn-v{version}"), seconds=300)
    return {gate["name"]: gate for gate in found["spec"]["verdict"]["gates"]}


def test_the_first_version_proves_all_but_has_nobody_to_beat(live: Live) -> None:
    """Each gate says its figure."""
    found = gates(live, 1)

    assert {name: gate["outcome"] for name, gate in found.items()} == dict.fromkeys(found, "Passed")
    assert "where plan is" in found["every-plan"]["sentence"]
    assert "between active true and false" in found["fair"]["sentence"]
    assert "99 of 100 rows are answered within" in found["light"]["sentence"]
    assert found["no-worse"]["sentence"] == "gate no-worse passed: there is no champion yet to compare with"


def test_a_version_on_rows_that_nobody_has_seen_is_compared_and_takes_over(live: Live) -> None:
    """The split is the same, so the lineage proves it."""
    live.apply(churn(strength=0.5))

    found = gates(live, 2)["no-worse"]
    assert (found["outcome"], found["champion"]) == ("Passed", 1)
    assert "of churn-v1 on the same" in found["sentence"]
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v2 serves")
    live.until("the alias", lambda: live.there("Model", "churn")["spec"]["aliases"][0]["version"] == 2)


def test_a_version_on_rows_that_the_champion_may_know_waits_for_a_person(live: Live) -> None:
    """With another seed some of the rows held out were learned from by the champion."""
    live.apply(churn(strength=0.5, split=1))

    assert gates(live, 3)["no-worse"]["outcome"] == "Held"
    told = live.reaches("ModelDeployment", "churn", "AwaitingApproval", "churn-v3 waits for approval")
    assert f"approve it with: kubectl annotate modelversion churn-v3 {APPROVE}=3" in told
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v2 serves")


def test_who_may_write_versions_may_not_approve_them(live: Live) -> None:
    """The chart's policy asks for a verb of its own."""
    live.kubectl("create", "role", "writer", "--verb=get,patch", "--resource=modelversions.mlwright.dev")
    live.kubectl("create", "rolebinding", "writer", "--role=writer", "--user=dana")

    words = refusal(lambda: live.kubectl("annotate", "modelversion", "churn-v3", f"{APPROVE}=3", "--as=dana"))

    assert "dana may not approve or deny ModelVersion churn-v3" in words


def test_an_approved_version_takes_over(live: Live) -> None:
    """By the command that the deployment itself names."""
    live.kubectl("annotate", "modelversion", "churn-v3", f"{APPROVE}=3")

    live.reaches("ModelDeployment", "churn", "Ready", "churn-v3 serves")
    live.until("the alias", lambda: live.there("Model", "churn")["spec"]["aliases"][0]["version"] == 3)


def test_a_version_that_fails_for_one_plan_never_serves(live: Live) -> None:
    """However good it is on the average; the gate says where and by how much."""
    live.apply(churn(strength=0.25, split=1, least=0.9999))

    told = live.reaches("TrainingPipeline", "churn", "LastVersionRejected", "churn-v4", "where plan is", seconds=300)

    assert "below the required 0.9999" in told
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v3 serves")
    assert live.there("ModelVersion", "churn-v4")["spec"]["verdict"]["outcome"] == "Rejected"
