"""Deployments in a world that does not keep to the plan: every story ends well and explains itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from mlwright.constants import LABEL_REVISION, ROUTER_NAME
from tests.support.replay import people
from tests.support.replay.actors import ready_pods
from tests.support.replay.invariants import watched
from tests.support.replay.losses import kill_uids, lose_statuses, new_times, strip_owners
from tests.support.replay.operator import SETTINGS, Operator
from tests.support.replay.people import annotate, conditions, status, summary
from tests.support.replay.world import World

HOUR = timedelta(hours=1)
A_WHILE = timedelta(minutes=10)

pytestmark = pytest.mark.timeout(20)  # each plays a story of many minutes, on a machine that may be busy


@pytest.fixture
def operator() -> Operator:
    """Return an operator in an empty world, watched for what it never may do."""
    return watched()


@pytest.fixture
def serving(operator: Operator) -> Operator:
    """Return an operator that serves v1 with two pods."""
    operator.world.add(people.model())
    operator.world.add(people.version(1))
    operator.world.add(people.deployment())
    operator.settle()
    return operator


def served(world: World) -> str:
    """Return the version to whose ready pods the Service leads, "" if it leads to none."""
    selector = world.one("Service", "flights")["spec"]["selector"]
    versions = {body["metadata"]["labels"][LABEL_REVISION]: body for body in world.all("ControllerRevision")}
    return str(versions[selector[LABEL_REVISION]]["data"]["version"]) if ready_pods(world, selector) else ""


def running(world: World) -> list[str]:
    """Return the versions that have a Deployment."""
    return sorted(body["metadata"]["labels"]["mlwright.dev/version"] for body in world.all("Deployment"))


def pin(world: World, number: int) -> None:
    """Let the deployment serve one version."""
    selector = {"type": "Version", "ref": {"name": "flights"}, "version": number}
    people.edit(world, "ModelDeployment", "flights", lambda spec: spec.update(model=selector))


def test_a_new_version_takes_over_and_the_old_pods_go(serving: Operator) -> None:
    """The plain case, for comparison with all the others."""
    serving.world.add(people.version(2))
    serving.settle()

    assert (served(serving.world), running(serving.world)) == ("flights-v2", ["flights-v2"])
    assert summary(serving.world, "ModelDeployment") == "flights-v2 serves with 2 of 2 pods ready"


def test_a_broken_bundle_never_replaces_a_good_one(serving: Operator) -> None:
    """The server says that it cannot load it; nobody waits for the deadline."""
    serving.actors.around.broken.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle()

    assert (served(serving.world), running(serving.world)) == ("flights-v1", ["flights-v1"])
    assert conditions(serving.world, "ModelDeployment") == {"Ready": "True", "CandidateRejected": "True"}
    assert "ended with exit code 64: the bundle's digest is not the one asked for" in summary(
        serving.world, "ModelDeployment"
    )


def test_a_rejected_version_does_not_block_a_later_one(serving: Operator) -> None:
    """After v2 comes v3."""
    serving.actors.around.broken.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle()
    serving.world.add(people.version(3))
    serving.settle()

    assert (served(serving.world), running(serving.world)) == ("flights-v3", ["flights-v3"])


def test_a_rejected_version_is_not_tried_again_by_itself(serving: Operator) -> None:
    """Not on a resync, not on a restart, not with the status lost."""
    serving.actors.around.broken.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle()
    serving.actors.around.broken.clear()
    before = len(serving.world.writes)
    serving.world.one("ModelDeployment", "flights").pop("status")
    serving.look_at_all()
    serving.settle(A_WHILE)

    assert [write for write in serving.world.writes[before:] if not write.startswith("status")] == []


def test_what_is_not_signed_goes_on_serving_until_something_signed_can(serving: Operator) -> None:
    """The Model asks for a signature from now on: what serves is tried again with the check, and not taken away."""
    serving.actors.around.unsigned.add("flights-v1")
    keys = [{"name": "team", "pem": people.PEM}]
    people.edit(serving.world, "Model", "flights", lambda spec: spec.update(verify={"keys": keys}))
    serving.settle()
    before = (
        served(serving.world),
        conditions(serving.world, "ModelDeployment"),
        summary(serving.world, "ModelDeployment"),
    )
    serving.world.add(people.version(2))
    serving.settle()

    assert before[:2] == ("flights-v1", {"Ready": "True", "CandidateRejected": "True"})
    assert "it carries no signature (model.sig)" in before[2]
    assert served(serving.world) == "flights-v2"


def test_a_signed_version_is_checked_when_that_is_asked_for(serving: Operator) -> None:
    """The same version in a new revision, whose server checks the signature."""
    keys = [{"name": "team", "pem": people.PEM}]
    people.edit(serving.world, "Model", "flights", lambda spec: spec.update(verify={"keys": keys}))
    serving.settle()
    [deployment] = serving.world.all("Deployment")
    told = {v["name"]: v.get("value") for v in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert served(serving.world) == "flights-v1"
    assert json.loads(told["MLWRIGHT_VERIFY_KEYS"]) == {"team": people.PEM}


def test_retry_tries_a_rejected_version_again(serving: Operator) -> None:
    """The pods that failed before do not speak for the new ones."""
    serving.actors.around.broken.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle()
    serving.actors.around.broken.clear()
    annotate(serving.world, "ModelDeployment", "flights", retry="1")
    serving.settle()

    assert served(serving.world) == "flights-v2"


def test_retry_does_not_judge_by_the_pods_of_the_first_attempt(serving: Operator) -> None:
    """They may still be there when the new Deployment is made, because the garbage collector is late."""
    world = serving.world
    serving.actors.around.broken.add("flights-v2")
    world.add(people.version(2))
    serving.settle()
    serving.actors.around.broken.clear()
    [revision] = [
        b["metadata"]["labels"] for b in world.all("ControllerRevision") if b["data"]["version"] == "flights-v2"
    ]
    failed = {"name": "server", "state": {"terminated": {"exitCode": 64, "message": "broken"}}}
    labels = {**revision, "mlwright.dev/owner-kind": "ModelDeployment", "mlwright.dev/owner": "flights"}
    pod = {"kind": "Pod", "metadata": {"name": "left", "labels": labels}, "spec": {"volumes": [], "containers": []}}
    world.add({**pod, "status": {"phase": "Failed", "containerStatuses": [failed]}})
    world.pass_time(timedelta(seconds=5))
    annotate(world, "ModelDeployment", "flights", retry="1")
    serving.settle()

    assert served(world) == "flights-v2"


def test_a_version_that_never_gets_ready_is_rejected_at_the_deadline(serving: Operator) -> None:
    """Ten minutes by default."""
    serving.actors.around.slow.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle(timedelta(minutes=9))
    early = conditions(serving.world, "ModelDeployment")
    serving.settle(timedelta(minutes=2))

    assert early == {"Ready": "True", "Reconciling": "True"}
    assert summary(serving.world, "ModelDeployment") == (
        "flights-v2 is rejected: 0 of 2 pods ready after 10 min; flights-v1 serves with 2 of 2 pods ready"
    )
    assert running(serving.world) == ["flights-v1"]


def test_a_version_whose_pods_cannot_start_waits_and_goes_on(serving: Operator) -> None:
    """A Secret is missing for longer than the deadline; when it is there, the new settings take over."""
    env = [{"name": "TOKEN", "secretRef": {"name": "token", "key": "t"}}]
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(pod={"env": env}))
    serving.settle(timedelta(minutes=30))
    waiting = conditions(serving.world, "ModelDeployment"), summary(serving.world, "ModelDeployment")
    serving.actors.around.secrets.add("token")
    serving.actors.act(serving.world)
    serving.settle()

    assert waiting[0] == {"Ready": "True", "Reconciling": "True"}
    assert 'secret "token" not found; create it, the pod starts by itself; flights-v1 serves' in waiting[1]
    assert "secretKeyRef" in str(serving.world.all("Deployment"))
    assert len(running(serving.world)) == 1


def test_the_first_version_is_not_rejected_however_broken(operator: Operator) -> None:
    """There is nothing to fall back to: it says what is wrong, and a later version replaces it."""
    operator.actors.around.broken.add("flights-v1")
    operator.world.add(people.version(1))
    operator.world.add(people.deployment())
    operator.settle(A_WHILE)
    broken = conditions(operator.world, "ModelDeployment"), summary(operator.world, "ModelDeployment")
    operator.world.add(people.version(2))
    operator.settle()

    assert broken[0] == {"Ready": "False", "Reconciling": "True", "PodsHealthy": "False"}
    assert "exit code 64: the bundle's digest is not the one asked for" in broken[1]
    assert (served(operator.world), running(operator.world)) == ("flights-v2", ["flights-v2"])


def test_a_third_version_supersedes_the_candidate(serving: Operator) -> None:
    """v2 never gets ready; v3 comes, and v2 goes before v3 starts."""
    serving.actors.around.slow.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle(timedelta(minutes=1))
    serving.world.add(people.version(3))
    serving.settle()

    assert (served(serving.world), running(serving.world)) == ("flights-v3", ["flights-v3"])


def test_a_version_that_comes_right_after_a_takeover_waits_for_room(serving: Operator) -> None:
    """v1's pods are still settling when v3 is asked for; never do three revisions have pods."""
    serving.world.add(people.version(2))
    serving.until(lambda: "apply Service flights" in serving.world.writes)
    serving.world.add(people.version(3))
    serving.settle()

    assert (served(serving.world), running(serving.world)) == ("flights-v3", ["flights-v3"])


