"""Going back to the revision that served before, when a Decision says that the one that serves is not good. Pure.

Such a Decision speaks of one promotion: it counts until another one follows it, and the revision that it names counts
as rejected from then on. What somebody pins, compares in an experiment or rolls out goes before it.
"""

from __future__ import annotations

from mlwright.plan.rollout import progress_told
from mlwright.plan.serving import DecisionSeen, DeploymentSeen, Target
from mlwright.planners.decisions import before, promotion, rejection
from mlwright.planners.target import Obstacle


def sent_back(seen: DeploymentSeen) -> DecisionSeen | None:
    """Return the Decision by which the revision that serves is to give way, None without one that counts."""
    last = promotion(seen)
    found = (d for d in seen.decisions if d.type == "Rollback" and last and d.after == last.name)
    return next((d for d in found if last and d.revision == last.revision and d.epoch == seen.epoch), None)


def good_before(seen: DeploymentSeen) -> Target | None:
    """Return the revision that served before, None where there is none that may serve again."""
    earlier = before(seen.decisions)
    if earlier is None or rejection(seen, earlier.revision) is not None:
        return None
    if not any(revision.name == earlier.revision for revision in seen.revisions):
        return None
    version = next((version for version in seen.versions if version.name == earlier.version), None)
    return Target(version, earlier.revision) if version is not None and version.approved else None


def back(seen: DeploymentSeen, goal: Target | Obstacle) -> Target | Obstacle:
    """Return what is aimed at: what served before, where what serves is asked for and was sent back.

    Worked example: v2 serves and is the latest, a Decision sends it back, v1 served before -> v1, as it was served.
    """
    sent = sent_back(seen)
    if sent is None or isinstance(goal, Obstacle) or goal.revision != sent.revision or _kept(seen):
        return goal
    return good_before(seen) or goal


def hindrance(seen: DeploymentSeen) -> str:
    """Return why a deployment would not go back now, in words; empty when it would."""
    if seen.spec.paused or seen.spec.suspend:
        return f"spec.{'paused' if seen.spec.paused else 'suspend'} is true"
    if kept := _kept(seen):
        return kept
    if progress_told(seen.status) is not None or seen.status.get("candidate"):
        return "another version is about to take over, which is decided first"
    return "" if good_before(seen) else "nothing served before it that may serve again"


def _kept(seen: DeploymentSeen) -> str:
    """Return what people asked for that goes before; empty where nothing does."""
    if seen.spec.model.type == "Version":
        return "spec.model pins its version"
    return "spec.experiment compares it with others" if seen.spec.experiment else ""
