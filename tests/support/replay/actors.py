"""What plays on the other side: Job controller, Deployment controller, scheduler, kubelet, garbage collector."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mlwright.api.conditions import timestamp
from mlwright.bundle.packed import pack
from mlwright.constants import ANNOTATION_FOLLOWED, ANNOTATION_ROUTE, EXIT_USER_ERROR, LABEL_QUEUE, ROUTER, ROUTER_NAME
from mlwright.plan.digests import text_digest
from mlwright.plan.pods import moment
from mlwright.plan.resources import Body
from tests.support.replay.world import World, controller_uid, owner_named

SCORES = {20: 0.69, 100: 0.757, 300: 0.767}
"""What a model of so many iterations reaches."""
DATASET = {"uri": "pvc://data/flights.csv", "format": "CSV", "digest": "sha256:" + "d" * 64, "bytes": 10, "rows": 100}
DATASET |= {"trainRows": 80, "testRows": 20, "features": 2}


LEARNED_OF_FLIGHTS = pack(
    [
        ["output:label", "0 1", [10_000, 10_000], ["false", "true"]],
        ["feature:hour", "0 1", [10_000, 10_000], ["0 to 11", "12 to 23"]],
    ]
)
"""As many flights before noon as after."""


@dataclass(slots=True)
class Surroundings:
    """What the pods find, and what the programs in them make of it."""

    claims: set[str] = field(default_factory=lambda: {"data", "artifacts"})
    secrets: set[str] = field(default_factory=set)
    bad_images: set[str] = field(default_factory=set)
    data: bool = True
    """The dataset is there."""
    broken: set[str] = field(default_factory=set)
    """Versions whose bundle no server can load."""
    unsigned: set[str] = field(default_factory=set)
    """Versions whose bundle no server loads that asks for a signature."""
    slow: set[str] = field(default_factory=set)
    """Versions whose server never becomes ready."""
    crashes: dict[str, int] = field(default_factory=dict)
    """How many attempts of a step still crash."""
    silent: set[str] = field(default_factory=set)
    """Steps whose termination message gets lost."""
    queue: str = ""
    """What Kueue does with Jobs that name a queue: nothing (it is not there), "closed" or "open"."""
    endless: set[str] = field(default_factory=set)
    """Steps whose pods go on and on."""
    making: set[str] = field(default_factory=set)
    """Steps whose container does not start for now."""
    lasts: dict[str, timedelta] = field(default_factory=dict)
    """How long the pods of a step go on."""
    checks: str = ""
    """How the data is judged: Passed, Warned or Failed; empty where nothing is asked."""
    revision: str = "r1"
    """Of the dataset."""
    rows: int = 100
    """In the dataset."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """What evaluate finds for gates beside the metrics."""
    unrouted: bool = False
    """The pods of routers do not become ready."""
    closed: bool = False
    """Gateways accept nothing."""
    user_error: str = ""
    """Step that finds an error of the user's."""
    stored: tuple[int, int] = (500, 500)
    """Stored rows before and after noon."""
    learned: str = LEARNED_OF_FLIGHTS
    """What the version says that it learned, of stored rows."""

    def step(self, told: Body) -> tuple[int, str]:
        """Return exit code and termination message of a training step."""
        step = told["name"]
        if self.crashes.get(step, 0) > 0:
            self.crashes[step] -= 1
            return 70, "No space left on device"
        if step == self.user_error:
            return 64, _result(
                "UserError", "no column late", field="spec.dataset.target", remedy="name one that exists"
            )
        if step in {"validate", "revision"} and not self.data:
            return 64, _result("UserError", "nothing lies there", field="spec.dataset.uri", reason="DatasetMissing")
        results = _RESULTS[step](told) if step in _RESULTS else {}
        if step == "count":
            counts = {"feature:hour": [*self.stored], "output:label": [*self.stored]}
            told_of = {"shard": 0, "rows": sum(self.stored), "data": self.revision, "counts": pack(counts)}
            results = {"count": told_of}
        if step == "validate":
            results = {"dataset": DATASET | {"revision": self.revision, "sourceRows": self.rows}}
        if step == "revision":
            results = {"dataset": {"revision": self.revision, "rows": self.rows, "bytes": 10}}
        judged = {"checks": _judged(self.checks)} if step == "validate" and self.checks else {}
        judged |= {"evidence": self.evidence} if step == "evaluate" and self.evidence else {}
        if self.checks == "Failed":
            return 64, _result("UserError", "a data check failed: too few rows", field=MIN_ROWS, results=judged)
        return 0, _result("Succeeded", f"{step} is done", results=results | judged)