def test_stages_that_hand_versions_round_are_refused_until_the_circle_is_open(operator: Operator) -> None:
    """Both keep what they serve; whichever is changed, the other goes on by itself."""
    world = operator.world
    world.add(people.model(aliases=[{"name": "new", "version": 2}, {"name": "tried", "version": 1}]))
    for number in (1, 2):
        world.add(people.version(number))
    for name, follows, sets in (("first", "new", "tried"), ("second", "tried", "new")):
        followed = {"type": "Alias", "ref": {"name": "flights"}, "alias": follows}
        world.add(people.deployment(name, model=followed, rollout={"setAlias": sets}))
    operator.settle(A_WHILE)
    refused = [summary(world, "ModelDeployment", name) for name in ("first", "second")]

    people.edit(world, "ModelDeployment", "second", lambda spec: spec["rollout"].update(setAlias="proven"))
    operator.settle(A_WHILE)

    assert "spec.rollout.setAlias: second follows alias tried, which this deployment sets, and sets new" in refused[0]
    assert "spec.rollout.setAlias: first follows alias new, which this deployment sets, and sets tried" in refused[1]
    serving = [summary(world, "ModelDeployment", name) for name in ("first", "second")]
    assert [text.partition(" serves")[0] for text in serving] == ["flights-v2", "flights-v2"]


