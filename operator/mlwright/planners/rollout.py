"""A rollout whose candidate was ready once: what comes next. Pure.

Rules are asked in order; the first that has something to say decides. At most one stage further per look, and only
upon what was seen: a share is raised when all pods that it needs are ready, time counts from when the share is known to
be applied everywhere, and what lacks pods never gains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mlwright.api.conditions import timestamp
from mlwright.api.reasons import Reason
from mlwright.constants import ANNOTATION_ABORT, ANNOTATION_APPROVE, ANNOTATION_PROMOTE
from mlwright.plan.analysis import Conclusion, Move
from mlwright.plan.plan import LOOK_AGAIN
from mlwright.plan.rollout import Failed, Onward, Progress, Proven, StageType, Step
from mlwright.plan.serving import ALL, VariantSeen
from mlwright.planners.health import Health, fault
from mlwright.planners.preflight import Answered, Preflown

_AGAIN: Final = LOOK_AGAIN.total_seconds()
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What people said of this very version."""

    approve: str = ""
    """How they approved it: in the spec or with the annotation; empty if they did not."""
    promote: bool = False
    abort: bool = False


@dataclass(frozen=True, slots=True)
class Rollout:
    """What the rules look at."""

    owner: str
    """Name of the deployment."""
    version: str
    progress: Progress
    running: VariantSeen
    state: Health
    """Of the pods that the stage needs."""
    requested: int
    """Share of the traffic that the candidate was given last."""
    verified: int | None
    """Share that it is known to have everywhere; None while nobody knows."""
    copied: int
    """Share of stable's requests that are to be copied to the candidate, as it stands in the world."""
    stable_ready: int
    commands: Commands
    conclusion: Conclusion | None
    """What follows from what was counted; None where nothing is watched."""
    preflown: Preflown
    """How far it is with asking its pods before anybody else does."""
    deadline: timedelta
    now: datetime

    @property
    def since(self) -> datetime:
        """When the share of the stage, which is there, was first seen; one to come (a clock was set back) is now."""
        return min(self.progress.since or self.now, self.now)

    @property
    def target(self) -> int:
        """The share that the stage asks for."""
        stage = self.progress.now
        return self.requested if stage.free else stage.percent

    def onward(
        self,
        reason: Reason,
        sentence: str,
        percent: int,
        again: float | None = None,
        *,
        since: datetime | None = None,
        lacking: datetime | None = None,
    ) -> Onward:
        """Return that it goes on at its stage: since when with its share, since when lacking pods."""
        progress = self.progress.moved(self.now, self.progress.stage, since, lacking)
        return Onward(progress, percent, reason, sentence, self.progress.now.copies, again)

    def enter(self, stage: int, sentence: str, percent: int) -> Onward:
        """Return that it goes on with another stage, whose share and copies come with the next look."""
        progress = self.progress.moved(self.now, stage, None, None)
        return Onward(progress, percent, Reason.ROLLING_OUT, sentence, self.copied, 0.0)


def follow(at: Rollout) -> Step:
    """Return the next step of a rollout.

    Worked example: the bake began 10 minutes ago, lasts 30, and all pods are ready -> Onward with the same share, to be
    looked at again in 20 minutes.
    """
    return next(step for rule in RULES if (step := rule(at)) is not None)


def _aborted(at: Rollout) -> Step | None:
    if not at.commands.abort:
        return None
    asked = f"{ANNOTATION_ABORT}={at.progress.version}"
    return Failed(f"{_where(at)}, somebody asked for it with {asked}", by=asked)


def _failed(at: Rollout) -> Step | None:
    """Pods that ended for good or again and again, or that lack for too long."""
    lacking = at.progress.lacking or at.now
    why = fault(at.running, at.state, lacking, at.deadline, at.now)
    return Failed(f"{_where(at)}, {why}") if why else None


def _hurried(at: Rollout) -> Step | None:
    """Somebody wants it to take over without what is left."""
    if not at.commands.promote or at.progress.last:
        return None
    stage = len(at.progress.stages) - 1
    sentence = f"{at.version} takes over as soon as its pods are ready, as {_promoted(at)} asks"
    return at.enter(stage, sentence, _kept(at))


def _lacking(at: Rollout) -> Step | None:
    """Without the pods that it needs nothing goes on, and nothing is gained."""
    if at.state.complete:
        return None
    percent, trouble = _kept(at), f": {at.state.trouble}" if at.state.trouble else ""
    sentence = f"{at.version} {_where(at)} has {at.state.counted}{trouble}"
    since = at.progress.since if percent == at.target else None
    lacking = min(at.progress.lacking or at.now, at.now)
    left = (lacking + at.deadline - at.now).total_seconds()
    again = min(left, _AGAIN) if left > 0 else _AGAIN
    return at.onward(Reason.ROLLING_OUT, sentence, percent, again, since=since, lacking=lacking)


def _kept(at: Rollout) -> int:
    """Return the share of a candidate that lacks pods: what it has, or none if the stable revision answers better."""
    percent = min(at.requested, at.target)
    worse = at.running.ready == 0 or (percent == ALL and at.running.ready < at.stable_ready)
    return 0 if not at.state.complete and worse and at.stable_ready else percent


