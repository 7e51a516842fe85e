"""What happens in the pods of a test: results of training steps and states of servers, told as data.

Stateless: the answer follows from the Job or Deployment alone (its attempt, its parameters, its version), so it is the
same however often the actor asks, and whatever crashed in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mlwright.bundle.packed import pack
from mlwright.constants import (
    ANNOTATION_RETRY,
    COUNT,
    EXIT_USER_ERROR,
    LABEL_ATTEMPT,
    LABEL_BATCH_RUN,
    LABEL_OWNER,
    LABEL_PREFLIGHT,
    LABEL_STEP,
    LABEL_VERSION,
    PREDICT,
)
from mlwright.plan.digests import canonical
from tests.support.apiserver import Json
from tests.support.podstates import Ended, Running, State

QUALITY: Final = "max_iter"
"""Parameter of the estimator from which the metrics of a version follow: 300 gives 0.8."""


ANSWERED: Final = Ended(0, canonical({"outcome": "Succeeded", "sentence": "64 golden rows were answered as expected"}))
"""The end of the pod that asks a version which answers as expected."""


@dataclass(slots=True)
class Story:
    """The script of one namespace; a test may change it and let the actor look again."""

    steps: dict[str, list[State]] = field(default_factory=dict)
    """By step: how its first attempts go; further attempts succeed."""
    servers: dict[str, State] = field(default_factory=dict)
    """By name of the version; others become ready."""
    stored: tuple[int, ...] = (500, 500, 0)
    """Stored rows of customers below forty, above, and of no age."""
    preflights: dict[str, State] = field(default_factory=dict)
    """By number of the version that is asked; others answer as expected."""

    def plays(self, namespace: str) -> bool:
        """Every namespace."""
        del namespace
        return True

    def step(self, job: Json) -> State:
        """Return the state of the pod of a Job."""
        labels = job["metadata"]["labels"]
        if LABEL_PREFLIGHT in labels:
            return self.preflights.get(_variables(job)["MLWRIGHT_MODEL_VERSION"], ANSWERED)
        if LABEL_STEP not in labels:  # no step of a run: a sweep
            return Ended(0, canonical({"outcome": "Succeeded", "sentence": "0 folders of runs, 0 in use"}))
        if labels[LABEL_STEP] == COUNT:
            return self.steps.get(COUNT, [counted(job, *self.stored)])[0]
        if LABEL_BATCH_RUN in labels:
            return self._of_batch(labels[LABEL_STEP], job)
        told, attempt = self.steps.get(labels[LABEL_STEP], []), int(labels[LABEL_ATTEMPT])
        if attempt < len(told) and "mlwright.dev/collects" not in labels:
            return told[attempt]
        return Ended(0, success(job))

    def _of_batch(self, step: str, job: Json) -> State:
        """Return the state of the pod of a batch prediction's Job: the first one goes as told, later ones well."""
        told = self.steps.get(step)
        return told[0] if told and ANNOTATION_RETRY not in (job["metadata"].get("annotations") or {}) else answered(job)

    def server(self, deployment: Json, number: int) -> State:
        """Return the state of one pod of a Deployment; that of a router is of no version."""
        del number  # all pods of a version fare alike
        return self.servers.get(deployment["metadata"]["labels"].get(LABEL_VERSION, ""), Running())


class Stories:
    """The scripts of many namespaces."""

    def __init__(self) -> None:
        self._stories: dict[str, Story] = {}

    def tell(self, namespace: str, story: Story) -> None:
        """Let a story happen in a namespace."""
        self._stories[namespace] = story

    def plays(self, namespace: str) -> bool:
        """Whether a story was told of the namespace."""
        return namespace in self._stories

    def step(self, job: Json) -> State:
        """Return what the namespace's story says of a step."""
        return self._stories[job["metadata"]["namespace"]].step(job)

    def server(self, deployment: Json, number: int) -> State:
        """Return what the namespace's story says of a server."""
        return self._stories[deployment["metadata"]["namespace"]].server(deployment, number)


def document(job: Json) -> Json:
    """Return the input of a step, as docs/contracts.md describes it."""
    found: Json = json.loads(_variables(job)["MLWRIGHT_STEP"])
    return found


def _variables(job: Json) -> dict[str, str]:
    """Return the variables of the container `step`."""
    variables = job["spec"]["template"]["spec"]["containers"][0]["env"]
    return {variable["name"]: variable.get("value", "") for variable in variables}


