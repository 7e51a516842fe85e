"""What is wrong with a pod, in one sentence, from the words of the scheduler, the kubelet and the container."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mlwright.constants import PAYLOADS
from mlwright.plan.pods import Diagnosis, diagnose, holdup, moment, pod_seen
from tests.support.replay.actors import crashing, ended, running, unscheduled, waiting
from tests.unit.planners.given import a_pod


def body(status: dict[str, Any], **meta: Any) -> dict[str, Any]:
    """Return a pod as the API server has it."""
    return {"metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z", **meta}, "status": status}


CASES: dict[str, tuple[dict[str, Any], Diagnosis | None]] = {
    "it runs": (running("server", "2026-01-01T00:00:01Z", ready=True), None),
    "it is not ready yet": (running("server", "2026-01-01T00:00:01Z", ready=False), None),
    "it has just been made": ({}, None),
    "it is done": (ended("server", 0, "done"), None),
    "its container is being made": (waiting("server", "ContainerCreating", ""), None),
    "a claim is missing": (
        unscheduled('0/1 nodes are available: persistentvolumeclaim "data" not found.'),
        Diagnosis(
            'pod p waits: 0/1 nodes are available: persistentvolumeclaim "data" not found.;'
            " create it, the pod starts by itself",
            missing=True,
        ),
    ),
    "no node has room": (
        unscheduled("0/1 nodes are available: 1 Insufficient cpu."),
        Diagnosis("pod p cannot be placed: 0/1 nodes are available: 1 Insufficient cpu."),
    ),
    "a Secret is missing": (
        waiting("server", "CreateContainerConfigError", 'secret "key" not found'),
        Diagnosis('pod p waits: secret "key" not found; create it, the pod starts by itself', missing=True),
    ),
    "a key of a Secret is missing": (
        waiting("server", "CreateContainerConfigError", "couldn't find key k in Secret demo/key"),
        Diagnosis(
            "pod p waits: couldn't find key k in Secret demo/key; create it, the pod starts by itself", missing=True
        ),
    ),
    "its configuration is wrong": (
        waiting("server", "CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
        Diagnosis(
            "pod p waits: container has runAsNonRoot and image will run as root; correct it, the pod starts by itself"
        ),
    ),
    "its image is missing": (
        waiting("server", "ErrImagePull", "a:1 is not found"),
        Diagnosis(
            "the image of pod p cannot be fetched: a:1 is not found; correct the image's name or the pull secret, or"
            " load the image; it is fetched again by itself"
        ),
    ),
    "its image is still missing": (
        waiting("server", "ImagePullBackOff", 'Back-off pulling image "a:1": ErrImagePull: a:1 is not found'),
        Diagnosis(
            "the image of pod p cannot be fetched: a:1 is not found; correct the image's name or the pull secret, or"
            " load the image; it is fetched again by itself"
        ),
    ),
    "its command does not exist": (
        waiting("server", "RunContainerError", "exec: not found in $PATH"),
        Diagnosis("pod p does not start (RunContainerError): exec: not found in $PATH"),
    ),
    "it ends again and again": (
        crashing("server", 64, "the digest\n is another one"),
        Diagnosis("pod p ended with exit code 64: the digest is another one"),
    ),
    "it ended and said nothing": (ended("server", 137, ""), Diagnosis("pod p ended with exit code 137")),
    "its words are endless": (
        ended("server", 70, "x" * 5000),
        Diagnosis("pod p ended with exit code 70: " + "x" * 600),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_pod_is_diagnosed(name: str) -> None:
    """One state, one sentence."""
    status, wanted = CASES[name]

    assert diagnose([pod_seen(body(status), "server")]) == wanted


@pytest.mark.parametrize(
    "restarts, state, last, started",
    [
        (0, {"running": {"startedAt": "2026-01-01T01:00:00Z"}}, "", "01:00:00"),
        (0, {"terminated": {"startedAt": "2026-01-01T01:00:00Z", "exitCode": 1}}, "", "01:00:00"),
        (0, {"waiting": {"reason": "ErrImagePull"}}, "", None),
        (0, {"waiting": {"reason": "CrashLoopBackOff"}}, "2026-01-01T01:00:00Z", "01:00:00"),
        (1, {"running": {"startedAt": "2026-01-01T02:00:00Z"}}, "2026-01-01T01:00:00Z", "01:00:00"),
        (2, {"running": {"startedAt": "2026-01-01T03:00:00Z"}}, "2026-01-01T02:00:00Z", "02:00:00"),
        (2, {"waiting": {"reason": "CrashLoopBackOff"}}, "2026-01-01T02:00:00Z", "01:59:50"),
        (3, {"terminated": {"startedAt": "2026-01-01T03:00:00Z"}}, "2026-01-01T02:00:00Z", "01:59:50"),
        (7, {"waiting": {"reason": "CrashLoopBackOff"}}, "2026-01-01T02:00:00Z", "01:49:50"),
        (8, {"running": {"startedAt": "2026-01-01T02:10:00Z"}}, "", "01:54:50"),
    ],
)
def test_a_container_started_first_before_all_of_which_its_state_tells(
    restarts: int, state: dict[str, Any], last: str, started: str | None
) -> None:
    """It tells two runs; of those before the number and the pauses are known; no restart begins anew."""
    before = {"terminated": {"startedAt": last}} if last else {}
    container = {"name": "server", "restartCount": restarts, "state": state, "lastState": before}
    seen = pod_seen(body({"phase": "Running", "containerStatuses": [container]}), "server")

    assert (f"{seen.started:%H:%M:%S}" if seen.started else None) == started


@pytest.mark.parametrize(
    "conditions, started",
    [
        ([], "00:00:00"),
        ([{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:20Z"}], "00:00:20"),
    ],
)
def test_no_container_started_before_its_pod_had_a_node(conditions: list[dict[str, Any]], started: str) -> None:
    """Kubelets may pause for less: of eight restarts within a minute the usual pauses alone would be ten."""
    container = {
        "name": "server",
        "restartCount": 8,
        "state": {"running": {"startedAt": "2026-01-01T00:00:50Z"}},
        "lastState": {"terminated": {"startedAt": "2026-01-01T00:00:47Z", "exitCode": 1}},
    }
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}
    seen = pod_seen(body(status), "server")

    assert f"{seen.started:%H:%M:%S}" == started


def test_the_reason_of_a_container_that_was_killed_is_told() -> None:
    """Such as that its memory was not enough."""
    state = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    status = {"phase": "Failed", "containerStatuses": [{"name": "server", "state": state}]}

    assert diagnose([pod_seen(body(status), "server")]) == Diagnosis("pod p ended with exit code 137 (OOMKilled)")


def test_a_pod_that_is_going_away_is_no_trouble() -> None:
    """Somebody wanted it to go."""
    assert (
        diagnose([pod_seen(body(ended("server", 137, ""), deletionTimestamp="2026-01-01T00:00:00Z"), "server")]) is None
    )


LOST = (
    "pod p on node n1 was to end by 2026-01-01T00:00:00Z, and its node has not told that it did; if the node is lost,"
    " delete the Node, and another pod takes its place"
)


@pytest.mark.parametrize(
    "phase, now, says",
    [
        ("Running", "2026-01-01T00:01:00Z", None),
        ("Running", "2026-01-01T00:01:01Z", LOST),
        ("Pending", "2026-01-01T00:01:01Z", LOST),
        ("Failed", "2026-01-01T01:00:00Z", None),
    ],
)
def test_a_pod_of_a_job_that_does_not_end_although_it_is_deleted_is_told(
    phase: str, now: str, says: str | None
) -> None:
    """Its node was lost: nothing takes its place, and nothing else tells so. One that has ended was replaced."""
    seen = body({"phase": phase}, deletionTimestamp="2026-01-01T00:00:00Z") | {"spec": {"nodeName": "n1"}}
    found = holdup([pod_seen(seen, "step")], moment(now))

    assert found == (Diagnosis(says) if says else None)


@pytest.mark.parametrize(
    "seconds, known, told",
    [
        (300, {}, False),
        (301, {}, True),
        (301, {"waiting_reason": "PodInitializing"}, True),
        (301, {"started": moment("2026-01-01T00:00:09Z")}, False),
        (301, {"made_since": None}, False),
        (301, {"deleting": True}, False),
    ],
)
def test_a_container_that_is_made_for_minutes_is_told(seconds: int, known: dict[str, Any], *, told: bool) -> None:
    """A volume is held elsewhere or an image is large: only the pod's events say which."""
    since = moment("2026-01-01T00:00:01Z")
    state = {"waiting_reason": "ContainerCreating", "made_since": since, "started": None, **known}
    found = holdup([a_pod("p", **state)], since + timedelta(seconds=seconds))

    sentence = (
        "the container of pod p is being made since 2026-01-01T00:00:01Z; kubectl describe pod p says which image or"
        " volume it waits for"
    )
    assert found == (Diagnosis(sentence, slow=True) if told else None)