def _told(env: dict[str, str], container: Body) -> Body:
    """Return what a step is told, with its name; behind a container of somebody's own stands one of ours."""
    if "MLWRIGHT_OWN" in env:
        own: Body = json.loads(env["MLWRIGHT_OWN"].replace("$$", "$"))
        return own | {"name": own["step"]}
    if "MLWRIGHT_PREFLIGHT" in env:
        asked: Body = json.loads(env["MLWRIGHT_PREFLIGHT"].replace("$$", "$"))
        return asked | {"name": "preflight"}
    if "MLWRIGHT_TARGETS" in env:
        return {"name": "own-preflight"}
    if "MLWRIGHT_SWEEP" in env:
        swept: Body = json.loads(env["MLWRIGHT_SWEEP"].replace("$$", "$"))
        return swept | {"name": "sweep"}
    variable = next(name for name in ("MLWRIGHT_BATCH", "MLWRIGHT_COUNT", "MLWRIGHT_STEP") if name in env)
    found: Body = json.loads(env[variable].replace("$$", "$"))
    return found | {"name": container["args"][0]}


MIN_ROWS = "spec.dataset.checks.minRows"


def _judged(outcome: str) -> Body:
    if outcome == "Passed":
        return {"outcome": outcome, "failed": 0, "findings": []}
    return {"outcome": outcome, "failed": 1, "findings": [{"field": MIN_ROWS, "sentence": "too few rows"}]}


def _result(outcome: str, sentence: str, **more: Any) -> str:
    return json.dumps({"schemaVersion": 1, "outcome": outcome, "sentence": sentence, **more})


def _bundle(told: Body) -> Body:
    iterations = told["training"]["estimator"]["parameters"]["max_iter"]
    digest = "sha256:" + f"{iterations:04d}" * 16
    return {"uri": f"{told['runUri']}/train-{told['run']['attempt']}/bundle", "digest": digest, "format": "ONNX"}


TUNED = {"trials": 4, "finished": 4, "best": {"trial": 2, "values": {"good": 0.8}, "parameters": {"max_iter": 100}}}


def _imported(told: Body) -> Body:
    bundle = {"uri": f"{told['runUri']}/import-{told['run']['attempt']}/bundle", "digest": "sha256:" + "e" * 64}
    source = {"uri": told["import"]["uri"], "digest": "sha256:" + "f" * 64, "flavor": "onnx"}
    return {"bundle": bundle | {"format": "ONNX"}, "source": source, "environment": {"python": "3.11"}}


_RESULTS: dict[str, Callable[[Body], Body]] = {
    "tune": lambda _: {"tuning": TUNED},
    "progress": lambda _: {"tuning": TUNED | {"finished": 2}},
    "import": _imported,
    "train": lambda told: {"bundle": _bundle(told), "environment": {"python": "3.11"}},
    "evaluate": lambda told: {
        "metrics": {"roc_auc": SCORES[told["training"]["estimator"]["parameters"]["max_iter"]]},
        "testRows": 20,
    },
    "predict": lambda _: {"batch": {"shard": 0, "rows": 100}},
    "publish": lambda told: {"batch": {"rows": 100, "parts": 1, "uri": f"{told['output']['uri']}/run"}},
    "sweep": lambda told: {"sweep": {"folders": len(told["inUse"]), "inUse": len(told["inUse"])}},
}


