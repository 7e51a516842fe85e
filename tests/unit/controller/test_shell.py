"""What is used of kopf, and what is kept from it."""

from __future__ import annotations

from typing import Any, cast

from kopf._cogs.structs.references import Resource
from kopf._core.reactor.inventory import ResourceMemories

from mlwright.constants import MANAGED_SELECTOR
from mlwright.controller import shell
from mlwright.controller.handover import Handover
from mlwright.controller.intake import Intake
from mlwright.plan.resources import JOB, KINDS, MODEL, Body, ResourceKind

BODY: Any = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"namespace": "demo", "name": "j", "uid": "u"}}


async def test_kopf_remembers_nothing_of_the_objects() -> None:
    """Its memories would grow with every object; this guards the seam that keeps them empty."""
    memories = shell.Forgetful()

    await memories.recall(BODY, noticed_by_listing=True)

    assert list(memories.iter_all_memories()) == []
    remembering = ResourceMemories()
    await remembering.recall(BODY)
    assert len(list(remembering.iter_all_memories())) == 1


def resource(kind: ResourceKind) -> Resource:
    return Resource(group=kind.group, version=kind.version, plural=kind.plural, kind=kind.name, namespaced=True)


def test_only_our_children_are_watched_of_foreign_kinds() -> None:
    """A cluster full of other Jobs costs nothing."""
    selectors = shell.settings(KINDS).watching.label_selectors

    assert selectors.collect(resource(JOB)) == [MANAGED_SELECTOR]
    assert selectors.collect(resource(MODEL)) == []


def test_kopf_writes_nothing() -> None:
    """No Events, no discovery of namespaces, no finalizer."""
    settings = shell.settings(KINDS)

    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.persistence.finalizer == shell.FINALIZER


def test_kopf_never_gives_up_reaching_the_api_server() -> None:
    """Its patience begins anew with every call and has no end."""
    patience = cast("Any", shell.settings(KINDS).networking.error_backoffs)

    for _ in range(2):
        pauses = iter(patience)
        assert [next(pauses) for _ in range(8)] == [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0, 10.0]


class Ear:
    """Notes what is taken in."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Body]] = []

    def observe(self, body: Body) -> None:
        """Note an object."""
        self.heard.append(("observe", body))

    def bury(self, body: Body) -> None:
        """Note a deletion."""
        self.heard.append(("bury", body))


async def test_events_are_taken_in_by_what_they_tell() -> None:
    """A deletion buries; everything else, listed or changed, observes."""
    ear = Ear()
    seen = shell._seen(cast("Intake", ear))
    for type_ in (None, "ADDED", "MODIFIED", "DELETED"):
        await seen(event={"type": type_, "object": BODY}, logger=None)

    assert [verb for verb, _ in ear.heard] == ["observe", "observe", "observe", "bury"]


def test_every_kind_has_one_handler_of_events_and_nothing_else() -> None:
    """Handlers of causes would write annotations and finalizers into people's objects."""
    registry = shell.registry(KINDS, cast("Intake", Ear()), "https://host", cast("Handover", None))

    assert len(list(registry._watching.get_all_handlers())) == len(KINDS)
    assert list(registry._changing.get_all_handlers()) == []
    assert list(registry._spawning.get_all_handlers()) == []
