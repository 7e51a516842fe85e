"""Looks at which some of the load is not known, as the benchmark of autoscaling counts them."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Final

from bench.figures import Figures
from mlwright.api.autoscaling import Autoscaling
from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.plan.loads import Answer
from mlwright.plan.pods import PodSeen
from mlwright.plan.scaling import Memory, Wish
from mlwright.plan.serving import ALL, DeploymentSeen, SharesSeen, VariantSeen
from mlwright.planners.autoscaling import STALE, scale
from mlwright.planners.load_questions import REQUESTS, SECONDS

AT: Final = 1_800_000_000.0
NOW: Final = datetime.fromtimestamp(AT, UTC)
POLICY: Final = Autoscaling.model_validate(
    {
        "minReplicas": 1,
        "maxReplicas": 40,
        "metrics": [
            {"name": "load", "type": "RequestRate", "requestRate": {"target": 20}},
            {"name": "busy", "type": "Concurrency", "concurrency": {"target": 2}},
        ],
    }
)


def missing(count: int) -> Figures:
    """Return how often pods went, and how often more came, although a metric was not known."""
    chance = Random(20_27)  # noqa: S311  # seeded
    downs = ups = 0
    for _ in range(count):
        current = chance.randint(1, 12)
        found = scale(_seen(chance, current), NOW)
        assert found is not None  # noqa: S101  # the spec has autoscaling
        downs += found.replicas < current
        ups += found.replicas > current
    return {"looks_on_missing": count, "downs_on_missing": downs, "ups_on_missing": ups}


def _seen(chance: Random, current: int) -> DeploymentSeen:
    """Return a deployment of which one metric, or both, is away, old or empty, and which wanted fewer long ago."""
    pods = tuple(
        PodSeen(f"p{number}", "Running", ready=chance.random() < 0.9, deleting=False, labels={}, created=NOW)  # noqa: PLR2004
        for number in range(current)
    )
    variant = VariantSeen("r", "r", "u", "1", NOW, current, current, current, observed=True, deleting=False, pods=pods)
    known = {REQUESTS: _known(chance, pods, 30.0), SECONDS: _known(chance, pods, 3.0)}
    gone = chance.choice([(REQUESTS,), (SECONDS,), (REQUESTS, SECONDS)])
    return DeploymentSeen(
        namespace="",
        name="m",
        uid="",
        generation=1,
        spec=ModelDeploymentSpec.model_validate({"model": {"ref": {"name": "m"}}}).model_copy(
            update={"autoscaling": POLICY}
        ),
        epoch="",
        refresh="",
        status={},
        model_exists=True,
        variants=(variant,),
        shares=SharesSeen({"r": ALL}, {"r": ALL}),
        answers=known | {question: _gone(chance) for question in gone},
        memory=Memory((Wish(AT - 1000, 1),)),
    )


def _known(chance: Random, pods: tuple[PodSeen, ...], most: float) -> Answer:
    return Answer(AT, {("", pod.name): chance.choice([0.0, chance.uniform(0, most)]) for pod in pods})


def _gone(chance: Random) -> Answer:
    return chance.choice([Answer(AT, trouble="away"), Answer(AT), Answer(AT - STALE - 1, {("", "p0"): 0.0})])
