"""What a ModelDeployment asks to be served, and what has been decided about it:

pure lookups that the rules share.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlwright.api.reasons import Reason
from mlwright.plan.digests import short
from mlwright.plan.serving import DecisionSeen, DeploymentSeen, RevisionSeen, Target, VariantSeen
from mlwright.plan.training import VersionSeen
from mlwright.planners.template import dump


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why there is nothing to aim at."""

    reason: Reason
    sentence: str
    waiting: bool
    """True when it goes away by itself as soon as something appears; False when a person must act."""


def resolve(seen: DeploymentSeen) -> Target | Obstacle:
    """Return the version that the spec asks for and the revision that serves it, or why there is none."""
    found = _version(seen)
    if isinstance(found, Obstacle):
        return found
    if not found.passed:
        sentence = f"{_asked(seen)} is {found.name}, which is rejected: {found.sentence}; choose a version that passed its gates"
        return Obstacle(Reason.NO_APPROVED_VERSION, sentence, waiting=False)
    return Target(found, revision_name(seen, found))


def revision_name(seen: DeploymentSeen, version: VersionSeen) -> str:
    """Return the short name of the revision: a hash of what people asked for.

    Model version, server, pods and the refresh token are part of it; replicas, rollout and the operator's own
    defaults are not, so an
    upgrade of the operator makes no new revision.
    """
    spec = seen.spec
    return short(
        {
            "version": version.name,
            "digest": version.digest,
            "uri": version.uri,
            "server": dump(spec.server),
            "pod": dump(spec.pod),
            "grace": spec.termination_grace_period_seconds,
            "refresh": seen.refresh,
        }
    )


def _version(seen: DeploymentSeen) -> VersionSeen | Obstacle:
    model = seen.spec.model.ref.name
    if not seen.versions:
        return _missing(f"Model {model} (spec.model.ref) has no version yet; the first that passes its gates is served")
    if seen.spec.model.type == "Latest":
        return _latest(seen)
    number = seen.spec.model.version
    if seen.spec.model.type == "Alias":
        number = seen.aliases.get(seen.spec.model.alias or "")
        if number is None:
            return _missing(
                f"Model {model} has no alias {seen.spec.model.alias} (spec.model.alias); it is followed as soon as it is set"
            )
    found = next((version for version in seen.versions if version.number == number), None)
    return found or _missing(
        f"{_asked(seen)} is version {number} of Model {model}, which does not exist; it is served as soon as it does"
    )


def _latest(seen: DeploymentSeen) -> VersionSeen | Obstacle:
    passed = [version for version in seen.versions if version.passed]
    if passed:
        return passed[-1]
    last = seen.versions[-1]
    sentence = (
        f"no version of Model {seen.spec.model.ref.name} has passed its gates; {last.name} is rejected: {last.sentence}"
    )
    return Obstacle(Reason.NO_APPROVED_VERSION, sentence, waiting=False)


def _asked(seen: DeploymentSeen) -> str:
    return "spec.model.version" if seen.spec.model.type == "Version" else f"alias {seen.spec.model.alias}"


def _missing(sentence: str) -> Obstacle:
    return Obstacle(Reason.WAITING, sentence, waiting=True)


def promotion(seen: DeploymentSeen) -> DecisionSeen | None:
    """Return the newest promotion: the end of the chain in which each names the one before it."""
    promotions = [decision for decision in seen.decisions if decision.type == "Promote"]
    followed = {decision.after for decision in promotions}
    ends = [decision for decision in promotions if decision.name not in followed]
    return max(ends or promotions, key=lambda decision: (decision.created, decision.name), default=None)


def stable(seen: DeploymentSeen) -> RevisionSeen | None:
    """Return the revision that serves: the last promoted one, else the one that the Service leads to."""
    last = promotion(seen)
    named = {revision.name: revision for revision in seen.revisions}
    if last is not None and last.revision in named:
        return named[last.revision]
    serving = named.get(seen.service_revision)
    return serving if last is not None else None


def rejection(seen: DeploymentSeen, revision: str) -> DecisionSeen | None:
    """Return the rejection of a revision that still counts."""
    return next(
        (d for d in seen.decisions if d.type == "Reject" and d.revision == revision and d.epoch == seen.epoch),
        None,
    )


def variant(seen: DeploymentSeen, revision: str) -> VariantSeen | None:
    """Return the Deployment of a revision."""
    return next((v for v in seen.variants if v.revision == revision and not v.deleting), None)
