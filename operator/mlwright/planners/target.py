"""What a ModelDeployment asks to be served."""

from __future__ import annotations

from dataclasses import dataclass

from mlwright.api.reasons import Reason
from mlwright.bundle.addresses import ARTIFACTS, VOLUMES, Scheme
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import short
from mlwright.plan.rollout import progress_told
from mlwright.plan.serving import DeploymentSeen, Handing, Target, VariantSeen
from mlwright.plan.versions import VersionSeen
from mlwright.planners.alias_cycles import cycle
from mlwright.planners.decisions import outcome, promotion, rejection
from mlwright.planners.template import essence, fetching_image, parse_address
from mlwright.settings import Settings


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why there is nothing to aim at."""

    reason: Reason
    sentence: str
    waiting: bool = False
    """True when it goes away by itself as soon as something appears; False when a person must act."""


def resolve(seen: DeploymentSeen, settings: Settings) -> Target | Obstacle:
    """Return the version that the spec asks for and the revision that serves it, or why there is none.

    Worked example: Latest of a model whose v1 and v2 passed and whose v3 is rejected -> v2.
    """
    follows, sets = seen.spec.model.alias, seen.spec.rollout.set_alias
    if follows and sets and (why := cycle(Handing(seen.name, follows, sets), seen.handing)):
        return Obstacle(Reason.ALIAS_CYCLE, f"spec.rollout.setAlias: {why}")
    found = _version(seen)
    return found if isinstance(found, Obstacle) else _servable(seen, found, settings)


def held(seen: DeploymentSeen, asked: Target | Obstacle) -> Target | Obstacle:
    """Return what is aimed at: the version whose rollout goes on, while a newer one waits; else what is asked for.

    Only a version that came by itself waits. Whoever pins another one, goes back to what serves, or edits server or
    pods, is heard at once.
    """
    progress = progress_told(seen.status)
    if progress is None or isinstance(asked, Obstacle) or not _queues(seen, asked, progress.revision):
        return asked
    version = next((version for version in seen.versions if version.number == progress.version), None)
    if version is None or not version.approved or revision_name(seen, version) != progress.revision:
        return asked
    return Target(version, progress.revision)


def _queues(seen: DeploymentSeen, asked: Target, revision: str) -> bool:
    """Tell whether the version that is asked for waits for the rollout of a revision."""
    last = promotion(seen)
    decided = rejection(seen, revision) is not None or (last is not None and last.revision == revision)
    back = last is not None and last.revision == asked.revision
    follows = seen.spec.model.type != "Version" and seen.spec.rollout.on_new_version == "Queue"
    return follows and not decided and not back and asked.revision != revision


def _servable(seen: DeploymentSeen, version: VersionSeen, settings: Settings) -> Target | Obstacle:
    """Return the target, or what forbids to serve that version."""
    if version.awaited:
        return _awaited(f"{_asked(seen)} is {version.name}, which {version.standing}")
    if not version.approved:
        sentence = f"{_asked(seen)} is {version.name}, which {version.standing}"
        return Obstacle(Reason.NO_APPROVED_VERSION, f"{sentence}; choose a version that may be served")
    revision = revision_name(seen, version)
    if any(known.name == revision for known in seen.revisions):
        return Target(version, revision)  # frozen already, with all that it needs
    if seen.spec.runtime.container and seen.verify_keys:
        sentence = f"Model {seen.spec.model.ref.name} wants signed bundles, which only the built-in server checks"
        return Obstacle(Reason.INVALID_SPEC, f"spec.runtime: {sentence}; use it, or take the keys out of the Model")
    if not (seen.spec.runtime.container or seen.spec.server.image or settings.server_image):
        sentence = "no image serves: set it here, or for the whole installation with the chart's images.server"
        return Obstacle(Reason.INVALID_SPEC, f"spec.server.image: {sentence}")
    try:
        parse_address(version.uri, f"ModelVersion {version.name} spec.bundle.uri", (*VOLUMES, Scheme.S3))
        fetching_image(version.uri, settings)
        if log := seen.spec.server.payload_log:
            parse_address(log.uri.rstrip("/"), "spec.server.payloadLog.uri", ARTIFACTS)
            fetching_image(log.uri, settings)
    except InvalidSpecError as error:
        return Obstacle(Reason.INVALID_SPEC, str(error))
    return Target(version, revision)


def revision_name(seen: DeploymentSeen, version: VersionSeen) -> str:
    """Return the short name of the revision: a hash of what people asked for.

    Model version, server, feedback, pods and the refresh token are part of it; replicas, rollout and the operator's own
    defaults are not, so an upgrade of the operator makes no new revision.
    """
    spec = seen.spec
    return short(
        {
            "version": version.name,
            "digest": version.digest,
            "uri": version.uri,
            "server": essence(spec.server),
            **({"runtime": essence(spec.runtime)} if spec.runtime.container else {}),
            "pod": essence(spec.pod),
            "grace": spec.termination_grace_period_seconds,
            "refresh": seen.refresh,
            **({"verify": dict(seen.verify_keys)} if seen.verify_keys else {}),
            **({"feedback": essence(spec.feedback)} if spec.feedback.enabled else {}),
        }
    )


def _version(seen: DeploymentSeen) -> VersionSeen | Obstacle:
    model = seen.spec.model.ref.name
    if not seen.versions:
        return _missing(f"Model {model} (spec.model.ref) has no version yet; the first that passes its gates is served")
    if (winner := _winner(seen)) is not None:
        return winner
    if seen.spec.model.type == "Latest":
        return _latest(seen)
    number = seen.spec.model.version
    if seen.spec.model.type == "Alias":
        alias = seen.spec.model.alias or ""
        number = seen.aliases.get(alias)
        if number is None:
            return _missing(
                f"Model {model} has no alias {alias} (spec.model.alias); it is followed as soon as it is set"
            )
    found = next((version for version in seen.versions if version.number == number), None)
    return found or _missing(
        f"{_asked(seen)} is version {number} of Model {model}, which does not exist; it is served as soon as it does"
    )


def _winner(seen: DeploymentSeen) -> VersionSeen | None:
    """Return the variant that won the experiment of the spec and is to take over; a pinned version goes before it."""
    asked, ended = seen.spec.experiment, outcome(seen)
    if asked is None or ended is None or asked.on_winner != "Promote" or seen.spec.model.type == "Version":
        return None
    compared = {variant.model.version for variant in asked.variants}
    found = (v for v in seen.versions if v.name == ended.version and v.number in compared and v.approved)
    return next(found, None)


def _latest(seen: DeploymentSeen) -> VersionSeen | Obstacle:
    good = next((version for version in reversed(seen.versions) if version.approved), None)
    if good is not None:
        return good
    last = seen.versions[-1]
    awaited = next((version for version in reversed(seen.versions) if version.awaited), None)
    if awaited is not None:
        return _awaited(f"{awaited.name} {awaited.standing}")
    model = seen.spec.model.ref.name
    return Obstacle(
        Reason.NO_APPROVED_VERSION, f"no version of Model {model} may be served; {last.name} {last.standing}"
    )


def awaited(seen: DeploymentSeen, goal: Target | Obstacle) -> str:
    """Return the sentence of the newest version that waits for approval and would be served; empty without one."""
    if seen.spec.model.type != "Latest" or isinstance(goal, Obstacle):
        return ""
    newer = (version for version in reversed(seen.versions) if version.number > goal.version.number)
    return next((f"{version.name} {version.standing}" for version in newer if version.awaited), "")


def _awaited(sentence: str) -> Obstacle:
    return Obstacle(Reason.AWAITING_APPROVAL, sentence, waiting=True)


def _asked(seen: DeploymentSeen) -> str:
    """Return the words for a version that is not simply the latest."""
    return "spec.model.version" if seen.spec.model.type == "Version" else f"alias {seen.spec.model.alias}"


def _missing(sentence: str) -> Obstacle:
    return Obstacle(Reason.WAITING, sentence, waiting=True)


def variant(seen: DeploymentSeen, revision: str) -> VariantSeen | None:
    """Return the Deployment of a revision, None if there is none that stays."""
    return next((v for v in seen.variants if v.revision == revision and not v.deleting), None)
