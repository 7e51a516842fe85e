"""Experiments: they begin when nothing else goes on, give each variant its share, and end once and for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from mlwright.cli.answers import Code
from mlwright.cli.proof import Records, by_revision, verify
from mlwright.constants import ANNOTATION_ROUTE, LABEL_REVISION
from mlwright.plan.analysis import Counted
from mlwright.plan.experiments import Survey, Surveyed
from mlwright.plan.measuring import Measured
from mlwright.plan.resources import Key
from mlwright.planners.evidence import differences as verdict_differences
from mlwright.planners.experiment_outcome import differences
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.people import edit, status, summary
from tests.support.replay.world import World, owner_named

pytestmark = pytest.mark.timeout(20)

SOON: Final = timedelta(minutes=5)
DEPLOYMENT: Final = "ModelDeployment"
FEEDBACK: Final = {"enabled": True, "keySecretRef": {"name": "keys"}}
ROUTER: Final = {"provider": "Router"}


def variant(name: str, version: int, weight: int = 50) -> dict[str, Any]:
    """Return a variant."""
    return {"name": name, "model": {"version": version}, "weight": weight}


def compared(*variants: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return an experiment; of v2 as variant b where none is named."""
    goal = {"type": "Reward", "reward": {"effect": 0.02}}
    return {"name": "pricing-1", "variants": list(variants) or [variant("b", 2)], "goal": goal, **settings}


