"""An actor that plays the Job controller, the Deployment controller, the scheduler and the kubelet.

Against a real kube-apiserver without nodes it gives every Job and Deployment of mlwright its pods, says how they are,
and draws the conclusions that the real controllers draw. What happens to a pod is told by a script.

    async with Kube(server) as kube, Kubelet(kube, script):
        ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from mlwright.adapters.kube.client import collection, item
from mlwright.constants import MANAGED_SELECTOR
from mlwright.plan.digests import short
from mlwright.plan.resources import DEPLOYMENT, JOB, POD, ResourceKind
from tests.support.apiserver import MERGE, Json
from tests.support.kube import Event, Kube
from tests.support.podstates import Absent, Ended, Running, State, deployment_status, job_status, pod_status
from tests.support.waiting import over, soon

HASH: Final = "pod-template-hash"
JOB_NAME: Final = "batch.kubernetes.io/job-name"
AT_ONCE: Final = 16
"""Owners that are played at the same time. The real controllers are as modest: a thousand connections at once keep an
API server from answering anybody, and take the Lease from an operator that does nothing wrong."""


class Script(Protocol):
    """Says what becomes of pods. Asked again whenever the actor looks again; the answer may have changed."""

    def plays(self, namespace: str) -> bool:
        """Tell whether this is about a namespace; the actor leaves others alone."""
        ...

    def step(self, job: Json) -> State:
        """Return the state of the pod of a Job."""
        ...

    def server(self, deployment: Json, number: int) -> State:
        """Return the state of one pod of a Deployment; they are numbered from 0."""
        ...


class Owner(NamedTuple):
    """A Job or a Deployment."""

    kind: ResourceKind
    namespace: str
    name: str


@dataclass(slots=True)
class Pod:
    """What the actor said of a pod last."""

    state: State | None = None


@dataclass(slots=True)
class Turn:
    """The pods of an owner, its newest body if that waits to be played, and whether somebody is playing."""

    pods: dict[str, Pod] = field(default_factory=dict)
    uid: str = ""
    body: Json | None = None
    playing: bool = False


class Kubelet:
    """The actor; an asynchronous context manager."""

    def __init__(self, kube: Kube, script: Script, namespace: str = "") -> None:
        self._kube = kube
        self._script = script
        self._namespace = namespace
        self._turns: dict[Owner, Turn] = {}
        self._owners: dict[tuple[str, str], Owner] = {}
        """By namespace and name of the pod."""
        self._synced = {kind: asyncio.Event() for kind in (POD, JOB, DEPLOYMENT)}
        self._tasks: set[asyncio.Task[None]] = set()
        """What is being done."""
        self._watches: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []
        self._hands = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        for kind, take in ((POD, self._take_pod), (JOB, self._take), (DEPLOYMENT, self._take)):
            self._watches.add(self._started(self._follow(kind, take)))
            # pods first: nobody gets a second one
            await soon(self._synced[kind].is_set, f"the kubelet has its first list of {kind.name}", 60)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = (*self._tasks, *self._watches)
        for task in tasks:
            task.cancel()
        await over(tasks, "what the kubelet does has ended after it was cancelled")
        if error is None:
            self.complain()

    async def rests(self) -> None:
        """Wait until it has done all that it heard of, so that no answer is awaited while its event loop stands still.

        Raises:
            AssertionError: it is at work for too long.
            Exception: what it failed with, since this was asked last.
        """
        await soon(lambda: not self._tasks, "the kubelet rests")
        self.complain()

    async def look_again(self, namespace: str) -> None:
        """Look at everything in a namespace again, because the script says something else now."""
        for kind in (JOB, DEPLOYMENT):
            for body in await self._kube.list(kind, namespace, labelSelector=MANAGED_SELECTOR):
                self._take(Event("MODIFIED", body))

    async def _follow(self, kind: ResourceKind, take: Callable[[Event], None]) -> None:
        async for event in self._kube.changes(kind, self._namespace, labelSelector=MANAGED_SELECTOR):
            if event is None:
                self._synced[kind].set()
            elif self._script.plays(event.object["metadata"]["namespace"]):
                take(event)

    def _take(self, event: Event) -> None:
        body, metadata = event.object, event.object["metadata"]
        kind = JOB if body["kind"] == JOB.name else DEPLOYMENT
        if event.type == "DELETED":
            metadata.setdefault("deletionTimestamp", _now())
        self._play_soon(Owner(kind, metadata["namespace"], metadata["name"]), body)

    def _take_pod(self, event: Event) -> None:
        metadata = event.object["metadata"]
        place = (metadata["namespace"], metadata["name"])
        if event.type == "DELETED":
            owner = self._owners.pop(place, None)
            if owner in self._turns and self._turns[owner].pods.pop(place[1], None) is not None:
                self._spawn(self._missed(owner))
            return
        reference = (metadata.get("ownerReferences") or ({"kind": ""},))[0]
        kind = {JOB.name: JOB, DEPLOYMENT.name: DEPLOYMENT}.get(reference["kind"])
        if place not in self._owners and kind is not None:
            self._know(Owner(kind, place[0], reference["name"]), place[1])

    def _know(self, owner: Owner, name: str) -> None:
        self._owners[owner.namespace, name] = owner
        self._turns.setdefault(owner, Turn()).pods.setdefault(name, Pod())

    async def _missed(self, owner: Owner) -> None:
        """A pod is gone: whoever owned it makes another one, unless it is gone or done as well."""
        body = await self._kube.read(*owner)
        if body is not None:
            self._play_soon(owner, body)

    def _play_soon(self, owner: Owner, body: Json) -> None:
        turn = self._turns.setdefault(owner, Turn())
        turn.body = body
        if not turn.playing:
            turn.playing = True
            self._spawn(self._play(owner, turn))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.add(self._started(work))

    def _started(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._watches.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failures.append(error)

    def complain(self) -> None:
        """Say what went wrong since this was asked last.

        Raises:
            Exception: what it failed with first.
        """
        failures, self._failures = self._failures, []
        if failures:
            raise failures[0]

    async def _play(self, owner: Owner, turn: Turn) -> None:
        """Play an owner until nothing new is known of it; one task at a time does."""
        try:
            while (body := turn.body) is not None:
                turn.body = None
                if turn.uid not in {"", body["metadata"]["uid"]}:  # a namesake: its pods are its own
                    await self._remove(owner, list(turn.pods))
                turn.uid = body["metadata"]["uid"]
                async with self._hands:
                    await self._play_once(owner, turn, body)
        finally:
            turn.playing = False

    async def _play_once(self, owner: Owner, turn: Turn, body: Json) -> None:
        if "deletionTimestamp" in body["metadata"]:
            await self._remove(owner, list(turn.pods))
            if turn.body is None:
                self._turns.pop(owner, None)
        elif owner.kind is JOB:
            await self._play_job(owner, turn, body)
        else:
            await self._play_deployment(owner, turn, body)

    async def _play_job(self, owner: Owner, turn: Turn, job: Json) -> None:
        conditions = (job.get("status") or {}).get("conditions") or ()
        if any(condition["type"] in {"Complete", "Failed"} for condition in conditions):
            return
        if job["spec"].get("suspend"):
            await self._suspend(owner, turn, job)
            return
        state = self._script.step(job)
        if isinstance(state, Absent):
            return
        if not turn.pods:
            await self._start(owner, job, f"{owner.name}-0")
        for name in list(turn.pods):
            await self._tell(owner, name, state)
            await self._report(owner, job, job_status(job, name, state, _now()))

    async def _suspend(self, owner: Owner, turn: Turn, job: Json) -> None:
        """Take a suspended Job's pods away, as if it had never begun."""
        await self._remove(owner, list(turn.pods))
        if (job.get("status") or {}).get("startTime"):
            now = {"lastTransitionTime": _now(), "lastProbeTime": _now()}
            condition = {"type": "Suspended", "status": "True", "reason": "JobSuspended", "message": "Job suspended"}
            await self._report(
                owner, job, {"startTime": None, "active": 0, "ready": 0, "conditions": [condition | now]}
            )

    async def _play_deployment(self, owner: Owner, turn: Turn, deployment: Json) -> None:
        template = short(deployment["spec"]["template"], 10)
        names = [f"{owner.name}-{template}-{n}" for n in range(deployment["spec"].get("replicas", 1))]
        for name in names:
            if name not in turn.pods:
                await self._start(owner, deployment, name)
        states = tuple(self._script.server(deployment, number) for number in range(len(names)))
        for name, state in zip(names, states, strict=True):
            await self._tell(owner, name, state)
        surplus = [name for name, pod in turn.pods.items() if name not in names]
        if all(isinstance(state, Running) and state.ready for state in states):
            await self._remove(owner, surplus)
        await self._report(owner, deployment, deployment_status(deployment, states))

    async def _start(self, owner: Owner, body: Json, name: str) -> None:
        template = body["spec"]["template"]
        own = {JOB_NAME: owner.name} if owner.kind is JOB else {HASH: short(template, 10)}
        labels = {**(template["metadata"].get("labels") or {}), **own}
        reference = {
            "apiVersion": owner.kind.api_version,
            "kind": owner.kind.name,
            "name": owner.name,
            "uid": body["metadata"]["uid"],
            "controller": True,
        }
        metadata = {"name": name, "namespace": owner.namespace, "labels": labels, "ownerReferences": [reference]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self._know(owner, name)
        answer = await self._kube.request("POST", collection(POD, owner.namespace), pod)
        if answer.status == 403 and "serviceaccount" in answer.body["message"]:
            await self._make_service_account(owner.namespace)
            answer = await self._kube.request("POST", collection(POD, owner.namespace), pod)
        if answer.status not in {201, 409}:
            self._forget(owner, name)

    async def _make_service_account(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        await self._kube.request("POST", path, account)

    async def _tell(self, owner: Owner, name: str, state: State) -> None:
        pod = self._turns[owner].pods.get(name)
        if pod is None or pod.state == state or isinstance(pod.state, Ended):
            return
        container = "step" if owner.kind is JOB else "server"
        path = item(POD, owner.namespace, name) + "/status"
        answer = await self._kube.request(
            "PATCH", path, {"status": pod_status(state, container, _now())}, content=MERGE
        )
        if answer.status == 200:
            pod.state = state

    async def _report(self, owner: Owner, body: Json, status: Json) -> None:
        """Write the status of a Job or Deployment, unless it is so already."""
        known = body.get("status") or {}
        if all(known.get(key, 0 if value == 0 else None) == value for key, value in status.items()):
            return
        path = item(owner.kind, owner.namespace, owner.name) + "/status"
        # of a body that is not the newest nothing follows: the newest is told next
        change = {"metadata": {key: body["metadata"][key] for key in ("uid", "resourceVersion")}, "status": status}
        answer = await self._kube.request("PATCH", path, change, content=MERGE)
        assert answer.status in {200, 404, 409}, f"{owner}: {answer.body.get('message')}"

    async def _remove(self, owner: Owner, names: list[str]) -> None:
        for name in names:
            self._forget(owner, name)
            await self._kube.delete(POD, owner.namespace, name)

    def _forget(self, owner: Owner, name: str) -> None:
        self._turns[owner].pods.pop(name, None)
        self._owners.pop((owner.namespace, name), None)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
