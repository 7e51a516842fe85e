"""Why a condition is as it is: one word each, with the sentence that the documentation shows."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Reasons of conditions and Events. The docstring of each member is its documentation."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Self:
        """Make a member that is its word and carries its documentation."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.sentence = sentence
        return member

    @classmethod
    def named(cls, word: str, otherwise: Reason) -> Reason:
        """Return the reason of that word, as found in a stored status; `otherwise` for a word of another
        version.
        """
        return next((reason for reason in cls if reason.value == word), otherwise)

    # settled
    SERVING = "Serving", "All wanted pods of the stable revision are ready."
    RUN_SUCCEEDED = "RunSucceeded", "The newest run ended with a version that passed its gates."
    IDLE = "Idle", "Nothing to do: no run was asked for yet."
    SETTLED = "Settled", "The object is as its spec says."
    # going on
    STARTING = "Starting", "The first pods are starting."
    RUN_IN_PROGRESS = "RunInProgress", "A run is going on."
    ROLLING_OUT = "RollingOut", "A new revision is about to take over."
    HOLDING = "Holding", "A new revision answers a share of the requests for the time that its step asks for."
    BAKING = "Baking", "A new revision has all traffic and proves itself; the one before stays warm."
    METRICS_UNAVAILABLE = (
        "MetricsUnavailable",
        "What a rollout or the number of pods rests on cannot be counted: nothing moves, until it goes on by itself.",
    )
    SCALING = "Scaling", "The number of pods is being changed."
    WAITING = (
        "Waiting",
        "Something that the object refers to does not exist yet; it is picked up when it appears.",
    )
    QUEUED = "Queued", "A queue has not admitted the step's Job yet; the step starts by itself when it does."
    RETRYING = "Retrying", "The last attempt failed for a passing reason and is repeated."
    UNAVAILABLE = (
        "Unavailable",
        "Kubernetes, or a webhook that it asks, has not taken a change for a while; it is tried again by itself.",
    )
    PODS_UNHEALTHY = "PodsUnhealthy", "Serving pods fail or do not become ready."
    ROUTER_UNREADY = (
        "RouterUnready",
        "The pods that serve are ready, and the router of the namespace is not there yet or has not followed.",
    )
    GATEWAY_UNREADY = (
        "GatewayUnready",
        "The pods that serve are ready, and a Gateway does not accept the HTTPRoute or has not followed it yet.",
    )
    PODS_HEALTHY = "PodsHealthy", "All wanted pods are ready."
    # ended
    COMPLETE = "Complete", "The run ended with a version."
    RUN_FAILED = "RunFailed", "The newest run failed."
    USER_ERROR = "UserError", "A step found an error that its author must mend."
    STEP_FAILED = "StepFailed", "A step failed and its attempts are used up."
    SUPERSEDED = (
        "Superseded",
        "A newer run was started in its place, because it could not go on or policy.overlap is Replace.",
    )
    ABORTED = "Aborted", "Somebody ended the run with the annotation mlwright.dev/abort."
    TIMED_OUT = "TimedOut", "The run took longer than the pipeline allows."
    LAST_VERSION_REJECTED = (
        "LastVersionRejected",
        "The newest version did not pass its gates; an older one is still good.",
    )
    # the data
    CHECKS_PASSED = "ChecksPassed", "The data is as dataset.checks expects it."
    CHECKS_WARNED = "ChecksWarned", "The data fails checks, and the run goes on because onFailure is Warn."
    CHECKS_FAILED = "ChecksFailed", "The data fails checks, so nothing was trained."
    # stalled
    INVALID_SPEC = (
        "InvalidSpec",
        "The spec asks for something impossible; the message names the field and the remedy.",
    )
    NAME_CONFLICT = (
        "NameConflict",
        "A name that is needed is taken by an object that is not mlwright's; it is left alone.",
    )
    REFUSED = "Refused", "The API server refuses an object that is needed; the message holds its words."
    INTERNAL_ERROR = (
        "InternalError",
        "mlwright itself failed at the object, which goes on as it is; the message holds the error and its place.",
    )
    NO_APPROVED_VERSION = (
        "NoApprovedVersion",
        "No version may be served: all were rejected by a gate or denied by a person.",
    )
    AWAITING_APPROVAL = (
        "AwaitingApproval",
        "A version may be served as soon as somebody approves it; the message says why and how.",
    )
    VERSION_REJECTED = (
        "VersionRejected",
        "The version that the spec pins failed to take over; change the pin or set mlwright.dev/retry.",
    )
    CANDIDATE_REJECTED = (
        "CandidateRejected",
        "A newer version failed to take over; the stable one goes on serving.",
    )
    ALIAS_CYCLE = "AliasCycle", "The deployment follows the alias that it sets, itself or by others."
    REPLICAS_CONTESTED = (
        "ReplicasContested",
        "Somebody else, who is named, set the number of pods of a Deployment; it is about to be set back.",
    )
    REPLICAS_SET_BACK = "ReplicasSetBack", "What somebody else set was set back less than ten minutes ago."
    REPLICAS_LEFT = "ReplicasLeft", "Somebody else sets the number again and again; it is left alone for ten minutes."
    ALIAS_CONFLICT = (
        "AliasConflict",
        "The alias is owned by somebody else, who is named; it is never taken over.",
    )
    ALIAS_DANGLING = "AliasDangling", "An alias names a version that does not exist or did not pass."
    VERSIONS_REMOVED = "VersionsRemoved", "Versions that were old and not in use were removed, as spec.retention asks."
    SWEEP_FAILED = (
        "SweepFailed",
        "The last sweep of the folders of runs failed or was refused; the next comes by itself.",
    )
    # an experiment
    EXPERIMENTING = "Experimenting", "Several versions answer, to learn which of them brings most."
    EXPERIMENT_WAITS = "ExperimentWaits", "An experiment is asked for and has not begun, or is interrupted."
    EXPERIMENT_ENDED = "ExperimentEnded", "The experiment has ended; its outcome is recorded and never changes."
    # held by the guard
    COOLDOWN = "Cooldown", "A run is due, and the pause after the last one is not over."
    DAILY_LIMIT = "DailyLimit", "A run is due, and as many as a day may have started by themselves."
    REPEATED_FAILURES = "RepeatedFailures", "A run is due, and too many failed in a row."
    METRICS_KNOWN = "MetricsKnown", "The load of the pods is known."
    # watching for drift
    DRIFTED = "Drifted", "What is asked or answered has moved farther from the training than is allowed, and it lasts."
    STEADY = "Steady", "Nothing is farther from the training than is allowed, as far as the rows can tell."
    TOO_MANY_BROKEN = "TooManyBroken", "More values are missing, unseen or out of range than is allowed, and it lasts."
    LESS_ACCURATE = "LessAccurate", "Fewer answers are right than the evaluation lets expect, as labels prove."
    NO_LABELS = "NoLabels", "No answer was labelled: nobody knows how many were right."
    ENOUGH_DATA = "EnoughData", "There are enough rows to tell."
    NOT_ENOUGH_DATA = (
        "NotEnoughData",
        "There are too few rows to tell; the message says how many are needed.",
    )
    NO_REFERENCE = (
        "NoReference",
        "There is nothing to compare with: no distributions of the training or no evaluation.",
    )
    # beside all that
    MIRRORED = "Mirrored", "The mirror shows all versions and aliases that it is to show."
    MIRRORING = "Mirroring", "The mirror is being told of versions or aliases."
    MIRROR_FAILED = "MirrorFailed", "The mirror could not be told; it is tried again by itself, and no run is affected."
    DATA_UNSEEN = "DataUnseen", "The last look at the data failed; the next one comes by itself."
    # held by people
    PAUSED = "Paused", "The spec says paused."
    SUSPENDED = "Suspended", "The spec says suspend."