PLACED = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z"}


@pytest.mark.parametrize(
    "before, since",
    [
        ([], "2026-01-01T00:00:01Z"),
        ([{"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T05:00:00Z"}}], "2026-01-01T05:00:00Z"),
        (
            [
                {"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T00:00:09Z"}},
                {"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T05:00:00Z"}},
            ],
            "2026-01-01T05:00:00Z",
        ),
        ([{"running": {"startedAt": "2026-01-01T00:03:00Z"}}], "2026-01-01T00:03:00Z"),
    ],
)
def test_a_container_is_being_made_since_the_one_before_it_is_over(before: list[dict[str, Any]], since: str) -> None:
    """Somebody's own container may have worked for hours before the one that seals what it left."""
    inits = [{"name": PAYLOADS, "state": state} for state in before]
    status = waiting("step", "PodInitializing", "") | {"conditions": [PLACED], "initContainerStatuses": inits}

    assert pod_seen(body(status), "step").made_since == moment(since)


def test_of_a_pod_without_a_node_nothing_is_being_made() -> None:
    """What ran before on a node that it does not have any more says nothing."""
    assert pod_seen(body(unscheduled("0/1 nodes are available")), "step").made_since is None


def test_of_the_pods_of_a_job_one_that_ended_is_no_trouble() -> None:
    """The Job's end says what it was."""
    assert holdup([a_pod(exit_code=1)], moment("2026-01-01T00:00:00Z")) is None


