"""What a restore from a backup loses of all objects: a test takes it away and looks whether anything begins anew."""

from __future__ import annotations

from mlwright.plan.resources import Body
from tests.support.replay.world import World

OURS = frozenset({"ModelDeployment", "Model", "TrainingPipeline", "TrainingRun"})


def lose_statuses(world: World) -> None:
    """Take away what was observed."""
    for kind in sorted(OURS):
        for body in world.all(kind):
            body.pop("status", None)


def strip_owners(world: World) -> None:
    """Take away who owns what; pods keep theirs, for no backup holds pods."""
    for body in world.everything():
        if body["kind"] != "Pod":
            strip_owner(body)


def strip_owner(body: Body) -> None:
    """Take away who owns an object."""
    body["metadata"].pop("ownerReferences", None)


def new_times(world: World) -> None:
    """Let everything be made at about the same time, in an order that is none."""
    for number, body in enumerate(reversed(list(world.everything()))):
        body["metadata"]["creationTimestamp"] = f"2026-05-01T00:00:{number % 60:02d}Z"


def kill_uids(world: World) -> None:
    """Give every object of ours another uid, and leave references to the old ones."""
    for body in world.everything():
        if body["kind"] in OURS:
            body["metadata"]["uid"] += "-restored"