def _unverified(at: Rollout) -> Step | None:
    """Ask for the share of the stage until it is seen everywhere."""
    copying = at.copied == at.progress.now.copies
    if at.progress.now.free or (at.requested == at.verified == at.target and copying):
        return None
    if not copying:
        sentence = f"{at.version} is about to be asked {at.progress.now.copies} % of the requests again {_where(at)}"
        return at.onward(Reason.ROLLING_OUT, sentence, at.target, _AGAIN)
    if at.requested == at.target and at.verified is None and at.progress.since is not None:
        sentence = f"{at.version} {_where(at)} goes on when all who divide requests say again that it has its share"
        return at.onward(Reason.ROLLING_OUT, sentence, at.target, _AGAIN, since=at.progress.since)
    sentence = f"{at.version} is about to answer {at.target} % of the requests {_where(at)}"
    return at.onward(Reason.ROLLING_OUT, sentence, at.target, _AGAIN)


def _preflown(at: Rollout) -> Step | None:
    """Nothing goes on before what is known and recorded was asked, and answered as expected."""
    if not at.progress.now.asks:
        return None
    found = at.preflown
    if found.answered is Answered.OTHERWISE:
        return Failed(f"{_where(at)}, {found.sentence}", shown={"preflight": dict(found.results)})
    if found.answered is Answered.AS_EXPECTED:
        told = "; ".join(words for words in (at.progress.replayed, found.sentence) if words)
        passed = replace(at, progress=replace(at.progress, replayed=told))
        return passed.enter(at.progress.stage + 1, f"{_passed(at)}: {found.sentence}", at.target)
    sentence = f"{at.version} {found.sentence} {_where(at)}"
    return at.onward(Reason.ROLLING_OUT, sentence, at.target, _AGAIN)


def _judged(at: Rollout) -> Step | None:
    """Proof that it is worse ends it; where a share is held for a time, what was counted says when it goes on."""
    told, stage = at.conclusion, at.progress.now
    if told is None or at.commands.promote or at.progress.observing:
        return None
    if told.move is Move.ROLL_BACK:
        return Failed(f"{_where(at)}, {told.sentence}", judged=True)
    if stage.type is StageType.APPROVAL or stage.free:
        return None
    if told.move in {Move.ADVANCE, Move.ADVANCE_UNPROVEN} or (told.move is Move.ASK and at.commands.approve):
        return _onward(at)
    shown = f"{at.version} {_does(at)}: {told.sentence}"
    if told.move is Move.ASK:
        return at.onward(Reason.AWAITING_APPROVAL, f"{shown}; {_approve(at)}", at.target, _AGAIN, since=at.since)
    reason = Reason.BAKING if stage.type is StageType.BAKE else Reason.HOLDING
    return at.onward(reason, shown, at.target, _AGAIN, since=at.since)


def _unapproved(at: Rollout) -> Step | None:
    stage = at.progress.now
    if stage.type is not StageType.APPROVAL or at.commands.approve:
        return None
    sentence = f"{at.version} waits for approval {_where(at)}; {_approve(at)}"
    return at.onward(Reason.AWAITING_APPROVAL, sentence, at.target, since=at.since)


def _holding(at: Rollout) -> Step | None:
    stage, begun = at.progress.now, at.since + at.progress.settling
    left = (begun + timedelta(seconds=stage.hold) - at.now).total_seconds()
    if left <= 0 or at.commands.promote:
        return None
    baking = stage.type is StageType.BAKE
    what = "bakes with all traffic" if baking else _does(at)
    when = f"until {timestamp(begun + timedelta(seconds=stage.hold))}"
    if at.now < begun:
        left = (begun - at.now).total_seconds()
        when = f"as soon as its kubelet has told each pod; the time of the step counts from {timestamp(begun)}"
    reason = Reason.BAKING if baking else Reason.HOLDING
    return at.onward(reason, f"{at.version} {what} {when}{_observed(at)}", at.target, left, since=at.since)


def _onward(at: Rollout) -> Step:
    if at.progress.last:
        return Proven(_done(at), by=_promoted(at) if at.commands.promote else "")
    return at.enter(at.progress.stage + 1, _passed(at), at.target)


RULES: Final[tuple[Callable[[Rollout], Step | None], ...]] = (
    _aborted,
    _failed,
    _hurried,
    _lacking,
    _unverified,
    _preflown,
    _judged,
    _unapproved,
    _holding,
    _onward,
)


def _passed(at: Rollout) -> str:
    following = at.progress.stages[at.progress.stage + 1]
    return f"{at.version} passed step {at.progress.now.name}; next is {following.name}"


def _approve(at: Rollout) -> str:
    command = f"kubectl annotate --overwrite modeldeployment {at.owner} {ANNOTATION_APPROVE}={at.progress.version}"
    return f"approve it with: {command}"


def _does(at: Rollout) -> str:
    """Return what the candidate does in its stage."""
    stage = at.progress.now
    if stage.type is StageType.SHADOW:
        return f"is asked {stage.copies} % of the requests again {_where(at)}"
    return f"answers {at.target} % of the requests {_where(at)}"


def _where(at: Rollout) -> str:
    return "in its bake" if at.progress.now.type is StageType.BAKE else f"at step {at.progress.now.name}"


def _promoted(at: Rollout) -> str:
    return f"{ANNOTATION_PROMOTE}={at.progress.version}"


def _done(at: Rollout) -> str:
    """Return why it takes over."""
    if at.commands.promote:
        return f"{at.state.counted}, and {_promoted(at)} asks for it"
    steps = [stage.name for stage in at.progress.stages[:-1]]
    passed = f", steps passed: {', '.join(steps)}" if steps else ""
    hold = at.progress.now.hold
    baked = f", baked for {hold} s" if hold else ""
    return f"{at.state.counted}{passed}{baked}{f'; {at.progress.observed}' if at.progress.observed else ''}"


def _observed(at: Rollout) -> str:
    """Return what verdicts say where they are only observed."""
    if not at.progress.observing or at.conclusion is None:
        return ""
    return f"; {at.progress.observed or at.conclusion.sentence}"
