"""What is kept up beside every decision:

the stable variant, the address, the disruption budget, and what may go.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from mlwright.plan.serving import (
    DecisionSeen,
    DeploymentSeen,
    Forget,
    KeepBudget,
    KeepVariant,
    PointService,
    RemoveBudget,
    RemoveVariant,
    RevisionSeen,
    ScaleVariant,
    ServingIntent,
    StartVariant,
)
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
    wanted = seen.spec.replicas
    running = variant(seen, stable.name)
    if running is None:
        return (StartVariant(stable, wanted), *address(seen, stable))
    scale = (ScaleVariant(running, wanted),) if running.wanted != wanted else ()
    return (KeepVariant(stable), *scale, *address(seen, stable))


def address(seen: DeploymentSeen, revision: RevisionSeen) -> Intents:
    """Let the Service lead to a revision, and protect its pods from drains when there are enough to spare
    one.
    """
    budget = (KeepBudget(),) if seen.spec.replicas > 1 else no_budget(seen)
    return (PointService(revision.name), *budget)


def no_budget(seen: DeploymentSeen) -> Intents:
    """Remove the disruption budget if there is one."""
    return (RemoveBudget(seen.budget_uid),) if seen.budget_uid else ()


def retire(
    seen: DeploymentSeen, *, keep: set[str], promoted: DecisionSeen | None, now: datetime
) -> tuple[Intents, timedelta | None]:
    """Return the removal of variants that serve nobody any more, or how long to wait for it.

    Nothing goes before the Service leads to a kept revision and the proxies of the nodes have had time to
    follow.
    """
    leavers = tuple(RemoveVariant(v) for v in seen.variants if v.revision not in keep and not v.deleting)
    if not leavers or promoted is None:
        return leavers, None
    if seen.service_revision not in keep:
        return (), SETTLE
    left = promoted.created + SETTLE - now
    return ((), left) if left > timedelta(0) else (leavers, None)


def forget(seen: DeploymentSeen, stable: RevisionSeen, promoted: DecisionSeen | None) -> Intents:
    """Return the removal of revisions and decisions past their limits; what is in use or still counts stays."""
    used = {stable.name} | {v.revision for v in seen.variants}
    idle = sorted((r for r in seen.revisions if r.name not in used), key=lambda r: r.number)
    old = idle[: max(0, len(idle) - REVISION_LIMIT)]
    live = {r.name for r in seen.revisions} - {r.name for r in old}
    spare = sorted(
        (d for d in seen.decisions if d.revision not in live and d != promoted), key=lambda d: (d.created, d.name)
    )
    decisions = spare[: max(0, len(spare) - DECISION_LIMIT)]
    return (
        *(Forget("ControllerRevision", r.object, r.uid) for r in old),
        *(Forget("Decision", d.name, d.uid) for d in decisions),
    )
