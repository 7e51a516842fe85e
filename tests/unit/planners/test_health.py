"""How the pods of a variant are, and when a candidate has failed for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.pods import PodSeen
from mlwright.plan.serving import VariantSeen
from mlwright.planners.health import failure, fault, health, time_left
from tests.unit.planners.given import NOW, a_deployment, a_pod, a_refusing_pod

COUNTS = st.integers(0, 9)
DEADLINE = timedelta(minutes=10)


def a_variant(ready: int, **state: object) -> VariantSeen:
    """Return the Deployment of a revision."""
    [variant] = a_deployment().candidate(1, ready=ready, **state).variants  # type: ignore[arg-type]
    return variant


@given(ready=COUNTS, wanted=COUNTS, observed=st.booleans())
def test_complete_means_that_all_wanted_pods_are_ready(ready: int, wanted: int, *, observed: bool) -> None:
    """And that the count is of the newest spec."""
    state = health(a_variant(ready, observed=observed), wanted)

    assert state.complete == ((ready >= wanted and observed) or wanted == 0)
    assert 0 <= state.ready <= max(ready, 0)


@given(wanted=COUNTS)
def test_without_a_deployment_nothing_is_ready(wanted: int) -> None:
    """Zero of zero is complete, though."""
    state = health(None, wanted)

    assert (state.ready, state.complete, state.trouble) == (0, wanted == 0, "")


def test_trouble_is_told_only_while_pods_lack() -> None:
    """A surplus pod that fails is nobody's trouble."""
    failing = (a_refusing_pod(),)

    assert health(a_variant(2, pods=failing), 2).trouble == ""
    assert health(a_variant(1, pods=failing), 2).trouble.endswith("exit code 64: the digest is another one")


def test_pods_that_may_not_be_created_are_trouble() -> None:
    """The Deployment says why there are none."""
    assert health(a_variant(0, refused="exceeded  quota"), 1).trouble == "its pods cannot be created: exceeded quota"


@pytest.mark.parametrize(
    "minutes, pod, why",
    [
        (0, a_refusing_pod(), "pod churn-1 ended with exit code 64: the digest is another one"),
        (0, a_refusing_pod(said=""), "pod churn-1 ended with exit code 64: it left no message"),
        (0, a_refusing_pod(said="a\n\nb"), "pod churn-1 ended with exit code 64: a b"),
        (0, a_refusing_pod(70), ""),
        (9, a_refusing_pod(70), ""),
        (10, a_pod(), "0 of 2 pods ready after 10 min"),
        (10, a_refusing_pod(70, "full"), "0 of 2 pods ready after 10 min: pod churn-1 ended with exit code 70: full"),
        (0, a_pod(deleting=True, exit_code=64), ""),
        (0, a_pod(ready=True, exit_code=64), ""),
        (-600, a_pod(), ""),
    ],
)
def test_when_a_candidate_has_failed(minutes: int, pod: object, why: str) -> None:
    """At once if its server says so, else at the deadline; never before it was made, however a clock is set."""
    variant = a_variant(0, created=NOW - timedelta(minutes=minutes), pods=(pod,))

    assert failure(variant, 2, DEADLINE, NOW) == why


CANNOT_START: dict[str, dict[str, Any]] = {
    "no volume yet": {"waiting_reason": "ContainerCreating", "started": None},
    "no word of its kubelet": {"phase": "Pending", "started": None},
    "no Secret": {"waiting_reason": "CreateContainerConfigError", "waiting_message": 'secret "key" not found'},
    "no image": {"waiting_reason": "ImagePullBackOff", "waiting_message": "no such host"},
    "no room": {"scheduling": "0/1 nodes are available: 1 Insufficient memory."},
    "a slow store of its bundle": {"fetching": True},
    "no store of its bundle": {"fetching": True, "exit_code": 64, "exit_message": "away", "restarts": 9},
    "no claim": {"scheduling": 'persistentvolumeclaim "lake" not found'},
}


SILENT = {"no volume yet", "no word of its kubelet", "a slow store of its bundle"}


@pytest.mark.parametrize("what", CANNOT_START)
def test_pods_that_cannot_start_say_nothing_about_a_version(what: str) -> None:
    """It is not judged, however long that takes; it goes on by itself when the cause goes away."""
    variant = a_variant(0, created=NOW - timedelta(days=1), pods=(a_pod(**CANNOT_START[what]),))

    assert failure(variant, 2, DEADLINE, NOW) == ""
    assert (health(variant, 2).trouble == "") == (what in SILENT)


