"""The operator without its shell: looks at objects of a `World` as the cycle does, with faults on request.

A fault strikes one write, counted over the whole story. The reconcilers keep nothing between two looks, so a process
that dies before a write is a write that is lost, and one that dies after it is an answer that is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

from mlwright.api.conditions import StatusDraft, Verdict, merge, ready, stalled
from mlwright.api.reasons import Reason
from mlwright.controller.kinds import RECONCILERS
from mlwright.controller.load_meter import EVERY as LOOK_AT_LOADS
from mlwright.controller.routes import affected
from mlwright.controller.shelf import Change
from mlwright.controller.status import compact
from mlwright.errors import InvalidSpecError
from mlwright.plan.plan import Plan
from mlwright.plan.resources import Body, Key
from mlwright.plan.writes import Apply, Write
from mlwright.settings import Settings
from tests.support.replay.actors import Actors
from tests.support.replay.world import (
    NAMESPACE,
    AliasTaken,
    NameTaken,
    Refusal,
    World,
    belongs,
    controller_uid,
    is_shared,
)

SETTINGS: Final = Settings(
    trainer_image="trainer:1",
    server_image="server:1",
    router_image="router:1",
    network_policy=True,
    network_policy_gateways='[{"namespaceSelector":{"matchLabels":{"team":"edge"}}}]',
    artifacts_uri="pvc://artifacts/runs",
    prometheus_url="http://prometheus:9090",
    outside_hosts="https://models.example.com,https://mlflow.example.com,https://hooks.example.com",
)
ROUNDS: Final = 400
"""Looks at everything until a story must have come to rest."""
_BY_KIND: Final = {reconciler.kind.name: reconciler for reconciler in RECONCILERS}
_OWNED: Final = (
    "ControllerRevision",
    "Job",
    "Deployment",
    "Service",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Decision",
    "TrainingRun",
)


class Mode(StrEnum):
    """What becomes of the write that a fault strikes."""

    LOST = "lost"
    """It has no effect."""
    UNANSWERED = "unanswered"
    """It has effect, but nobody hears of it."""
    TWICE = "twice"
    """It arrives two times."""
    LATE = "late"
    """Nobody hears of it, and it has effect some looks later."""


class Interrupted(Exception):  # noqa: N818  # part of the play
    """The look ended in the middle."""


@dataclass(slots=True)
class Fault:
    """Strikes one write of a story."""

    mode: Mode
    at: int
    delay: int = 5
    """Looks until a late write arrives."""


@dataclass(slots=True)
class Operator:
    """Looks at objects when it hears of a change or wished to look again, and moves them on."""

    world: World
    actors: Actors = field(default_factory=Actors)
    settings: Settings = SETTINGS
    fault: Fault | None = None
    skew: timedelta = timedelta(0)
    """How far its clock is ahead of the world's."""
    written: int = 0
    """Writes tried so far, those of statuses among them."""
    of_status: set[int] = field(default_factory=set)
    """Which of the writes were of a status."""
    looks: int = 0
    trace: list[tuple[str, str, Body]] = field(default_factory=list)
    """Kind, name and content of all statuses that were written."""
    late: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    queue: dict[Key, None] = field(default_factory=dict)
    due: dict[Key, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start like a process: look at everything once, then hear of changes."""
        self.world.tell = self._hear
        self.look_at_all()

    @property
    def now(self) -> datetime:
        """What its clock says."""
        return self.world.now + self.skew

    def look_at_all(self) -> None:
        """Queue everything, as at a start."""
        for kind in _BY_KIND:
            self.queue.update({Key(kind, NAMESPACE, body["metadata"]["name"]): None for body in self.world.all(kind)})

    def _hear(self, body: Body, change: Change) -> None:
        found = sorted(key for key in affected(body, change, self.world) if key.kind in _BY_KIND)
        self.queue.update(dict.fromkeys(found))

    def look(self, key: Key) -> None:
        """Look at one object."""
        self.looks += 1
        self._arrive()
        body = self.world.objects.get(key.kind, {}).get(key.name)
        self.due.pop(key, None)
        if body is None or "deletionTimestamp" in body["metadata"]:
            return
        try:
            again = self._move(body)
        except (Refusal, Interrupted):
            self.queue[key] = None
            return
        if again is not None:
            self.due[key] = self.world.now + again

    def _move(self, body: Body) -> timedelta | None:
        reconciler = _BY_KIND[body["kind"]]
        plan: Plan | None = None
        try:
            plan = reconciler.plan(reconciler.gather(body, self.world), self.settings, self.now)
            if plan.adopts:
                self._adopt(body)
            verdicts = [*self._perform(plan, body)]
        except InvalidSpecError as error:
            self._status(body, _stuck(body, Reason.INVALID_SPEC, str(error)))
            return None
        except NameTaken as error:
            self._status(body, _stuck(body, Reason.NAME_CONFLICT, f"{error} is taken"))
            return None
        meta = body["metadata"]
        key = Key(body["kind"], meta["namespace"], meta["name"])
        self.world.loads.want(key, plan.questions, plan.memory, plan.bounds, plan.standing)
        self.world.meter.want(key, plan.measure)
        self.world.rows.want(key, plan.wanted)
        draft = plan.status
        self._status(body, StatusDraft(draft.summary, (*draft.conditions, *verdicts), draft.fields))
        return plan.again

    def _perform(self, plan: Plan, body: Body) -> Iterator[Verdict]:
        """Perform the writes of a plan; return what is to be told beside its status."""
        for write in self.world.needed((*plan.records, *plan.writes), body):
            try:
                self._strike(self._bound(write, body))
            except AliasTaken as error:
                yield Verdict("AliasConflict", "True", Reason.ALIAS_CONFLICT, str(error))

    def _bound(self, write: Write, owner: Body) -> Callable[[], None]:
        """Return how a write is sent: an apply is bound to the version that was seen, whenever it arrives."""
        if not isinstance(write, Apply):
            return partial(self.world.perform, write, owner)
        kind, name = write.body["kind"], write.body["metadata"]["name"]
        seen = _version(self.world, kind, name)

        def send() -> None:
            if seen and _version(self.world, kind, name) != seen:
                raise Refusal(f"{kind} {name} changed meanwhile")
            self.world.perform(write, owner)

        return send

    def _adopt(self, owner: Body) -> None:
        for kind in _OWNED:
            for child in self.world.all(kind):
                if not is_shared(child) and belongs(child, owner) and controller_uid(child) != owner["metadata"]["uid"]:
                    meta = owner["metadata"]
                    ref = {"kind": owner["kind"], "name": meta["name"], "uid": meta["uid"], "controller": True}
                    self.world.edit(child, partial(_give, ref))

    def _status(self, body: Body, draft: StatusDraft) -> None:
        before = body.get("status") or {}
        after = compact(merge(before, draft, body["metadata"]["generation"], self.now))
        if after != before:
            self.of_status.add(self.written + 1)
            judged = body["metadata"]["resourceVersion"]
            self._strike(partial(self._write_status, body, judged, after))

    def _write_status(self, body: Body, judged: str, status: Body) -> None:
        kind, name = body["kind"], body["metadata"]["name"]
        found = self.world.objects.get(kind, {}).get(name)
        if found is body and body["metadata"]["resourceVersion"] == judged:
            self.trace.append((kind, name, status))
            self.world.write_status(body, status)

    def _strike(self, write: Callable[[], None]) -> None:
        self.written += 1
        if self.fault is None or self.fault.at != self.written:
            write()
            return
        if self.fault.mode is Mode.LATE:
            self.late.append((self.looks + self.fault.delay, write))
        elif self.fault.mode is not Mode.LOST:
            write()
        if self.fault.mode is Mode.TWICE:
            write()
        else:
            raise Interrupted

    def _arrive(self) -> None:
        due = [write for moment, write in self.late if moment <= self.looks]
        self.late = [entry for entry in self.late if entry[0] > self.looks]
        for write in due:
            try:
                write()
            except (Refusal, NameTaken):
                continue  # the world moved on meanwhile, which is what it should do

    def settle(self, within: timedelta = timedelta(minutes=3), each_round: Callable[[], object] = lambda: None) -> None:
        """Go on, letting time pass, until nothing changes any more or time is up."""
        for _ in self.rounds(self.world.now + within):
            each_round()

    def rounds(self, end: datetime) -> Iterator[None]:
        """Go on as `settle` does, with a stop before each round of looks."""
        for _ in range(ROUNDS):
            yield
            if self._round() or self.late:
                continue
            soonest = min([*self.due.values(), *self._next_answers()], default=end + timedelta(seconds=1))
            if soonest > end:
                return
            self.world.pass_time(max(soonest - self.world.now, timedelta(seconds=1)))
            self._ask_for_loads()
        message = f"no rest after {ROUNDS} rounds: {self.world.writes[-8:]}"
        raise AssertionError(message)

    def _next_answers(self) -> list[datetime]:
        """Return when the load is asked for next, where it is asked for again and again."""
        return [] if self.world.under_way is None else [self.world.now + timedelta(seconds=LOOK_AT_LOADS)]

    def _ask_for_loads(self) -> None:
        """Take in the load and look at those in which it changes anything, as the meter does."""
        if self.world.under_way is None:
            return
        loads = self.world.loads
        keys = loads.take({question: self.world.load(question) for question in loads.asked})
        self.queue.update({key: None for key in keys if not loads.rests(key, self.now)})

    def undeclared(self) -> list[str]:
        """Return the transitions between written statuses that nobody declared.

        A run goes on until it is Complete or Failed and then stays so, unless it is tried again; one that told how it
        is about to end ends like that. Of a deployment, what is stable is followed only by what was its candidate.
        """
        found, last = [], dict[tuple[str, str], Body]()
        for kind, name, status in self.trace:
            before = last.get((kind, name), {})
            found += [f"{kind} {name}: {edge}" for edge in _EDGES.get(kind, _none)(before, status)]
            last[kind, name] = status
        return found

    def until(self, reached: Callable[[], bool]) -> None:
        """Go on, one look at a time and without letting time pass, until something is reached."""
        for _ in range(ROUNDS):
            for key in self._pressing():
                self.queue.pop(key, None)
                self.look(key)
                if reached():
                    return
            self.actors.act(self.world)
        message = f"not reached: {self.world.writes[-8:]}"
        raise AssertionError(message)

    def _pressing(self) -> list[Key]:
        due = [key for key, moment in self.due.items() if moment <= self.world.now]
        return list(dict.fromkeys([*self.queue, *due]))

    def _round(self) -> bool:
        """Look at all that is queued or due, then let the others act; tell whether anything is left to do."""
        keys = self._pressing()
        for key in keys:
            self.queue.pop(key, None)
            self.look(key)
        if not keys:
            self._arrive()
            self.looks += 1
        return self.actors.act(self.world) or bool(self.queue)


def _version(world: World, kind: str, name: str) -> str:
    """Return the resourceVersion of an object, empty without one."""
    held = world.objects.get(kind, {}).get(name)
    return str(held["metadata"]["resourceVersion"]) if held else ""


def _none(_: Body, __: Body) -> list[str]:
    return []


def _run_edges(before: Body, after: Body) -> list[str]:
    ends = [
        tuple(c["type"] for c in s.get("conditions", ()) if c["type"] in {"Complete", "Failed"})
        for s in (before, after)
    ]
    again = ends == [("Failed",), ()] and before.get("handledRetry") != after.get("handledRetry")  # as somebody asked
    about = before.get("ending")
    as_told = about is None or after.get("ending") == about or ends[1] == (about["type"],)
    called_back = [] if as_told else [f"about to be {about} -> {ends[1]}"]
    return called_back + ([f"{ends[0]} -> {ends[1]}"] if ends[0] and ends[0] != ends[1] and not again else [])


def _serving_edges(before: Body, after: Body) -> list[str]:
    stable, new = ((s.get("stable") or {}).get("revision", "") for s in (before, after))
    candidate = (before.get("candidate") or {}).get("revision", "")
    return [f"{stable} -> {new}, not {candidate}"] if new not in {stable, candidate} else []


def _batch_edges(before: Body, after: Body) -> list[str]:
    """A run that ended well stays so; runs follow each other by number."""
    one, other = ((s.get("lastRun") or {}) for s in (before, after))
    if one.get("number", 0) > other.get("number", 0):
        return [f"{one.get('name')} -> {other.get('name')}"]
    same = one.get("name") == other.get("name")
    return [f"Succeeded -> {other['state']}"] if same and one.get("state") == "Succeeded" != other["state"] else []


_EDGES: Final[dict[str, Callable[[Body, Body], list[str]]]] = {
    "TrainingRun": _run_edges,
    "ModelDeployment": _serving_edges,
    "BatchPrediction": _batch_edges,
}


def _give(ref: Body, child: Body) -> None:
    child["metadata"]["ownerReferences"] = [ref]


def _stuck(body: Body, reason: Reason, sentence: str) -> StatusDraft:
    """Return the status of an object that cannot go on; what else is known of it stays."""
    stored = body.get("status") or {}
    fields = {k: v for k, v in stored.items() if k not in {"conditions", "observedGeneration", "summary", "history"}}
    kept = tuple(
        Verdict(c["type"], c["status"], Reason.named(c["reason"], reason), c["message"])
        for c in stored.get("conditions") or ()
        if c["type"] not in {"Ready", "Reconciling", "Stalled"}
    )
    return StatusDraft(sentence, (ready(reason, sentence, "False"), stalled(reason, sentence), *kept), fields)
