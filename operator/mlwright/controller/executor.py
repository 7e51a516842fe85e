"""Performs the writes of a plan, in order, and only where the world is not yet as they say.

How a name is never taken from somebody else: a child that the cache does not hold is made by POST, which fails when
the name is taken, by whomever and whenever; all later applies carry uid and resourceVersion of the child that was seen,
so they fail when that child is gone or changed. Without them server-side apply would merge into whatever has the name.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mlwright.api.conditions import Verdict
from mlwright.api.reasons import Reason
from mlwright.constants import FIELD_MANAGER
from mlwright.controller.comparison import as_wanted, same_intent, stamped
from mlwright.controller.indexes import key_of, related_value
from mlwright.controller.intake import Intake
from mlwright.controller.ownership import (
    ADOPTED,
    alias_conflict,
    as_applied,
    belongs,
    editor,
    is_record,
    is_watched,
    lost,
    name_conflict,
    same_record,
    same_users,
)
from mlwright.errors import (
    AlreadyExistsError,
    ConflictError,
    FieldConflictError,
    MlwrightError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from mlwright.plan.plan import Plan
from mlwright.plan.resources import (
    BY_NAME,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    Body,
    ResourceKind,
)
from mlwright.plan.writes import Apply, ApplyEntry, Census, Create, Delete, Scale, Tell, Witness, Write
from mlwright.ports.cluster import Cluster

CONVERGING: Final = frozenset(
    kind.name for kind in (DEPLOYMENT, SERVICE, DISRUPTION_BUDGET, NETWORK_POLICY, SERVICE_ACCOUNT, ROLE_BINDING)
)
"""Kinds that are applied again after they were created."""

logger = logging.getLogger(__name__)

Place = tuple[ResourceKind, str, str]


class SupersededError(MlwrightError):
    """The world is not as the plan saw it; the cache was brought up to date, so look and decide again."""


@dataclass(slots=True)
class Performed:
    """What came of the writes."""

    writes: int = 0
    unseen: int = 0
    """Writes whose effect the cache learns of by an event only."""
    scales: int = 0
    """Numbers of pods that were set."""
    verdicts: tuple[Verdict, ...] = ()
    """Conditions to add: what was asked for and is somebody else's to give."""

    @property
    def seen(self) -> bool:
        """Whether something was written and the next look sees all of it."""
        return self.writes > self.unseen == 0