def served(*versions: int, **spec: Any) -> Operator:
    """Let v1 be served, and then further versions exist of which nobody asks for any."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.version(1))
    operator.world.add(people.model(aliases=[{"name": "live", "version": 1}]))
    follows = {"type": "Alias", "ref": {"name": "flights"}, "alias": "live"}
    operator.world.add(people.deployment(**{"traffic": ROUTER, "feedback": FEEDBACK, "model": follows, **spec}))
    for number in versions:
        operator.world.add(people.version(number))
    operator.settle()
    return operator


def ask(operator: Operator, experiment: dict[str, Any], within: timedelta = SOON) -> None:
    """Ask for an experiment."""
    edit(operator.world, DEPLOYMENT, "flights", lambda spec: spec.update(experiment=experiment))
    operator.settle(within)


def outcomes(operator: Operator) -> list[dict[str, Any]]:
    """Return the recorded outcomes of experiments."""
    return [d["spec"] for d in operator.world.all("Decision") if d["spec"]["type"] == "ExperimentOutcome"]


def told(operator: Operator) -> dict[str, Any]:
    """Return what the status says of the experiment."""
    return dict(status(operator.world, DEPLOYMENT)["experiment"])


def route(operator: Operator) -> dict[str, Any]:
    """Return what the router is told."""
    return dict(json.loads(operator.world.one("Service", "flights")["metadata"]["annotations"][ANNOTATION_ROUTE]))


def until_running(operator: Operator, experiment: dict[str, Any]) -> None:
    """Go on until the variants have their shares."""
    edit(operator.world, DEPLOYMENT, "flights", lambda spec: spec.update(experiment=experiment))
    operator.until(lambda: status(operator.world, DEPLOYMENT).get("experiment", {}).get("state") == "Running")


def test_counters_of_ones_own_need_no_feedback() -> None:
    """They are asked about by the numbers of the versions, and the outcome speaks of trials."""
    operator = served(2, feedback={"enabled": False})
    counters = {"trials": {"metric": "shop_offers_total"}, "successes": {"metric": "shop_orders_total"}}
    by_queries = compared() | {"goal": {"type": "Queries", "queries": {"effect": 0.02, **counters}}}
    until_running(operator, by_queries)
    [survey] = [one for one in operator.world.meter.wanted.values() if isinstance(one, Survey)]
    operator.settle(SOON)

    assert survey.tally is not None
    assert survey.tally.trials.labels == {"namespace": ("demo",), "model_version": ("1", "2")}
    assert "stable 0.1000 (5,000 trials), b 0.1500" in outcomes(operator)[0]["sentence"]
    assert differences(outcomes(operator)[0]["evidence"]) == ()


def test_the_better_variant_wins_and_is_only_told() -> None:
    """With onWinner Report the stable version goes on serving all requests, and the other pods go."""
    operator = served(2)
    ask(operator, compared())
    [outcome] = outcomes(operator)

    assert outcome["sentence"].startswith("experiment pricing-1 ends: stable 0.1000 (5,000 rewards), b 0.1500")
    assert (outcome["version"], outcome["experiment"]) == ("flights-v2", "pricing-1")
    assert differences(outcome["evidence"]) == ()
    assert status(operator.world, DEPLOYMENT)["stable"]["version"] == "flights-v1"
    assert [d["metadata"]["labels"]["mlwright.dev/version"] for d in _served(operator)] == ["flights-v1"]
    assert told(operator)["state"] == "Ended"
    assert outcome["sentence"] in summary(operator.world, DEPLOYMENT)


def test_an_outcome_can_be_verified_without_the_operator() -> None:
    """By its name, its bundle and its counts; whoever changes them is found out."""
    operator = served(2)
    ask(operator, compared())
    world = operator.world
    versions = {body["metadata"]["name"]: body for body in world.all("ModelVersion")}
    revisions = by_revision(world.all("ControllerRevision"))
    known = (world.one(DEPLOYMENT, "flights"), world.all("Decision"))
    honest = verify(Records(*known, versions, revisions))
    outcome = next(d for d in known[1] if d["spec"]["type"] == "ExperimentOutcome")
    outcome["spec"]["evidence"]["arms"][1]["total"] = 400.0
    forged = verify(Records(*known, versions, revisions))

    assert honest.code is Code.DONE
    assert "the record says that b wins, its counts say nobody" in forged.text


def _served(operator: Operator) -> list[dict[str, Any]]:
    return [d for d in operator.world.all("Deployment") if d["metadata"]["name"].startswith("flights-")]


def test_an_experiment_that_has_ended_never_runs_again() -> None:
    """Not when the status is lost either; another one needs another name."""
    operator = served(2)
    ask(operator, compared())
    operator.world.edit(operator.world.one(DEPLOYMENT, "flights"), lambda body: body.pop("status"))
    operator.look_at_all()
    operator.settle()
    before = len(outcomes(operator))
    ask(operator, compared() | {"name": "pricing-2"})

    assert before == 1
    assert sorted(outcome["experiment"] for outcome in outcomes(operator)) == ["pricing-1", "pricing-2"]


def test_a_winner_is_promoted_where_that_is_asked() -> None:
    """It takes over by the rollout of the spec."""
    operator = served(2)
    ask(operator, compared(onWinner="Promote"), timedelta(minutes=20))

    assert status(operator.world, DEPLOYMENT)["stable"]["version"] == "flights-v2"
    assert outcomes(operator)[0]["evidence"]["winner"] == "b"


def test_a_pinned_version_goes_before_a_winner() -> None:
    """What a person says wins."""
    operator = served(2)
    pinned = {"type": "Version", "ref": {"name": "flights"}, "version": 1}
    edit(operator.world, DEPLOYMENT, "flights", lambda spec: spec.update(model=pinned))
    ask(operator, compared(onWinner="Promote"), timedelta(minutes=20))

    assert outcomes(operator)[0]["version"] == "flights-v2"
    assert status(operator.world, DEPLOYMENT)["stable"]["version"] == "flights-v1"


def test_the_stable_version_can_win() -> None:
    """A variant that brings less is found as well, and nothing is promoted."""
    operator = served(2)
    operator.world.worse.add("flights-v2")
    ask(operator, compared(onWinner="Promote"))

    assert "stable brings most" in outcomes(operator)[0]["sentence"]
    assert status(operator.world, DEPLOYMENT)["stable"]["version"] == "flights-v1"


def test_of_several_variants_the_best_wins() -> None:
    """Beside the stable one and each other."""
    operator = served(2, 3)
    ask(operator, compared(variant("b", 2, 33), variant("c", 3, 33)))

    assert outcomes(operator)[0]["evidence"]["winner"] == "c"


def test_each_variant_has_its_share_and_its_name() -> None:
    """And users are told apart as the spec asks; the pods are as many as the share needs."""
    operator = served(2, replicas=4)
    until_running(operator, compared(variant("b", 2, 30), assignment={"type": "Header", "header": "X-User"}))
    found = route(operator)

    assert [(share["variant"], share["ranges"]) for share in found["shares"]] == [
        ("stable", [[0, 6999]]),
        ("b", [[7000, 9999]]),
    ]
    assert found["assignment"] == {"type": "Header", "header": "X-User"}
    assert [(v["name"], v["weight"], v["replicas"]) for v in status(operator.world, DEPLOYMENT)["variants"]] == [
        ("stable", 70, 4),
        ("b", 30, 2),
    ]


def test_nobody_has_a_share_before_all_pods_are_ready() -> None:
    """A variant that cannot be served ends the experiment, and no request meets it."""
    operator = served(2)
    operator.actors.around.broken.add("flights-v2")
    ask(operator, compared())

    assert "variant b (flights-v2) failed: pod" in outcomes(operator)[0]["sentence"]
    assert outcomes(operator)[0]["evidence"]["how"] == "Stopped"
    assert [share["variant"] for share in route(operator)["shares"]] == ["stable"]


def test_without_a_proof_it_ends_when_its_time_is_over() -> None:
    """And says that nobody has won."""
    operator = served(2)
    operator.world.measured = lambda _: None  # type: ignore[method-assign, assignment]  # nobody gives a reward
    ask(operator, compared(maxDuration="1h"), timedelta(hours=2))

    assert outcomes(operator)[0]["evidence"]["how"] == "Duration"
    assert outcomes(operator)[0]["evidence"]["winner"] == ""
    assert "ends without a winner" in outcomes(operator)[0]["sentence"]


def failing(world: World) -> Callable[[Key], Surveyed | None]:
    """Return what is counted where nobody gives a reward, and a variant fails half of its requests."""

    def measured(key: Key) -> Surveyed | None:
        survey = world.meter.wanted.get(key)
        if not isinstance(survey, Survey):
            return None
        looks = tuple(Look(0, 15.0 * (place + 1), Counts(300, 150, 300, 3)) for place in range(8))
        guarded = tuple(Measured(guard, {"errors": Counted(looks)}) for guard in survey.guards)
        return Surveyed(survey, survey.since, guarded=guarded)

    return measured


def test_a_harmful_variant_ends_it() -> None:
    """At once, with the proof; all requests go back to the stable version."""
    operator = served(2)
    operator.world.measured = failing(operator.world)  # type: ignore[method-assign, assignment]  # of this world alone
    ask(operator, compared(guardrails=[{"name": "errors", "type": "ErrorRate"}]))
    [outcome] = outcomes(operator)

    assert "ends without a winner: variant b (flights-v2) does harm: errors: " in outcome["sentence"]
    assert verdict_differences(outcome["evidence"]["analysis"]) == ()
    assert [share["variant"] for share in route(operator)["shares"]] == ["stable"]


NEWER: Final = [{"name": "live", "version": 3}]


def follow(operator: Operator) -> None:
    """Let the alias name v3."""
    edit(operator.world, "Model", "flights", lambda spec: spec.update(aliases=NEWER))


def silent(operator: Operator) -> None:
    """Let nobody give a reward."""
    operator.world.measured = lambda _: None  # type: ignore[method-assign, assignment]  # of this world alone


def test_a_newer_version_waits_until_it_is_decided() -> None:
    """It takes over afterwards."""
    operator = served(2, 3)
    silent(operator)
    ask(operator, compared(maxDuration="1h"))
    follow(operator)
    operator.settle(SOON)
    during, stable = summary(operator.world, DEPLOYMENT), status(operator.world, DEPLOYMENT)["stable"]["version"]
    operator.settle(timedelta(hours=2))

    assert "flights-v3 waits until that is decided" in during
    assert stable == "flights-v1"
    assert status(operator.world, DEPLOYMENT)["stable"]["version"] == "flights-v3"


def test_a_newer_version_ends_it_where_that_is_asked() -> None:
    """With the reason, and the newer version takes over."""
    operator = served(2, 3)
    silent(operator)
    ask(operator, compared(onNewVersion="StopExperiment"))
    follow(operator)
    operator.settle(SOON)

    assert "flights-v3 appeared, and onNewVersion is StopExperiment" in outcomes(operator)[0]["sentence"]
    assert status(operator.world, DEPLOYMENT)["stable"]["version"] == "flights-v3"


def test_whoever_pins_a_version_is_heard_at_once() -> None:
    """The experiment ends."""
    operator = served(2, 3)
    silent(operator)
    ask(operator, compared())
    pinned = {"type": "Version", "ref": {"name": "flights"}, "version": 3}
    edit(operator.world, DEPLOYMENT, "flights", lambda spec: spec.update(model=pinned))
    operator.settle(SOON)

    assert "somebody asks for flights-v3" in outcomes(operator)[0]["sentence"]
    assert status(operator.world, DEPLOYMENT)["stable"]["version"] == "flights-v3"


BAKES: Final = {"bake": "30m"}


def asked_while_it_bakes(number: int) -> tuple[Operator, str]:
    """Return an operator an hour after it was asked to compare while version 3 baked, and what it said then."""
    operator = served(2, 3, rollout=BAKES)
    follow(operator)
    operator.settle(SOON)
    ask(operator, compared(variant("b", number)))
    during = summary(operator.world, DEPLOYMENT)
    operator.settle(timedelta(hours=1))
    return operator, during


def test_a_deletion_that_hangs_holds_it_up_only_while_a_pod_answers() -> None:
    """And is named as long as it does."""
    operator = served(2)
    [stable] = [body for body in operator.world.all("Deployment") if owner_named(body)[1] == "flights"]
    meta = stable["metadata"]
    older = {**meta, "name": "flights-older", "labels": {**meta["labels"], LABEL_REVISION: "older"}}
    leaver = operator.world.add({**stable, "metadata": older})
    operator.actors.act(operator.world)
    operator.actors.act(operator.world)
    people.begin_to_delete(operator.world, leaver, grace=timedelta(0))
    ask(operator, compared(variant("b", 2)))
    during = summary(operator.world, DEPLOYMENT)
    operator.world.edit(leaver, lambda body: body["spec"].update(replicas=0))
    operator.settle(SOON)

    assert "begins when earlier pods are gone; Deployment flights-older is being deleted since 2026-01-02T03:" in during
    assert len(outcomes(operator)) == 1


def test_it_begins_when_a_rollout_is_over() -> None:
    """Both at once would be two questions with one answer."""
    operator, during = asked_while_it_bakes(2)

    assert "experiment pricing-1 begins later: flights-v3 is about to take over" in during
    assert outcomes(operator)[0]["evidence"]["arms"][0]["version"] == "flights-v3"


def test_an_experiment_on_what_rolls_out_is_told() -> None:
    """The rollout goes on; afterwards the same version cannot be compared with itself."""
    operator, during = asked_while_it_bakes(3)

    assert "flights-v3 is about to take over, which is variant b: name another version" in during
    assert "flights-v3 is the version that serves" in summary(operator.world, DEPLOYMENT)
    assert outcomes(operator) == []


@pytest.mark.parametrize(
    "spec, words",
    [
        ({"traffic": {"provider": "Service"}}, "spec.traffic.provider: a plain Service sends all requests to one"),
        ({"experiment": compared(variant("b", 1))}, "variants[b].model.version: flights-v1 is the version that serves"),
        (
            {"experiment": compared(variant("b", 4))},
            "variants[b].model.version: flights-v4 is rejected: gate good",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_remedy(spec: dict[str, Any], words: str) -> None:
    """In one sentence, and what serves goes on serving."""
    operator = served(2)
    operator.world.add(people.version(4, passed=False))
    edit(operator.world, DEPLOYMENT, "flights", lambda found: found.update({"experiment": compared()} | spec))
    operator.settle()

    assert words in summary(operator.world, DEPLOYMENT)
    assert "flights-v1 serves with 2 of 2 pods ready" in summary(operator.world, DEPLOYMENT)


def test_without_a_prometheus_nothing_can_be_compared() -> None:
    """It is said before anybody gets a share."""
    operator = served(2)
    operator.settings = replace(operator.settings, prometheus_url="")
    ask(operator, compared())

    assert "this installation names no Prometheus" in summary(operator.world, DEPLOYMENT)


def test_it_waits_for_a_version_that_does_not_exist() -> None:
    """And begins when it does."""
    operator = served()
    ask(operator, compared())
    before = summary(operator.world, DEPLOYMENT)
    operator.world.add(people.version(2))
    operator.settle(SOON)

    assert "experiment pricing-1 begins later: variant b is version 2, which does not exist yet" in before
    assert len(outcomes(operator)) == 1


def test_paused_the_shares_stay_and_nothing_is_decided() -> None:
    """What was counted is kept, and it goes on afterwards."""
    operator = served(2)
    until_running(operator, compared())
    edit(operator.world, DEPLOYMENT, "flights", lambda spec: spec.update(paused=True))
    operator.settle(SOON)
    during, shares = outcomes(operator), [share["variant"] for share in route(operator)["shares"]]
    edit(operator.world, DEPLOYMENT, "flights", lambda spec: spec.update(paused=False))
    operator.settle(SOON)

    assert (during, shares) == ([], ["stable", "b"])
    assert len(outcomes(operator)) == 1


def test_a_variant_without_pods_has_no_requests() -> None:
    """They are the stable version's, and the experiment ends when the pods do not come back."""
    operator = served(2)
    silent(operator)
    ask(operator, compared())
    operator.actors.around.slow.add("flights-v2")
    operator.actors.act(operator.world)
    operator.settle(timedelta(minutes=2))
    during = [share["variant"] for share in route(operator)["shares"] if share["ranges"]]
    operator.settle(timedelta(minutes=30))

    assert during == ["stable"]
    assert "variant b (flights-v2) failed: 0 of 1 pods ready for 10 min" in outcomes(operator)[0]["sentence"]


def test_taking_it_out_of_the_spec_ends_it_without_a_record() -> None:
    """Everything goes back to the stable version."""
    operator = served(2)
    silent(operator)
    ask(operator, compared())
    edit(operator.world, DEPLOYMENT, "flights", lambda spec: spec.pop("experiment"))
    operator.settle()

    assert [share["variant"] for share in route(operator)["shares"]] == ["stable"]
    assert outcomes(operator) == []
    assert "experiment" not in status(operator.world, DEPLOYMENT)