def test_going_back_to_the_stable_version_in_the_middle_of_a_rollout(serving: Operator) -> None:
    """The candidate goes, the stable version never stopped."""
    serving.actors.around.slow.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle(timedelta(minutes=1))
    pin(serving.world, 1)
    serving.settle()

    assert (served(serving.world), running(serving.world)) == ("flights-v1", ["flights-v1"])
    assert conditions(serving.world, "ModelDeployment") == {"Ready": "True"}


def test_back_and_forth_between_versions_returns(serving: Operator) -> None:
    """A, B, A: the same revision serves as in the beginning, by a promotion of its own."""
    first = status(serving.world, "ModelDeployment")["stable"]["revision"]
    serving.world.add(people.version(2))
    serving.settle()
    pin(serving.world, 1)
    serving.settle()
    pin(serving.world, 2)
    serving.settle()
    pin(serving.world, 1)
    serving.settle()

    assert status(serving.world, "ModelDeployment")["stable"]["revision"] == first
    assert (served(serving.world), running(serving.world)) == ("flights-v1", ["flights-v1"])


@pytest.mark.parametrize("replicas", [0, 1, 2, 5])
def test_the_number_of_pods_changes_in_the_middle_of_a_rollout(serving: Operator, replicas: int) -> None:
    """The new version takes over with as many pods as are wanted now, and the budget follows."""
    serving.world.add(people.version(2))
    serving.until(lambda: len(serving.world.all("Deployment")) > 1)
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(replicas=replicas))
    serving.settle()

    [deployment] = serving.world.all("Deployment")
    assert deployment["spec"]["replicas"] == replicas
    assert running(serving.world) == ["flights-v2"]
    assert len(serving.world.all("PodDisruptionBudget")) == (replicas > 1)