class Actors:
    """Move the world on, one small step each; everything they need stands in the objects."""

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self.around = surroundings or Surroundings()

    def act(self, world: World) -> bool:
        """Let everybody do what they would now; tell whether anything changed."""
        before = world.version
        self.collect(world)
        for pod in world.all("Pod"):
            self._kubelet(world, pod)
        for job in world.all("Job"):
            self._job(world, job)
        for deployment in world.all("Deployment"):
            self._deployment(world, deployment)
        self._follow(world)
        for route in world.all("HTTPRoute"):
            self._gateway(world, route)
        return before != world.version

    def collect(self, world: World) -> None:
        """Remove what was owned by something that is gone; of several owners one is enough to stay."""
        alive = {body["metadata"]["uid"] for body in world.everything()}
        for body in list(world.everything()):
            owners = {ref["uid"] for ref in body["metadata"].get("ownerReferences") or ()}
            if owners and not owners & alive:
                world.remove(body["kind"], body["metadata"]["name"])

    def _follow(self, world: World) -> None:
        """Let every ready pod of a router follow the routes and say so, as its agent does."""
        service = world.objects.get("Service", {}).get(ROUTER_NAME)
        if service is None:
            return
        routes = ((body, body["metadata"].get("annotations") or {}) for body in world.all("Service"))
        follows = {b["metadata"]["name"]: text_digest(a[ANNOTATION_ROUTE]) for b, a in routes if ANNOTATION_ROUTE in a}
        pods = [pod["metadata"]["name"] for pod in world.all("Pod") if owner_named(pod)[0] == ROUTER and is_ready(pod)]
        wanted = {f"{ANNOTATION_FOLLOWED}{pod}": json.dumps(follows) for pod in pods}
        told = service["metadata"].get("annotations") or {}
        if {key: text for key, text in told.items() if key.startswith(ANNOTATION_FOLLOWED)} != wanted:
            others = {key: text for key, text in told.items() if not key.startswith(ANNOTATION_FOLLOWED)}
            world.edit(service, lambda body: body["metadata"].update(annotations=others | wanted))

    def _gateway(self, world: World, route: Body) -> None:
        """Let every Gateway say of the newest HTTPRoute whether it accepts it, and whether it finds the Services."""
        services = world.objects.get("Service", {})
        named = {ref["name"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]}
        answers = [("Accepted", not self.around.closed, "NotAllowedByListeners")]
        if not self.around.closed:
            answers.append(("ResolvedRefs", named <= services.keys(), "BackendNotFound"))
        told = {"observedGeneration": route["metadata"]["generation"]}
        conditions = [
            {**told, "type": name, "status": str(good), "reason": name if good else bad} for name, good, bad in answers
        ]
        parents = [
            {"parentRef": ref, "controllerName": "gateways.test/all", "conditions": conditions}
            for ref in route["spec"]["parentRefs"]
        ]
        if (route.get("status") or {}).get("parents") != parents:
            world.edit(route, lambda body: body.update(status={"parents": parents}))

    def _kueue(self, world: World, job: Body) -> None:
        """Suspend, admit and evict Jobs as Kueue does: the Job controller deletes the pods of a suspended one."""
        if not self.around.queue or LABEL_QUEUE not in job["metadata"]["labels"]:
            return
        closed = self.around.queue == "closed"
        if bool(job["spec"].get("suspend")) != closed:
            world.edit(job, lambda body: body["spec"].update(suspend=closed))
        if closed:
            for pod in [pod for pod in world.all("Pod") if controller_uid(pod) == job["metadata"]["uid"]]:
                world.remove("Pod", pod["metadata"]["name"])
            if job.get("status"):
                world.edit(job, lambda body: body.pop("status"))

    def _job(self, world: World, job: Body) -> None:
        if job.get("status", {}).get("conditions"):
            return
        self._kueue(world, job)
        if job["spec"].get("suspend"):
            return
        name = job["metadata"]["name"]
        pod = world.objects.get("Pod", {}).get(f"{name}-pod")
        if pod is None:
            labels = {
                "batch.kubernetes.io/job-name": name,
                "batch.kubernetes.io/controller-uid": job["metadata"]["uid"],
            }
            self._pod(world, job, f"{name}-pod", labels)
            world.edit(job, lambda body: body.update(status={"startTime": timestamp(world.now)}))
            return
        if pod["status"]["phase"] in {"Succeeded", "Failed"}:
            now = timestamp(world.now)
            ended = _job_end(pod) | {"status": "True", "lastTransitionTime": now}
            started = job["status"]["startTime"]
            world.edit(job, lambda body: body.update(status={"startTime": started, "conditions": [ended]}))

    def _deployment(self, world: World, deployment: Body) -> None:
        meta, spec = deployment["metadata"], deployment["spec"]
        own = [pod for pod in world.all("Pod") if controller_uid(pod) == meta["uid"]]
        free = (f"{meta['name']}-{meta['uid'][-1]}{number}" for number in itertools.count())
        free = (name for name in free if name not in world.objects.get("Pod", {}))
        for _ in range(len(own), spec.get("replicas", 1)):
            self._pod(world, deployment, next(free), {})
        for pod in own[spec.get("replicas", 1) :]:
            world.remove("Pod", pod["metadata"]["name"])
        own = [pod for pod in world.all("Pod") if controller_uid(pod) == meta["uid"]]
        status = {
            "observedGeneration": meta["generation"],
            "replicas": len(own),
            "readyReplicas": sum(is_ready(pod) for pod in own),
        }
        if deployment.get("status") != status:
            world.edit(deployment, lambda body: body.update(status=status))

    def _pod(self, world: World, owner: Body, name: str, labels: Body) -> None:
        template, meta = owner["spec"]["template"], owner["metadata"]
        ref = {"kind": owner["kind"], "name": meta["name"], "uid": meta["uid"], "controller": True}
        metadata = {"name": name, "labels": {**template["metadata"]["labels"], **labels}, "ownerReferences": [ref]}
        body = {"kind": "Pod", "metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}}
        world.add(body)

    def _kubelet(self, world: World, pod: Body) -> None:
        if pod["status"]["phase"] in {"Succeeded", "Failed"}:
            return
        status = self._pod_status(pod, world.now)
        if status != pod["status"]:
            world.edit(pod, lambda body: body.update(status=status))

    def _pod_status(self, pod: Body, now: datetime) -> Body:
        container = pod["spec"]["containers"][0]
        claims = [
            v["persistentVolumeClaim"]["claimName"] for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v
        ]
        if gone := [claim for claim in claims if claim not in self.around.claims]:
            return unscheduled(f'0/1 nodes are available: persistentvolumeclaim "{gone[0]}" not found')
        if container["image"] in self.around.bad_images:
            return waiting(container["name"], "ImagePullBackOff", f'Back-off pulling image "{container["image"]}"')
        wanted = (
            v["valueFrom"]["secretKeyRef"]["name"] for v in container["env"] if "secretKeyRef" in v.get("valueFrom", {})
        )
        if absent := [secret for secret in wanted if secret not in self.around.secrets]:
            return waiting(container["name"], "CreateContainerConfigError", f'secret "{absent[0]}" not found')
        return self._run(pod, container, now)

    def _first(self) -> Body:
        """Return what the container said that tells what the version learned."""
        over = {"exitCode": 0, "message": _result("Succeeded", "told", results={"learned": self.around.learned})}
        return {"initContainerStatuses": [{"name": "learned", "state": {"terminated": over}}]}

    def _run(self, pod: Body, container: Body, now: datetime) -> Body:
        env = {variable["name"]: variable.get("value", "") for variable in container["env"]}
        if container["name"] == "step":
            if pod["status"]["phase"] == "Pending":
                if _told(env, container)["name"] in self.around.making:
                    return dict(pod["status"])
                return running("step", timestamp(now), ready=True) | {"startTime": timestamp(now)}
            told = _told(env, container)
            lasts = self.around.lasts.get(told["name"], timedelta(0))
            if told["name"] in self.around.endless or now < moment(pod["status"]["startTime"]) + lasts:
                return dict(pod["status"])
            code, message = self.around.step(told)
            reader = "-read" in pod["metadata"]["name"]
            words = "" if told["name"] in self.around.silent and not reader else message
            over = ended(container["name"], code, words, pod["status"]["startTime"])
            return over | (self._first() if "initContainers" in pod["spec"] and told["name"] == "count" else {})
        if container["name"] == "haproxy":
            return running("haproxy", _runs_since(pod, now), ready=not self.around.unrouted)
        version = f"{env['MLWRIGHT_MODEL']}-v{env['MLWRIGHT_MODEL_VERSION']}"
        if version in self.around.broken:
            return crashing(container["name"], EXIT_USER_ERROR, "the bundle's digest is not the one asked for")
        if version in self.around.unsigned and "MLWRIGHT_VERIFY_KEYS" in env:
            return crashing(container["name"], EXIT_USER_ERROR, "it carries no signature (model.sig)")
        return running(container["name"], _runs_since(pod, now), ready=version not in self.around.slow)


def is_ready(pod: Body) -> bool:
    """Tell whether a pod is ready."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


def ready_pods(world: World, selector: Body) -> int:
    """Return the number of ready pods that a selector finds."""
    found = (pod for pod in world.all("Pod") if selector.items() <= pod["metadata"]["labels"].items())
    return sum(is_ready(pod) for pod in found)


def unscheduled(message: str) -> Body:
    """Return the status of a pod for which there is no node."""
    return {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": message}]}


def waiting(container: str, reason: str, message: str) -> Body:
    """Return the status of a pod whose container cannot be started."""
    state = {"name": container, "state": {"waiting": {"reason": reason, "message": message}}}
    return {"phase": "Pending", "containerStatuses": [state]}


def made_since(since: str, reason: str = "ContainerCreating") -> Body:
    """Return the status of a pod that got its node then, and whose container is being made."""
    placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": since}
    return waiting("step", reason, "") | {"conditions": [placed]}


def crashing(container: str, code: int, message: str) -> Body:
    """Return the status of a pod whose container ends again and again."""
    last = {"terminated": {"exitCode": code, "reason": "Error", "message": message}}
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    return {
        "phase": "Running",
        "containerStatuses": [{"name": container, "restartCount": 3, "state": state, "lastState": last}],
    }


def ended(container: str, code: int, message: str, started: str = "") -> Body:
    """Return the status of a pod that ended for good, and when its container started, where that is told."""
    known = {"exitCode": code, "reason": "Error" if code else "Completed", "message": message}
    state = {"terminated": known | ({"startedAt": started} if started else {})}
    phase = "Failed" if code else "Succeeded"
    return {"phase": phase, "containerStatuses": [{"name": container, "state": state}]}


def running(container: str, since: str, *, ready: bool) -> Body:
    """Return the status of a pod whose container runs."""
    state = {"name": container, "restartCount": 0, "ready": ready, "state": {"running": {"startedAt": since}}}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"phase": "Running", "conditions": conditions, "podIP": "10.0.0.1", "containerStatuses": [state]}


def _runs_since(pod: Body, now: datetime) -> str:
    """Return when the container of a pod started: now, where it has not run so far."""
    [state, *_] = pod["status"].get("containerStatuses") or [{}]
    return str(state.get("state", {}).get("running", {}).get("startedAt") or timestamp(now))


def _job_end(pod: Body) -> Body:
    if pod["status"]["phase"] == "Succeeded":
        return {
            "type": "Complete",
            "reason": "CompletionsReached",
            "message": "Reached expected number of succeeded pods",
        }
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    if state["exitCode"] == EXIT_USER_ERROR:
        return {"type": "Failed", "reason": "PodFailurePolicy", "message": "Container step failed with exit code 64"}
    return {
        "type": "Failed",
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
    }
