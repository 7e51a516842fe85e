"""What the rules of a deployment look at: the snapshot, what is asked for, and what serves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from mlwright.plan.pods import moment
from mlwright.plan.rollout import Progress, progress_told
from mlwright.plan.serving import DecisionSeen, DeploymentSeen, RevisionSeen, Target
from mlwright.planners.decisions import promotion, rejections
from mlwright.planners.going_back import back, good_before, sent_back
from mlwright.planners.health import Health
from mlwright.planners.leaving import health_of
from mlwright.planners.target import Obstacle, held, resolve
from mlwright.settings import Settings


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at."""

    seen: DeploymentSeen
    now: datetime
    goal: Target | Obstacle
    """What is aimed at."""
    asked: Target | Obstacle
    """What the spec asks for: another one than the goal while it waits for a rollout."""
    stable: RevisionSeen | None
    """The revision that serves."""
    promoted: DecisionSeen | None
    stable_health: Health
    measurable: bool
    """Whether this installation names a Prometheus."""

    @property
    def candidate(self) -> RevisionSeen | None:
        """The recorded revision that the spec asks for, if it is not the stable one."""
        if isinstance(self.goal, Obstacle) or (self.stable and self.stable.name == self.goal.revision):
            return None
        return next((r for r in self.seen.revisions if r.name == self.goal.revision), None)

    @property
    def progress(self) -> Progress | None:
        """How far the rollout of the candidate is; None before it was ready, or when that was lost."""
        found = progress_told(self.seen.status)
        return found if found and self.candidate and found.revision == self.candidate.name else None

    @property
    def returns(self) -> DecisionSeen | None:
        """The Decision by which what is aimed at is to serve again; None where it is what the spec asks for."""
        sent = sent_back(self.seen)
        return sent if sent and self.goal != self.asked and self.goal == good_before(self.seen) else None

    @property
    def since(self) -> datetime | None:
        """When all traffic was first seen to go to the stable revision; None when there is no stable one.

        Kept in the status; were that lost, it counts from now. A moment to come (a clock was set back) is now.
        """
        if self.stable is None:
            return None
        told = self.seen.status.get("stable") or {}
        same = told.get("revision") == self.stable.name == self.seen.shares.whole
        return min(moment(told["since"]), self.now) if same and told.get("since") else self.now


def look(seen: DeploymentSeen, settings: Settings, now: datetime) -> Situation:
    """Return the situation of a deployment."""
    asked = resolve(seen, settings)
    goal = back(seen, held(seen, asked))
    serving = stable(seen, goal)
    return Situation(
        seen=seen,
        now=now,
        goal=goal,
        asked=asked,
        stable=serving,
        promoted=promotion(seen),
        stable_health=_health(seen, serving),
        measurable=bool(settings.prometheus_url),
    )


def resized(at: Situation, seen: DeploymentSeen) -> Situation:
    """Return the situation with another number of pods in its spec, which changes nothing else."""
    return replace(at, seen=seen, stable_health=_health(seen, at.stable))


def _health(seen: DeploymentSeen, serving: RevisionSeen | None) -> Health:
    wanted = seen.spec.replicas
    return health_of(seen, serving.name, wanted) if serving else Health(0, wanted)


def stable(seen: DeploymentSeen, goal: Target | Obstacle) -> RevisionSeen | None:
    """Return the revision that serves: the one promoted last.

    Before the first promotion, or when its record or revision is lost, it is one that answers although it is not asked
    for; the one that is asked for becomes stable by its promotion.
    """
    revisions = {revision.name: revision for revision in seen.revisions}
    last = promotion(seen)
    if last is not None and last.revision in revisions:
        return revisions[last.revision]
    asked = goal.revision if isinstance(goal, Target) else ""
    answering = [
        revisions[v.revision]
        for v in seen.variants
        if v.ready and not v.deleting and v.revision in revisions.keys() - {asked} and not rejections(seen, v.revision)
    ]
    return max(answering, key=lambda r: (seen.shares.requested.get(r.name, 0), r.number), default=None)
