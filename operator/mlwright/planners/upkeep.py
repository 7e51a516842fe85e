"""What is kept up beside every decision: the stable variant, the address, the disruption budget, and what may go."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from mlwright.plan.rollout import progress_told
from mlwright.plan.serving import (
    ALL,
    DecisionSeen,
    DeploymentSeen,
    Forget,
    KeepBackend,
    KeepBudget,
    KeepCopies,
    KeepVariant,
    RemoveBudget,
    RemoveVariant,
    RevisionSeen,
    ScaleVariant,
    ServingIntent,
    StartVariant,
)
from mlwright.planners import traffic
from mlwright.planners.decisions import chain, rejection
from mlwright.planners.target import variant

SETTLE: Final = timedelta(seconds=5)
"""Between moving the Service and removing the old pods: kube-proxy was seen to lag two seconds behind."""
REVISION_LIMIT: Final = 5
"""Revisions kept beside those in use, as in a Deployment's history."""
DECISION_LIMIT: Final = 50
"""Decisions kept beside those about revisions in use."""

Intents = tuple[ServingIntent, ...]


def keep(seen: DeploymentSeen, stable: RevisionSeen) -> Intents:
    """Keep the stable revision serving: its Deployment, its number of pods, the Service, the budget."""
    return (*run(seen, stable, seen.spec.replicas), *address(seen, stable))


def run(seen: DeploymentSeen, revision: RevisionSeen, wanted: int) -> Intents:
    """Keep the Deployment of a revision with that number of pods; one that is being deleted is let go first."""
    running = variant(seen, revision.name)
    if running is None:
        leaving = any(v.revision == revision.name for v in seen.variants)
        return () if leaving else (StartVariant(revision, wanted),)
    scale = (ScaleVariant(running, wanted),) if running.wanted != wanted else ()
    return (KeepVariant(revision), *scale)


def address(seen: DeploymentSeen, revision: RevisionSeen) -> Intents:
    """Let all traffic go to a revision, or to the one that answers instead of it; keep the disruption budget."""
    return share(seen, {lead(seen, revision): ALL})


def share(seen: DeploymentSeen, weights: Mapping[str, int], asked: Mapping[str, int] | None = None) -> Intents:
    """Share the traffic, and protect pods from drains when there are enough to spare one.

    `asked` are the revisions of which requests are asked again, in percent.
    """
    return (*traffic.lead_to(seen, weights), *around(seen, asked))


def around(seen: DeploymentSeen, asked: Mapping[str, int] | None = None) -> Intents:
    """Keep what stands beside the shares: copies of requests, and the disruption budget."""
    budget = (KeepBudget(),) if seen.spec.replicas > 1 else no_budget(seen)
    return (*copies(seen, asked or {}), *budget)


def copies(seen: DeploymentSeen, asked: Mapping[str, int]) -> Intents:
    """Let requests be asked again of these revisions, whose pods must be found; told when it is not what was told."""
    told = () if dict(asked) == told_copies(seen) else (KeepCopies(asked),)
    return (*(KeepBackend(revision) for revision in asked), *told)


def told_copies(seen: DeploymentSeen) -> dict[str, int]:
    """Return of which revision requests are asked again, in percent, as the status tells."""
    progress = progress_told(seen.status)
    return {progress.revision: progress.copied} if progress and progress.copied else {}


def lead(seen: DeploymentSeen, revision: RevisionSeen) -> str:
    """Return the revision that answers: the given one, unless an older one still answers better.

    The given one may have failed since it was promoted. One that answers now, or was promoted once, is better while it
    has more ready pods and the given one lacks some. One that was rejected is better than nothing, and than nothing
    else.
    """
    ready = {v.revision: v.ready for v in seen.variants if not v.deleting}
    own, leads = ready.get(revision.name, 0), seen.shares.requested
    proven = {*leads, *(decision.revision for decision in chain(seen.decisions))} - {revision.name}
    if own:
        proven = {name for name in proven if rejection(seen, name) is None}
    rivals = {name: ready[name] for name in proven & ready.keys() if ready[name] > own}
    if not rivals or own >= seen.spec.replicas:
        return revision.name
    return max(rivals, key=lambda name: (leads.get(name, 0), rivals[name], name))


def no_budget(seen: DeploymentSeen) -> Intents:
    """Remove the disruption budget if there is one."""
    return (RemoveBudget(seen.budget_uid),) if seen.budget_uid else ()


def retire(
    seen: DeploymentSeen, *, keep: Collection[str], since: datetime | None, now: datetime
) -> tuple[Intents, timedelta | None]:
    """Return the removal of variants that serve nobody any more, or how long to wait for it.

    Nothing goes before all traffic is known to go to kept revisions, and what may have had traffic stays until the
    proxies of the nodes have had time to follow.

    Args:
        seen: the deployment.
        keep: revisions that stay.
        since: when all traffic was first seen to go to the stable revision; None when there is no stable one.
        now: the time.
    """
    leavers = tuple(RemoveVariant(v) for v in seen.variants if v.revision not in keep and not v.deleting)
    if not leavers:
        return (), None
    if not seen.shares.verified or not {*seen.shares.requested, *seen.shares.verified} <= set(keep):
        return (), SETTLE
    left = SETTLE - (now - since) if since is not None else timedelta(0)
    return ((), left) if left > timedelta(0) else (leavers, None)


def forget(seen: DeploymentSeen, keep: Collection[str]) -> Intents:
    """Return the removal of revisions and decisions past their limits; what is in use or still counts stays."""
    used = {*keep, *(v.revision for v in seen.variants)}
    idle = sorted((r for r in seen.revisions if r.name not in used), key=lambda r: r.number)
    old = idle[: max(0, len(idle) - REVISION_LIMIT)]
    live = used | {r.name for r in seen.revisions} - {r.name for r in old}
    spare = _spare(seen, live)
    return (
        *(Forget("ControllerRevision", r.object, r.uid) for r in old),
        *(Forget("Decision", d.name, d.uid) for d in spare[: max(0, len(spare) - DECISION_LIMIT)]),
    )


def _spare(seen: DeploymentSeen, live: Collection[str]) -> list[DecisionSeen]:
    """Return the decisions that may go, the oldest first; of promotions only the first ones of the chain."""
    promotions = chain(seen.decisions)
    kept = next((i for i, d in enumerate(promotions) if d.revision in live), len(promotions) - 1)
    aged: list[tuple[datetime, DecisionSeen]] = []
    for decision in promotions[:kept]:  # the order of the chain wins over timestamps
        aged.append((max(decision.created, aged[-1][0]) if aged else decision.created, decision))
    chained = {decision.name for decision in promotions}
    asked = seen.spec.experiment.name if seen.spec.experiment else ""
    others = (d for d in seen.decisions if d.name not in chained and not (asked and d.experiment == asked))
    aged += [(d.created, d) for d in others if d.revision not in live]
    return [decision for _, decision in sorted(aged, key=lambda entry: entry[0])]