def test_without_replicas_it_serves_nothing_and_says_so(serving: Operator) -> None:
    """Zero is a number that people may want."""
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(replicas=0))
    serving.settle()

    assert summary(serving.world, "ModelDeployment") == "flights-v1 is scaled to zero (spec.replicas)"
    assert conditions(serving.world, "ModelDeployment") == {"Ready": "True"}


def test_a_new_version_is_proven_even_without_replicas(serving: Operator) -> None:
    """One pod of it must get ready before it becomes the stable one."""
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(replicas=0))
    serving.settle()
    serving.actors.around.broken.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle()
    rejected = conditions(serving.world, "ModelDeployment")
    serving.world.add(people.version(3))
    serving.settle()

    assert rejected == {"Ready": "True", "CandidateRejected": "True"}
    assert status(serving.world, "ModelDeployment")["stable"]["version"] == "flights-v3"
    assert running(serving.world) == ["flights-v3"]


@pytest.mark.parametrize("kind", ["Deployment", "Service", "PodDisruptionBudget", "ControllerRevision", "Pod"])
def test_a_child_that_is_deleted_comes_back(serving: Operator, kind: str) -> None:
    """Whatever it is, v1 serves in the end."""
    for body in serving.world.all(kind):
        serving.world.remove(kind, body["metadata"]["name"])
    serving.settle()

    assert (served(serving.world), running(serving.world)) == ("flights-v1", ["flights-v1"])
    assert conditions(serving.world, "ModelDeployment") == {"Ready": "True"}


@pytest.mark.parametrize("kind", ["Decision", "ControllerRevision"])
def test_records_that_are_lost_in_the_middle_of_a_rollout_cost_no_answer(serving: Operator, kind: str) -> None:
    """What answers goes on answering until the new version is ready."""
    serving.actors.around.slow.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle(timedelta(minutes=1))
    for body in serving.world.all(kind):
        serving.world.remove(kind, body["metadata"]["name"])
    serving.settle(timedelta(minutes=1))
    still = served(serving.world) if kind == "Decision" else ""
    serving.actors.around.slow.clear()
    serving.actors.act(serving.world)
    serving.settle()

    assert still in ("flights-v1", "")
    assert (served(serving.world), running(serving.world)) == ("flights-v2", ["flights-v2"])


LOSSES: dict[str, list[Callable[[World], None]]] = {
    "statuses": [lose_statuses],
    "owner references": [strip_owners],
    "times": [new_times],
    "uids": [kill_uids],
    "everything at once": [lose_statuses, kill_uids, new_times],
}


@pytest.mark.parametrize("what", LOSSES)
def test_after_a_restore_nothing_rolls_out(serving: Operator, what: str) -> None:
    """v3 serves after v2 was rejected, and v1 before; none of that happens again."""
    world = serving.world
    serving.actors.around.broken.add("flights-v2")
    world.add(people.version(2))
    serving.settle()
    pin(world, 1)
    serving.settle()
    world.add(people.version(3))
    pin(world, 3)
    serving.settle()
    pin(world, 2)
    serving.settle()
    serving.actors.around.broken.clear()
    for lose in LOSSES[what]:
        lose(world)
    before = len(world.writes)
    serving.look_at_all()
    for key in list(serving.queue):
        serving.look(key)  # adopts before the garbage collector comes
    serving.settle(A_WHILE)

    assert (served(world), running(world)) == ("flights-v3", ["flights-v3"])
    assert [write for write in world.writes[before:] if not write.startswith("status")] == []
    assert conditions(world, "ModelDeployment") == {"Ready": "False", "Stalled": "True"}