def success(job: Json) -> str:
    """Return the termination message of a step that did its work."""
    step = job["metadata"]["labels"][LABEL_STEP]
    sentence, results = _RESULTS[step](document(job)) if step in _RESULTS else ("done", {})
    return _message(job, "Succeeded", sentence, results=results)


def answered(job: Json) -> Ended:
    """Return the end of a pod that answered 100 rows, or let them appear."""
    asked: Json = json.loads(_variables(job)["MLWRIGHT_BATCH"])
    where = f"{asked['output']['uri']}/{asked['output']['folder']}"
    results = (
        {"shard": 0, "rows": 100} if job["metadata"]["labels"][LABEL_STEP] == PREDICT else {"rows": 100, "uri": where}
    )
    sentence = f"100 rows answered by {asked['version']['name']}, at {where}"
    return Ended(0, canonical({"outcome": "Succeeded", "sentence": sentence, "results": {"batch": results}}))


HALVES: Final = [["feature:age", "0 1 missing", [9_990, 9_990, 20], ["18 to 40", "40 to 99"]]]
"""What a version learned: as many below forty as above."""


def counted(job: Json, *rows: int) -> Ended:
    """Return the end of a pod that counted stored rows: of young customers, of old ones, of those without an age."""
    asked: Json = json.loads(_variables(job)["MLWRIGHT_COUNT"])
    told = {"shard": 0, "rows": sum(rows), "data": f"d{rows}", "counts": pack({"feature:age": list(rows)})}
    learned = {"outcome": "Succeeded", "sentence": "told", "results": {"learned": pack(HALVES)}}
    sentence = f"shard 0 of {asked['shards']} counted {sum(rows):,} rows"
    body = {"outcome": "Succeeded", "sentence": sentence, "results": {"count": told}}
    return Ended(0, canonical(body), learned=canonical(learned))


def user_error(job_step: str, field_: str, sentence: str, remedy: str, reason: str = "") -> Ended:
    """Return the end of a step that the user must do something about."""
    body = {"schemaVersion": 1, "step": job_step, "outcome": "UserError", "sentence": sentence, "field": field_}
    body |= {"remedy": remedy, **({"reason": reason} if reason else {})}
    return Ended(EXIT_USER_ERROR, json.dumps(body, separators=(",", ":")))


def dataset_missing() -> Ended:
    """Return the end of a validate step that found no data."""
    sentence, remedy = "there is no file flights.csv on claim data", "put it there, or correct the address"
    return user_error("validate", "spec.dataset.uri", sentence, remedy, "DatasetMissing")


def _message(job: Json, outcome: str, sentence: str, **more: Any) -> str:
    labels = job["metadata"]["labels"]
    run = job["metadata"]["labels"][LABEL_OWNER]
    body = {"schemaVersion": 1, "step": labels[LABEL_STEP], "run": run, "attempt": int(labels[LABEL_ATTEMPT])}
    return canonical(body | {"outcome": outcome, "sentence": sentence} | more)


def _digest(value: Mapping[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()


def _validated(asked: Json) -> tuple[str, Json]:
    dataset = asked["dataset"]
    # what an earlier step made lies in the folder of its run, whose name is another each time
    content = {**dataset, "uri": dataset["uri"].rpartition("/")[2]}
    rows = {"rows": 1000, "trainRows": 800, "testRows": 200, "features": 5, "bytes": 64000}
    return "read 1,000 rows, 200 of them held out", {
        "dataset": {"uri": dataset["uri"], "format": "CSV", "digest": _digest(content), **rows}
    }


def _trained(asked: Json) -> tuple[str, Json]:
    bundle = {"uri": f"{asked['runUri']}/train-{asked['run']['attempt']}/bundle", "format": "ONNX", "bytes": 12345}
    digest = _digest({"training": asked["training"], "model": asked["model"]})
    return "fitted 800 rows", {"bundle": bundle | {"digest": digest}, "environment": {"python": "3.11"}}


def _evaluated(asked: Json) -> tuple[str, Json]:
    quality = float(asked["training"]["estimator"].get("parameters", {}).get(QUALITY, 300))
    metrics = {name: round(min(0.99, 0.5 + quality / 1000), 4) for name in asked["evaluation"]["metrics"]}
    return "measured on 200 rows", {"metrics": metrics, "testRows": 200}


_RESULTS: Final = {"validate": _validated, "train": _trained, "evaluate": _evaluated}
