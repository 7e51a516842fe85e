"""Verdicts in a rollout: proof moves it on or sends it back, and what nobody could count does neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from mlwright.api.analysis import Analysis
from mlwright.plan.analysis import Counted, Failed, Move, Reading
from mlwright.plan.analysis import Stage as Budget
from mlwright.plan.measuring import Measure, Measured, Pace, Phase, Side
from mlwright.plan.pods import moment
from mlwright.plan.resources import Key
from mlwright.plan.rollout import Progress, Stage, StageType
from mlwright.plan.serving import DeploymentSeen
from mlwright.planners.deployment import decide
from mlwright.planners.evidence import differences
from mlwright.planners.judging_rollouts import BY_COUNTING, judge, learnt, measure
from mlwright.stats.guard import Noise
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.people import annotate, status, summary
from tests.support.replay.world import World
from tests.unit.planners.given import LONG_AGO, NOW, SETTINGS, a_deployment, a_pod

pytestmark = pytest.mark.timeout(20)

CHECKS: Final = [{"name": "errors", "type": "ErrorRate"}]
ANALYSIS: Final = {"noise": "Binomial", "checks": CHECKS}
CANARY: Final = {
    "strategy": "Canary",
    "steps": [
        {"name": "ten", "type": "Weight", "weight": {"percent": 10, "hold": "5m"}},
        {"name": "half", "type": "Weight", "weight": {"percent": 50, "hold": "5m"}},
    ],
    "analysis": ANALYSIS,
}
STAGES: Final = (Stage("ten", StageType.WEIGHT, 10, 10, 300), Stage("bake", StageType.BAKE, 10, 100))
RATE: Final = 200
"""Requests in a second."""
LOOK: Final = 15


def progress(noise: str = "Binomial") -> Progress:
    """Return a rollout that has a share since a long time."""
    analysis = Analysis.model_validate({"noise": noise, "checks": CHECKS})
    return replace(Progress("bbbb", 2, STAGES, analysis=analysis).moved(LONG_AGO, 0, LONG_AGO, None))


def measured(reading: Reading, since: float = LONG_AGO.timestamp(), noise: Noise | None = None) -> Measured:
    """Return what was counted in a phase of the first stage."""
    wanted = Measure("demo", "churn", Side("bbbb", ()), Side("aaaa", ()), (Phase(0, since),), (), timedelta(0))
    return Measured(wanted, {"errors": reading}, noise)


def looks(*phases: tuple[int, float, float], share: float, errors: float) -> Counted:
    """Return what both sides counted, a tenth of a percent of errors at stable, in phases (step, since, until)."""
    found = []
    for step, since, until in phases:
        for number in range(int((until - since) // LOOK)):
            mine, other = RATE * LOOK * share, RATE * LOOK * (1 - share)
            counts = Counts(mine, mine * errors, other, other * 0.001)
            found.append(Look(step, float(number + 1) * LOOK, counts))
    return Counted(looks=tuple(found))


HOUR: Final = (0, 0.0, 3600.0)


@pytest.mark.parametrize(
    "reading, move",
    [
        (looks(HOUR, share=0.1, errors=0.001), Move.ADVANCE),
        (looks(HOUR, share=0.1, errors=0.05), Move.ROLL_BACK),
        (Counted(), Move.STAY),
        (Failed("Prometheus does not answer"), Move.STAY),
    ],
)
def test_only_proof_moves_a_rollout(reading: Reading, move: Move) -> None:
    """What is missing or failed never does."""
    seen = replace(a_deployment().done(), measured=measured(reading))
    judged = judge(seen, replace(progress(), noise=BY_COUNTING), NOW - timedelta(minutes=30))

    assert judged is not None
    assert judged.conclusion.move is move
    assert differences(judged.evidence) == ()


@pytest.mark.parametrize("seconds, move", [(60, Move.STAY), (100, Move.STAY), (130, Move.ADVANCE)])
def test_the_first_copies_are_judged_for_a_whole_step(seconds: int, move: Move) -> None:
    """Its time counts from when kubelets have told the pods: what was counted before says nothing of copies."""
    quiet = replace(progress(), stages=(Stage("quiet", StageType.SHADOW, 0, 100, 30, copies=25), *STAGES))
    seen = replace(a_deployment().done(), measured=measured(looks(HOUR, share=0.1, errors=0.001)))
    judged = judge(seen, replace(quiet, noise=BY_COUNTING), LONG_AGO + timedelta(seconds=seconds))

    assert judged is not None
    assert judged.conclusion.move is move


def test_a_step_of_all_requests_is_judged_as_a_bake() -> None:
    """Nothing is beside the candidate there: it is held against the version before, with the budget of the bake."""
    analysis = Analysis.model_validate({"noise": "Binomial", "checks": CHECKS})
    stages = (Stage("all", StageType.WEIGHT, 100, 100, 300), Stage("bake", StageType.BAKE, 100, 100))
    whole = Progress("bbbb", 2, stages, analysis=analysis).moved(LONG_AGO, 0, LONG_AGO, None)
    seen = a_deployment().stable(1, ready=1).done()
    wanted = measure(seen, whole, seen.variants[0], seen.variants[0])
    judged = judge(a_deployment().done(), whole, NOW)

    assert wanted is not None
    assert wanted.bake
    assert judged is not None
    assert judged.case.stage is Budget.BAKE


def test_what_is_left_is_told_from_the_traffic() -> None:
    """Before it is over, in minutes."""
    seen = replace(a_deployment().done(), measured=measured(looks((0, 0.0, 60.0), share=0.1, errors=0.001)))
    judged = judge(seen, replace(progress(), noise=BY_COUNTING), LONG_AGO + timedelta(minutes=1))

    assert judged is not None
    assert judged.conclusion.sentence.endswith("at 200 requests a second what is left takes about 5 minutes")


WATCHING: Final = replace(SETTINGS, prometheus_url="https://prometheus.example.com", router_image="router:1")


def starting(**known: Any) -> DeploymentSeen:
    """Return a deployment whose next version has no ready pod yet, and is to be watched."""
    told = a_deployment().stable(1, ready=2).candidate(2, ready=0)
    return replace(told.asking(rollout=CANARY, traffic={"provider": "Router"}).done(), **known)


def test_how_long_it_takes_is_told_before_it_begins() -> None:
    """While the pods start, from what stable did; nobody has a share by then."""
    before = decide(starting(), WATCHING, NOW)
    assert isinstance(before.measure, Measure)
    paces = {"errors": Pace(120_000, 120, 600)}
    told = Measured(before.measure, {}, BY_COUNTING, paces=paces)
    after = decide(starting(measured=told), WATCHING, NOW)

    assert before.measure.ahead
    assert "is starting, 0 of 1 pods ready; churn-v1 serves" in before.status.summary
    assert "0 of 1 pods ready; at 200 requests a second this rollout needs about 10 minutes" in after.status.summary


def test_what_was_looked_at_for_another_candidate_is_not_told() -> None:
    """It took as long as that one."""
    before = decide(starting(), WATCHING, NOW).measure
    assert isinstance(before, Measure)
    other = replace(before, candidate=replace(before.candidate, revision="cccc"))
    told = Measured(other, {}, BY_COUNTING, paces={"errors": Pace(120_000, 120, 600)})

    assert "this rollout needs" not in decide(starting(measured=told), WATCHING, NOW).status.summary


@pytest.mark.parametrize("since, revision", [(1.0, "bbbb"), (LONG_AGO.timestamp(), "cccc")])
def test_a_reading_of_another_phase_or_candidate_says_nothing(since: float, revision: str) -> None:
    """It was asked for before the share changed, or for a version that is gone."""
    told = measured(looks(HOUR, share=0.1, errors=0.9), since)
    seen = replace(a_deployment().done(), measured=told)
    judged = judge(seen, replace(progress(), noise=BY_COUNTING, revision=revision), NOW)

    assert judged is not None
    assert judged.conclusion.move is Move.STAY


def test_nothing_goes_on_before_it_is_known_how_errors_are_spread() -> None:
    """The rules must not change while they are applied; what was learnt is then kept."""
    seen = replace(a_deployment().done(), measured=measured(looks(HOUR, share=0.1, errors=0.001)))
    noise = Noise(60, "errors come in bursts")
    known = replace(seen, measured=measured(looks(HOUR, share=0.1, errors=0.001), noise=noise))
    judged = judge(seen, learnt(seen, progress("Auto")), NOW - timedelta(minutes=30))

    assert judged is not None
    assert judged.conclusion.move is Move.STAY
    assert learnt(known, progress("Auto")).noise == noise
    assert learnt(seen, progress()).noise == BY_COUNTING


def test_what_is_to_be_counted_names_our_pods_alone() -> None:
    """Ready ones, and since when; a forged series has another name."""
    seen = (
        a_deployment().stable(1, ready=1, pods=(a_pod("old", ready=True, ready_since=LONG_AGO), a_pod("late"))).done()
    )
    wanted = measure(seen, progress("Auto"), seen.variants[0], seen.variants[0])

    assert wanted is not None
    assert [(pod.name, pod.ready) for pod in wanted.stable.pods] == [("old", LONG_AGO.timestamp())]
    assert (wanted.phases, wanted.noise_wanted) == ((Phase(0, LONG_AGO.timestamp()),), True)
    assert measure(seen, replace(progress(), phases=()), seen.variants[0], seen.variants[0]) is None


class Counting(World):
    """A world in which v2 answers so many of its requests with an error, and everything is counted at once."""

    def __init__(self, errors: float) -> None:
        super().__init__()
        self.errors = errors

    def measured(self, _owner: Key) -> Measured | None:
        """Return what was counted in the phases that the status tells."""
        told = status(self, "ModelDeployment").get("rollout")
        if not told or not told.get("phases"):
            return None
        now = self.now.timestamp()
        spans = [(p["stage"], _time(p["since"]), _time(p["until"]) if p.get("until") else now) for p in told["phases"]]
        phases = tuple(Phase(step, since) for step, since, _ in spans)
        wanted = Measure("demo", "flights", Side(told["revision"], ()), Side("", ()), phases, (), timedelta(0))
        return Measured(wanted, {"errors": looks(*spans, share=0.1, errors=self.errors)})


class Silent(World):
    """A world in which Prometheus does not answer."""

    def measured(self, _owner: Key) -> Measured | None:
        """Return that nothing could be counted."""
        told = status(self, "ModelDeployment").get("rollout") or {}
        newest = Phase(told["phases"][-1]["stage"], _time(told["phases"][-1]["since"])) if told.get("phases") else None
        wanted = Measure("demo", "flights", Side(told.get("revision", ""), ()), Side("", ()), (), (), timedelta(0))
        failed = {"errors": Failed("Prometheus does not answer")}
        return Measured(replace(wanted, phases=(newest,)), failed) if newest else None


def _time(text: str) -> float:
    return moment(text).timestamp()


def told(errors: float = 0.0, world: World | None = None, **rollout: Any) -> Operator:
    """Play a canary whose version answers with so many errors, or in a world of another kind."""
    operator = Operator(world or Counting(errors), Actors(Surroundings()))
    operator.settings = replace(operator.settings, prometheus_url="https://prometheus.example.com")
    operator.world.add(people.model())
    operator.world.add(people.version(1))
    spec = {**CANARY, **rollout}
    operator.world.add(people.deployment(rollout=spec, traffic={"provider": "Router"}, replicas=2))
    operator.settle()
    operator.world.add(people.version(2))
    operator.settle(timedelta(hours=2))
    return operator


def decided(operator: Operator, type_: str) -> dict[str, Any]:
    """Return the decision of that type about v2."""
    found = [d["spec"] for d in operator.world.all("Decision") if d["spec"]["version"] == "flights-v2"]
    [spec] = [spec for spec in found if spec["type"] == type_]
    return dict(spec)


def test_a_good_canary_goes_through_its_steps_by_proof() -> None:
    """And its promotion keeps the counts, which give the same verdicts again."""
    operator = told(errors=0.001)
    decision = decided(operator, "Promote")

    assert summary(operator.world, "ModelDeployment") == "flights-v2 serves with 2 of 2 pods ready"
    assert decision["evidence"]["rollout"]["steps"] == ["ten", "half"]
    assert differences(decision["evidence"]["analysis"]) == ()


def test_a_canary_with_more_errors_is_sent_back() -> None:
    """At its first share, with the proof."""
    operator = told(errors=0.05)
    decision = decided(operator, "Reject")

    assert "at step ten, errors: " in decision["sentence"]
    assert decision["evidence"]["percent"] == 10
    assert differences(decision["evidence"]["analysis"]) == ()
    assert status(operator.world, "ModelDeployment")["stable"]["version"] == "flights-v1"


def test_verdicts_that_are_observed_only_tell() -> None:
    """A version that would have been sent back takes over by time; when and why stands in the records."""
    operator = told(errors=0.05, analysis={**ANALYSIS, "mode": "Observe"})
    decision = decided(operator, "Promote")

    assert "it would have been sent back at " in decision["sentence"]
    assert "(step ten, analysis.mode is Observe): errors: 5.00% of " in decision["sentence"]
    assert differences(decision["evidence"]["analysis"]) == ()


def test_what_nobody_can_count_holds_nothing_where_verdicts_are_observed() -> None:
    """Whoever tries out an analysis wants no rollout to wait for it."""
    operator = told(world=Silent(), analysis={**ANALYSIS, "mode": "Observe"})

    assert decided(operator, "Promote")["sentence"].endswith("steps passed: ten, half")


def test_without_a_prometheus_nobody_gets_a_share() -> None:
    """It is said before, with the remedy."""
    operator = Operator(Counting(0.0), Actors(Surroundings()))
    operator.settings = replace(operator.settings, prometheus_url="")
    operator.world.add(people.version(1))
    operator.world.add(people.deployment(rollout=CANARY, traffic={"provider": "Router"}))
    operator.settle()
    operator.world.add(people.version(2))
    operator.settle()

    assert "set prometheus.url of the chart" in summary(operator.world, "ModelDeployment")
    assert status(operator.world, "ModelDeployment")["stable"]["version"] == "flights-v1"


def test_a_person_ends_a_canary_that_is_watched() -> None:
    """Whatever was counted."""
    operator = Operator(Counting(0.001), Actors(Surroundings()))
    operator.settings = replace(operator.settings, prometheus_url="https://prometheus.example.com")
    operator.world.add(people.version(1))
    operator.world.add(people.deployment(rollout=CANARY, traffic={"provider": "Router"}))
    operator.settle()
    operator.world.add(people.version(2))
    operator.settle(timedelta(minutes=2))
    annotate(operator.world, "ModelDeployment", "flights", abort="2")
    operator.settle()

    assert "somebody asked for it with mlwright.dev/abort=2" in decided(operator, "Reject")["sentence"]
