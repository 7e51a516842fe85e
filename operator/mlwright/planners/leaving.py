"""Deployments that are being deleted: what they hold up, and how that is said. Pure.

Most are gone at once. One that somebody deleted in the foreground stays until its pods are gone, which those of a lost
node never are, and one that bears a foreign finalizer stays until somebody takes that away.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from mlwright.api.conditions import timestamp
from mlwright.plan.serving import DeploymentSeen, VariantSeen
from mlwright.planners.health import Health, health
from mlwright.planners.target import variant


def crowding(seen: DeploymentSeen, stay: Collection[str]) -> tuple[VariantSeen, ...]:
    """Return the variants that must go before another starts: all but those that stay.

    One that is being deleted and has no pod that answers is waited for no longer: that may be for ever.
    """
    return tuple(v for v in seen.variants if v.revision not in stay and (v.ready or not v.deleting))


def of(seen: DeploymentSeen, revision: str) -> VariantSeen | None:
    """Return the Deployment of a revision while it is being deleted, None for one that stays or is not there."""
    return next((v for v in seen.variants if v.revision == revision and v.deleting), None)


def told(gone: VariantSeen) -> str:
    """Return that a Deployment is being deleted, and what holds it, in words."""
    since = f" since {timestamp(gone.deleted)}" if gone.deleted else ""
    held = f" (finalizers: {', '.join(gone.finalizers)})" if gone.finalizers else ""
    return f"Deployment {gone.object} is being deleted{since}{held}"


def health_of(seen: DeploymentSeen, revision: str, wanted: int) -> Health:
    """Return how the pods of a revision are; while its Deployment is being deleted there is none to be ready."""
    state, gone = health(variant(seen, revision), wanted), of(seen, revision)
    if gone is None or state.complete:
        return state
    return replace(state, trouble=f"{told(gone)}; another is made when it is gone")