@pytest.mark.parametrize(
    "message, said",
    [
        (
            '{"field": "ModelVersion churn-v1 spec.bundle.storage", "sentence": "it is away", "remedy": "start it"}',
            ("ModelVersion churn-v1 spec.bundle.storage: it is away; start it; it is tried again by itself"),
        ),
        ("", "it ended with exit code 70; it is tried again by itself"),
        ("[1]", "[1]; it is tried again by itself"),
    ],
)
def test_a_store_that_does_not_give_the_bundle_is_told_and_waited_for(message: str, said: str) -> None:
    """In the words of what fetches it: field, what is wrong, remedy."""
    pod = a_pod(fetching="its bundle", exit_code=70, exit_message=message, restarts=5)
    variant = a_variant(1, created=NOW - timedelta(days=1), pods=(pod,))
    state = health(variant, 2)

    assert state.trouble == f"pod churn-1 cannot fetch its bundle: {said}"
    assert fault(variant, state, NOW - timedelta(days=1), DEADLINE, NOW) == ""


def test_pods_that_may_not_be_created_say_nothing_about_a_version() -> None:
    """A quota, or a service account that does not exist."""
    variant = a_variant(0, created=NOW - timedelta(days=1), refused="exceeded quota")

    assert failure(variant, 2, DEADLINE, NOW) == ""


def test_a_version_of_which_no_pod_was_made_is_not_judged() -> None:
    """Who makes pods is away, and nobody says so."""
    variant = a_variant(0, created=NOW - timedelta(days=1), pods=())

    assert failure(variant, 2, DEADLINE, NOW) == ""


def test_a_pod_that_starts_slowly_elsewhere_takes_nothing_from_a_version_that_was_ready() -> None:
    """Its node was drained, and the image is large."""
    variant = a_variant(1, pods=(a_pod(waiting_reason="ContainerCreating", started=None),))

    assert fault(variant, health(variant, 2), NOW - timedelta(days=1), DEADLINE, NOW) == ""


REFUSED: dict[str, dict[str, Any]] = {
    "by its node, which was full": {"ended_by": "OutOfcpu"},
    "by a device of its node": {"ended_by": "UnexpectedAdmissionError"},
    "because its node went down": {"ended_by": "Terminated", "phase": "Succeeded"},
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_pod_that_was_over_before_it_started_does_not_keep_a_version_from_being_judged(how: str) -> None:
    """Another one took its place, and it is never deleted: it would wait for ever."""
    pods = (a_pod("churn-0", **{"phase": "Failed", "started": None} | REFUSED[how]), a_pod())
    variant = a_variant(0, created=NOW - timedelta(minutes=10), pods=pods)

    assert failure(variant, 1, DEADLINE, NOW) == "0 of 1 pods ready after 10 min"
    assert fault(variant, health(variant, 1), NOW - DEADLINE, DEADLINE, NOW) == "0 of 1 pods ready for 10 min"


@pytest.mark.parametrize("next_one", [(), (a_pod(**CANNOT_START["no room"]),)], ids=["not made", "without a node"])
@pytest.mark.parametrize("ended", [{"started": None}, {"exit_code": 137, "ended_by": "Evicted"}])
def test_a_pod_that_is_over_judges_no_version_whose_next_one_has_not_started(
    ended: dict[str, Any], next_one: tuple[PodSeen, ...]
) -> None:
    """A node that refuses or ends pods says nothing about the version, and what takes their place had no chance yet."""
    pods = (a_pod("churn-0", phase="Failed", **ended), *next_one)
    variant = a_variant(0, created=NOW - timedelta(days=1), pods=pods)

    assert failure(variant, 1, DEADLINE, NOW) == ""


def test_one_pod_that_ended_says_enough() -> None:
    """Although another one cannot start."""
    pods = (a_pod(**CANNOT_START["no room"]), a_refusing_pod(70))
    variant = a_variant(0, created=NOW - timedelta(days=1), pods=pods)

    assert failure(variant, 2, DEADLINE, NOW).startswith("0 of 2 pods ready after 10 min")


@pytest.mark.parametrize("minutes, failed", [(9, False), (10, True)])
def test_the_deadline_counts_from_the_start_of_the_pods(minutes: int, *, failed: bool) -> None:
    """They waited an hour for a Secret, and have their time nevertheless."""
    pod = a_pod(started=NOW - timedelta(minutes=minutes))
    variant = a_variant(0, created=NOW - timedelta(hours=1), pods=(pod,))

    assert (failure(variant, 2, DEADLINE, NOW) != "") == failed
    assert time_left(variant, DEADLINE, NOW) == timedelta(minutes=10 - minutes)


def test_a_message_without_end_is_cut() -> None:
    """The record of the rejection takes 2,048 characters, and must be written."""
    assert len(failure(a_variant(0, pods=(a_refusing_pod(said="x" * 4096),)), 2, DEADLINE, NOW)) < 700