def test_a_clock_that_is_set_back_delays_and_breaks_nothing(serving: Operator) -> None:
    """An hour back in the middle of a rollout."""
    serving.world.add(people.version(2))
    serving.until(lambda: "apply Service flights" in serving.world.writes)
    serving.world.pass_time(-HOUR)
    serving.settle(timedelta(minutes=2))

    assert (served(serving.world), running(serving.world)) == ("flights-v2", ["flights-v2"])


def test_suspend_and_resume(serving: Operator) -> None:
    """No pods meanwhile, the same version afterwards."""
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(suspend=True))
    serving.settle()
    suspended = len(serving.world.all("Pod")), conditions(serving.world, "ModelDeployment")
    serving.world.add(people.version(2))
    serving.settle()
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(suspend=False))
    serving.settle()

    assert suspended == (0, {"Ready": "True", "Suspended": "True"})
    assert (served(serving.world), running(serving.world)) == ("flights-v2", ["flights-v2"])


def test_paused_decides_nothing_but_repairs(serving: Operator) -> None:
    """A new version waits; a lost Deployment comes back."""
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(paused=True))
    serving.world.add(people.version(2))
    serving.settle()
    for body in serving.world.all("Deployment"):
        serving.world.remove("Deployment", body["metadata"]["name"])
    serving.settle()
    paused = served(serving.world), conditions(serving.world, "ModelDeployment")
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(paused=False))
    serving.settle()

    assert paused == ("flights-v1", {"Ready": "True", "Paused": "True"})
    assert served(serving.world) == "flights-v2"


def test_stable_fails_while_the_candidate_starts(serving: Operator) -> None:
    """The new version takes over as soon as it is ready."""
    serving.actors.around.slow.add("flights-v2")
    serving.world.add(people.version(2))
    serving.settle(timedelta(minutes=1))
    serving.actors.around.broken.add("flights-v1")
    serving.actors.act(serving.world)
    serving.settle(timedelta(minutes=1))
    failing = conditions(serving.world, "ModelDeployment")
    serving.actors.around.slow.clear()
    serving.actors.act(serving.world)
    serving.settle()

    assert failing == {"Ready": "False", "Reconciling": "True", "PodsHealthy": "False"}
    assert served(serving.world) == "flights-v2"


def test_a_promoted_version_that_fails_before_traffic_moved_gets_none(serving: Operator) -> None:
    """The operator was away between the record and the Service; meanwhile the new pods died."""
    world = serving.world
    world.add(people.version(2))
    serving.until(lambda: sum("promote" in write for write in world.writes) > 1)
    serving.actors.around.broken.add("flights-v2")
    serving.actors.act(world)
    serving.actors.act(world)
    serving.settle()

    assert served(world) == "flights-v1"
    assert "flights-v1 still answers" in summary(world, "ModelDeployment")


def test_deleted_and_made_again_it_serves_on(serving: Operator) -> None:
    """What the garbage collector has not taken yet is adopted; the rest is made again."""
    world = serving.world
    old = world.one("ModelDeployment", "flights")
    world.remove("ModelDeployment", "flights")
    world.add({**old, "metadata": {"name": "flights"}, "status": {}})
    serving.settle()

    assert (served(world), running(world)) == ("flights-v1", ["flights-v1"])
    assert conditions(world, "ModelDeployment") == {"Ready": "True"}


@pytest.mark.parametrize("gone", ["Decision", "ControllerRevision", "Deployment", "Service", "Pod"])
def test_deleted_and_made_again_with_a_part_of_the_children_gone(serving: Operator, gone: str) -> None:
    """The garbage collector takes them one after the other, and was at one kind when the new one came."""
    world = serving.world
    old = world.one("ModelDeployment", "flights")
    world.remove("ModelDeployment", "flights")
    for body in world.all(gone):
        world.remove(gone, body["metadata"]["name"])
    world.add({**old, "metadata": {"name": "flights"}, "status": {}})
    serving.settle()

    assert (served(world), running(world)) == ("flights-v1", ["flights-v1"])
    assert conditions(world, "ModelDeployment") == {"Ready": "True"}