class Executor:
    """Performs the plans for one look at one object."""

    def __init__(self, cluster: Cluster, intake: Intake, owner: Body, plan: Plan, fence: Callable[[], None]) -> None:
        self._cluster = cluster
        self._intake = intake
        self._owner = owner
        self._plan = plan
        self._fence = fence
        self._known = {
            self._place(w.body) for w in self._writes() if isinstance(w, Create) and self._held(self._place(w.body))
        }
        """Names that were taken, to the planner's knowledge, when it planned to create them."""
        self._done = Performed()

    def _place(self, body: Body) -> Place:
        return self._intake.cache.kind(body), body["metadata"]["namespace"], body["metadata"]["name"]

    def _writes(self) -> tuple[Write, ...]:
        return (*self._plan.records, *self._plan.writes)

    @property
    def scaled(self) -> bool:
        """Whether the plan sets numbers of pods, and all of them are set, whatever became of the rest."""
        return 0 < sum(isinstance(write, Scale) for write in self._writes()) == self._done.scales

    async def perform(self) -> Performed:
        """Adopt lost children if the plan does, then write the records, then the rest; stop at the first that fails.

        Raises:
            SupersededError: look and decide again at once.
            NameConflictError: a name is taken by an object that is not ours.
            RefusedError: the API server refuses an object.
            UnavailableError: try again later; the last write may or may not have had effect.
        """
        if self._plan.adopts:
            await self._adopt()
        for write in self._writes():
            await self._perform(write)
        return self._done

    async def _perform(self, write: Write) -> None:
        match write:
            case Create(body, witnesses):
                await self._guarded(self._place(body), lambda: self._create(body, witnesses))
            case Apply(body):
                await self._guarded(self._place(body), lambda: self._apply(body))
            case ApplyEntry(body, manager):
                await self._guarded(self._place(body), lambda: self._apply_entry(body, manager))
            case Tell(body, witnesses):
                self._fence()
                await self._hear(witnesses)
                await self._tell(body)
            case Scale(kind, namespace, name):
                await self._guarded((kind, namespace, name), lambda: self._scale(write))
            case Delete(kind, namespace, name):
                await self._guarded((kind, namespace, name), lambda: self._delete(write))

    async def _guarded(self, place: Place, write: Callable[[], Awaitable[None]]) -> None:
        self._fence()
        try:
            await write()
        except (ConflictError, NotFoundError) as error:
            await self._refresh(place)
            raise SupersededError(str(error)) from error

    async def _refresh(self, place: Place) -> Body | None:
        """Bring the cache up to date with one object. That it is gone is told by its event or the next list.

        A foreign object stays out: no event would tell that it is gone, as watches are limited to our children.
        """
        live = await self._cluster.get(*place)
        if live is not None and is_watched(live):
            self._intake.observe(live)
        return live

    def _held(self, place: Place) -> Body | None:
        return self._intake.cache.get(*place)

    def _wrote(self, body: Body | None) -> None:
        self._done.writes += 1
        if body is None:
            self._done.unseen += 1
        else:
            self._intake.observe(body, own=True)

    async def _adopt(self) -> None:
        """Take back children whose controller reference was lost, as after a restore from a backup."""
        owner, key = self._owner, key_of(self._owner)
        orphans = self._intake.cache.orphans((*ADOPTED, *self._intake.cache.foreign()), key, owner["metadata"]["uid"])
        adopted = [child for child in orphans if lost(child, owner) and "deletionTimestamp" not in child["metadata"]]
        if not adopted:
            return
        live = await self._refresh((BY_NAME[key.kind], key.namespace, key.name))
        if live is None or live["metadata"]["uid"] != owner["metadata"]["uid"]:
            raise SupersededError(f"{key} is not the one that was seen")
        for child in adopted:
            await self._guarded(self._place(child), lambda child=child: self._adopt_one(child))  # type: ignore[misc]

    async def _adopt_one(self, child: Body) -> None:
        self._wrote(await self._cluster.adopt(child, self._owner))
        logger.info("child adopted", extra=self._fields(child))

    async def _create(self, body: Body, witnesses: tuple[Witness, ...] = ()) -> None:
        place = self._place(body)
        held = self._held(place)
        if held is not None:
            self._check_taken(held, body, known=place in self._known)
            return
        await self._hear(witnesses)
        try:
            made = await self._cluster.create(stamped(body) if body["kind"] in CONVERGING else body)
        except AlreadyExistsError as error:
            live = await self._refresh(place)
            if live is not None and not is_record(body):
                await self._take_back(live, body)
            raise SupersededError(str(error)) from error
        self._wrote(made)

    async def _take_back(self, live: Body, wanted: Body) -> None:
        """Let events tell again of a child of ours from which somebody took the label that watches ask for."""
        if not belongs(live, wanted, self._owner):
            raise name_conflict(live)
        if not is_watched(live):
            self._fence()
            self._wrote(await self._cluster.relabel(live))
            logger.info("child labelled again", extra=self._fields(live) | {"editor": editor(live)})

    def _check_taken(self, held: Body, wanted: Body, *, known: bool) -> None:
        """Return if the object that was to be created is there already, and was so when the plan was made."""
        named = f"{wanted['kind']} {wanted['metadata']['name']}"
        if not known:  # what follows in the plan may rest on other content than the object has
            raise SupersededError(f"{named} appeared meanwhile")
        if "deletionTimestamp" in held["metadata"]:
            waits = ", ".join(held["metadata"].get("finalizers") or ())
            until = f", until its finalizers are gone ({waits})" if waits else ""
            raise UnavailableError(f"{named} is still being deleted{until}")
        if not belongs(held, wanted, self._owner) and not (is_record(wanted) and same_record(held, wanted)):
            raise name_conflict(held)

    async def _apply(self, body: Body) -> None:
        held = self._held(self._place(body))
        if held is None:
            await self._create(body)
            return
        if not belongs(held, body, self._owner):
            raise name_conflict(held)
        if "deletionTimestamp" in held["metadata"] or (as_wanted(held, body) and same_users(held, body)):
            return
        live = await self._refresh(self._place(body))  # applies are rare; the live object tells who edited it
        if live is None or _version(live) != _version(held):
            raise SupersededError(f"{body['kind']} {body['metadata']['name']} is not as it was seen")
        await self._converge(live, body)

    async def _converge(self, live: Body, body: Body) -> None:
        if same_intent(live, body):
            logger.info("child repaired", extra=self._fields(live) | {"editor": editor(live)})
        elif (managers := as_applied(live)) is not None:
            metadata = {**live["metadata"], "managedFields": managers}
            live = await self._cluster.rewrite_managers(live | {"metadata": metadata})
            self._wrote(live)
        stamp = stamped(body)
        # an apply that was decided upon another state must not land: it may lead traffic to pods that are gone
        stamp["metadata"] = stamp["metadata"] | {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
        self._wrote(await self._cluster.apply(stamp, manager=FIELD_MANAGER, force=True))

    async def _apply_entry(self, body: Body, manager: str) -> None:
        try:
            self._wrote(await self._cluster.apply(body, manager=manager, force=False))
        except FieldConflictError as error:
            live = await self._refresh(self._place(body))
            sentence = alias_conflict(body, live, manager) if live is not None else str(error)
            verdict = Verdict("AliasConflict", "True", Reason.ALIAS_CONFLICT, sentence)
            self._done.verdicts = (*self._done.verdicts, verdict)

    async def _tell(self, body: Body) -> None:
        with suppress(AlreadyExistsError):  # made without data, which is then all that the apply owns
            await self._cluster.create({key: value for key, value in body.items() if key != "data"})
        metadata = {key: body["metadata"][key] for key in ("name", "namespace")}
        told = {key: body[key] for key in ("apiVersion", "kind", "data")} | {"metadata": metadata}
        try:
            await self._cluster.apply(told, manager=FIELD_MANAGER, force=False)
        except FieldConflictError as error:
            named = f"{body['kind']} {metadata['name']}"
            raise RefusedError(f"{named} holds data of somebody else: rename or remove it ({error})") from error
        self._wrote(None)

    async def _scale(self, write: Scale) -> None:
        await self._cluster.scale(write.kind, write.namespace, write.name, write.replicas, write.resource_version)
        self._done.scales += 1
        self._wrote(None)

    async def _delete(self, write: Delete) -> None:
        if write.census is not None:
            await self._count(write.census, write.witnesses)
        await self._hear(write.witnesses)
        await self._cluster.delete(write.kind, write.namespace, write.name, write.uid)
        self._wrote(None)

    async def _hear(self, witnesses: tuple[Witness, ...]) -> None:
        """Read live what a write rests on; if it is not as it was seen, nothing is written."""
        for witness in witnesses:
            live = await self._refresh((witness.kind, witness.namespace, witness.name))
            if live is None or live["metadata"]["resourceVersion"] != witness.resource_version:
                raise SupersededError(f"{witness.kind.name} {witness.name} is not as it was seen")

    async def _count(self, census: Census, witnesses: tuple[Witness, ...]) -> None:
        """Look live for others that refer to what a deletion is about; the cache hears of each that it had missed."""
        known = {(witness.kind, witness.name) for witness in witnesses}
        found: list[Body] = []
        async for page in self._cluster.pages(census.kind):
            alike = [body for body in page.items if body["metadata"]["namespace"] == census.namespace]
            asking = [body for body in alike if related_value(census.kind, body) == census.value]
            found = [*([] if page.first else found), *asking]
        late = [body for body in found if (census.kind, body["metadata"]["name"]) not in known]
        for body in late:
            await self._refresh((census.kind, census.namespace, body["metadata"]["name"]))
        if late:
            raise SupersededError(f"{census.kind.name} {late[0]['metadata']['name']} was not seen yet")

    def _fields(self, child: Body) -> dict[str, str]:
        key = key_of(self._owner)
        named = f"{child['kind']} {child['metadata']['name']}"
        return {"kind": key.kind, "namespace": key.namespace, "object": key.name, "child": named}


def _version(body: Body) -> tuple[str, str]:
    return body["metadata"]["uid"], body["metadata"]["resourceVersion"]
