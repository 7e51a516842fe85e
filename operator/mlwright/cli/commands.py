"""What people command: each is one annotation or one field, so that whatever can annotate can do the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from mlwright.cli.answers import Answer, Code, CommandError
from mlwright.cli.kubectl import Body, Kubectl
from mlwright.cli.reports import about, brief, in_order
from mlwright.constants import (
    ANNOTATION_ABORT,
    ANNOTATION_APPROVE,
    ANNOTATION_PROMOTE,
    ANNOTATION_RETRY,
    ANNOTATION_RUN,
)

GOING: Final = frozenset({"Pending", "Queued", "Running", "Waiting"})


def approve(kubectl: Kubectl, body: Body, version: int | None) -> Answer:
    """Approve a version: itself, at the steps of a deployment's rollout, or ahead at a pipeline."""
    name = body["metadata"]["name"]
    if body["kind"] == "ModelVersion":
        number = body["spec"]["version"]
        return _annotate(kubectl, body, {ANNOTATION_APPROVE: str(number)}, f"{name} is approved")
    if body["kind"] == "ModelDeployment":
        number = version or _rolling(body, "nothing waits for approval")
        said = f"version {number} of {name} goes on behind its steps of type Approval"
        return _annotate(kubectl, body, {ANNOTATION_APPROVE: str(number)}, said)
    if version is None:
        raise CommandError(Code.USAGE, f"say which version of pipeline {name} is approved: approve {name} VERSION")
    model = (body["spec"].get("modelRef") or {}).get("name") or name
    made = kubectl.get("ModelVersion", f"{model}-v{version}")
    if made is not None:
        return approve(kubectl, made, None)
    said = f"version {version} of {model} is approved ahead: it may be served when it comes, if its gates pass it"
    return _annotate(kubectl, body, {ANNOTATION_APPROVE: str(version)}, said)


def promote(kubectl: Kubectl, body: Body, version: int | None) -> Answer:
    """Let a version take over without what is left of its rollout."""
    number = version or _rolling(body, "nothing is to be promoted")
    said = f"version {number} takes over as soon as its pods are ready, without what is left of its rollout"
    return _annotate(kubectl, body, {ANNOTATION_PROMOTE: str(number)}, said)


def abort(kubectl: Kubectl, body: Body, version: int | None) -> Answer:
    """End the rollout of a deployment, or a run."""
    if body["kind"] == "TrainingPipeline":
        body = _last_run(kubectl, body, going=True)
    name = body["metadata"]["name"]
    if body["kind"] == "TrainingRun":
        return _annotate(kubectl, body, {ANNOTATION_ABORT: "kubectl mlwright abort"}, f"run {name} is ended")
    number = version or _rolling(body, "nothing is to be ended; to go back to an earlier version: rollback")
    stable = (body["status"].get("stable") or {}).get("version", "what served before")
    said = f"version {number} of {name} is rejected; {stable} serves"
    return _annotate(kubectl, body, {ANNOTATION_ABORT: str(number)}, said)


def retry(kubectl: Kubectl, body: Body, now: datetime) -> Answer:
    """Try again: a run that failed, or what a deployment rejected."""
    if body["kind"] == "TrainingPipeline":
        body = _last_run(kubectl, body, going=False)
    name, token = body["metadata"]["name"], _token(now)
    if body["kind"] == "TrainingRun":
        said = f"run {name} goes on at the step that failed"
        return _annotate(kubectl, body, {ANNOTATION_RETRY: token}, said)
    # an abort that stands would end it again at once
    change = {ANNOTATION_RETRY: token, ANNOTATION_ABORT: None}
    return _annotate(kubectl, body, change, f"what {name} rejected before is tried again")


def run(kubectl: Kubectl, body: Body, now: datetime) -> Answer:
    """Ask a pipeline for a run."""
    name = body["metadata"]["name"]
    return _annotate(kubectl, body, {ANNOTATION_RUN: _token(now)}, f"a run of {name} is asked for")


def rollback(kubectl: Kubectl, body: Body, version: int | None) -> Answer:
    """Go back: end the rollout that goes on, else pin the version that served before and let it take over at once."""
    if version is None and (body.get("status") or {}).get("rollout"):
        return abort(kubectl, body, None)
    name, serving = body["metadata"]["name"], _number(((body.get("status") or {}).get("stable") or {}).get("version"))
    number = version or _before(body, kubectl.all("Decision"), serving)
    if number == serving:
        raise CommandError(Code.NOT_SO, f"{name} serves version {number} already")
    pin = {"type": "Version", "version": number, "alias": None}
    change = {
        "metadata": {
            "resourceVersion": body["metadata"]["resourceVersion"],
            "annotations": {ANNOTATION_PROMOTE: str(number)},
        },
        "spec": {"model": pin},
    }
    said = (
        f"{name} goes back to version {number} as soon as its pods are ready; spec.model pins it from now on."
        " Where Git holds the spec, pin it there too, or it is set back"
    )
    return Answer(said, brief(kubectl.patch(body, change)) | {"version": number, "said": said})


def _annotate(kubectl: Kubectl, body: Body, values: Mapping[str, str | None], said: str) -> Answer:
    changed = kubectl.patch(body, {"metadata": {"annotations": dict(values)}})
    return Answer(said, brief(changed) | {"annotations": dict(values), "said": said})


def _rolling(body: Body, otherwise: str) -> int:
    """Return the number of the version that rolls out.

    Raises:
        CommandError: none does.
    """
    told = body.get("status") or {}
    found = (told.get("rollout") or {}).get("version") or _number((told.get("candidate") or {}).get("version"))
    if not found:
        summary = told.get("summary") or "it was not looked at yet"
        raise CommandError(Code.NOT_SO, f"{body['metadata']['name']} has no rollout under way, {otherwise}: {summary}")
    return int(found)


def _before(body: Body, decisions: list[Body], serving: int) -> int:
    """Return the number of the version that served before the one that serves.

    Raises:
        CommandError: nothing tells of one.
    """
    promoted = [d for d in in_order(about(body, decisions)) if d["spec"]["type"] == "Promote"]
    numbers = [_number(decision["spec"].get("version")) for decision in promoted]
    found = [number for number in numbers if number not in {0, serving}]
    if not found:
        name = body["metadata"]["name"]
        raise CommandError(Code.NOT_SO, f"nothing tells what {name} served before: say it with rollback {name} VERSION")
    return found[-1]


def _last_run(kubectl: Kubectl, body: Body, *, going: bool) -> Body:
    """Return the newest run of a pipeline, which must go on, or have ended.

    Raises:
        CommandError: it has none, or that is not so.
    """
    name, last = body["metadata"]["name"], (body.get("status") or {}).get("lastRun") or {}
    found = kubectl.get("TrainingRun", last["name"]) if last else None
    if found is None:
        raise CommandError(Code.NOT_SO, f"pipeline {name} has no run")
    if (last["state"] in GOING) != going:
        stands = "has ended" if going else "goes on"
        raise CommandError(Code.NOT_SO, f"run {last['name']}, the newest of {name}, {stands} ({last['state']})")
    return found


def _number(version: str | None) -> int:
    """Return the number with which the name of a version ends; 0 without one.

    >>> _number("flights-v8")
    8
    """
    digits = (version or "").rpartition("-v")[2]
    return int(digits) if digits.isdigit() else 0


def _token(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")