def test_two_deployments_of_one_model_that_set_the_same_alias(serving: Operator) -> None:
    """The first one keeps it; the other one is told, and nothing is taken over."""
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(rollout={"setAlias": "champion"}))
    serving.settle()
    serving.world.add(people.version(2))
    selector = {"type": "Version", "ref": {"name": "flights"}, "version": 1}
    other = people.deployment("other", rollout={"setAlias": "champion"})
    other["spec"]["model"] = selector
    serving.world.add(other)
    serving.settle()

    assert serving.world.one("Model", "flights")["spec"]["aliases"] == [{"name": "champion", "version": 2}]
    assert conditions(serving.world, "ModelDeployment", "other") == {"Ready": "True", "AliasConflict": "True"}


def test_a_model_that_is_deleted_and_made_again_gets_its_alias_again(serving: Operator) -> None:
    """The alias follows from what serves."""
    people.edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(rollout={"setAlias": "champion"}))
    serving.settle()
    serving.world.remove("Model", "flights")
    serving.settle()
    without = summary(serving.world, "ModelDeployment")
    serving.world.add(people.model())
    serving.settle()

    assert without.endswith("; alias champion (spec.rollout.setAlias) is set when Model flights exists")
    assert serving.world.one("Model", "flights")["spec"]["aliases"] == [{"name": "champion", "version": 1}]


def test_a_gap_in_the_numbers_of_versions_is_no_matter(serving: Operator) -> None:
    """After v1 comes v7."""
    serving.world.add(people.version(7))
    serving.settle()

    assert served(serving.world) == "flights-v7"


def test_an_installation_under_another_name_gives_routers_its_own_role(operator: Operator) -> None:
    """The role of a RoleBinding cannot be changed: it is made anew, once, and nothing else of the router is."""
    operator.world.add(people.version(1))
    for name in ("flights", "spend"):
        operator.world.add(people.deployment(name, traffic={"provider": "Router"}))
    operator.settle()
    before = {kind: operator.world.one(kind, ROUTER_NAME)["metadata"]["uid"] for kind in ("Deployment", "Service")}
    operator.world.writes.clear()

    Operator(operator.world, operator.actors, replace(SETTINGS, router_role="another-router")).settle()

    binding = operator.world.one("RoleBinding", ROUTER_NAME)
    assert binding["roleRef"]["name"] == "another-router"
    assert {ref["name"] for ref in binding["metadata"]["ownerReferences"]} == {"flights", "spend"}
    assert operator.world.writes.count(f"create RoleBinding {ROUTER_NAME}") == 1
    assert before == {kind: operator.world.one(kind, ROUTER_NAME)["metadata"]["uid"] for kind in before}


def test_the_longest_names(operator: Operator) -> None:
    """Forty characters everywhere."""
    name = "a" * 40
    operator.world.add(people.version(1, model=name))
    operator.world.add(people.deployment(name, of=name))
    operator.settle()

    assert conditions(operator.world, "ModelDeployment", name) == {"Ready": "True"}
    assert max(len(body["metadata"]["name"]) for body in operator.world.everything() if body["kind"] != "Pod") <= 63


def test_two_who_scale_do_not_fight(serving: Operator) -> None:
    """An autoscaler sets five pods every fifteen seconds for an hour: it is set back six times, and told throughout."""
    world = serving.world
    for _ in range(4 * 60):
        for body in world.all("Deployment"):
            if body["spec"]["replicas"] != 5:
                world.scale_by("kube-controller-manager", body, 5)
        serving.settle(within=timedelta(seconds=1))
        world.pass_time(timedelta(seconds=15))

    assert sum(write.endswith(" to 2") for write in world.writes) in {5, 6}
    [told] = [c for c in status(world, "ModelDeployment")["conditions"] if c["type"] == "ReplicasContested"]
    assert "again and again where 2 are wanted" in told["message"]