def test_a_ready_pod_is_no_trouble_whatever_it_did_before() -> None:
    """It was started again, and well."""
    assert diagnose([a_pod(ready=True, exit_code=64)]) is None


def test_other_containers_do_not_speak() -> None:
    """A sidecar that somebody's admission webhook put in may do as it likes."""
    assert diagnose([pod_seen(body(crashing("sidecar", 1, "no")), "server")]) is None


def test_the_first_pod_in_trouble_speaks() -> None:
    """The others are likely to say the same."""
    good, bad, worse = a_pod("a", ready=True), a_pod("b", exit_code=1), a_pod("c", exit_code=2)

    assert diagnose([good, bad, worse]) == Diagnosis("pod b ended with exit code 1")


@pytest.mark.parametrize(
    "state, sentence",
    [
        ({"running": {}}, "pod p ended with exit code 64"),
        ({"terminated": {"exitCode": 70}}, "pod p ended with exit code 64"),
        ({"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "k" not found'}}, "waits"),
    ],
)
def test_what_sends_a_payload_log_hides_the_server_only_until_it_has_started(
    state: dict[str, Any], sentence: str
) -> None:
    """Beside a server it runs as long as that does."""
    ended = {"name": "server", "state": {"terminated": {"exitCode": 64}}}
    status = {"initContainerStatuses": [{"name": "payloads", "state": state}], "containerStatuses": [ended]}
    found = diagnose([pod_seen(body({"phase": "Running", **status}), "server")])

    assert found is not None
    assert sentence in found.sentence


@pytest.mark.parametrize("name, what", [("fetch", "its bundle"), ("fetch-payloads", "recorded requests")])
def test_what_could_not_be_fetched_is_told(name: str, what: str) -> None:
    """In the words of the program that fetches."""
    said = json.dumps({"sentence": "the store does not answer", "field": "", "remedy": "start it"})
    init = {"name": name, "state": {"terminated": {"exitCode": 64, "message": said}}}
    found = diagnose([pod_seen(body({"phase": "Pending", "initContainerStatuses": [init]}), "step")])

    assert found is not None
    assert found.sentence.startswith(f"pod p cannot fetch {what}: the store does not answer; start it")
