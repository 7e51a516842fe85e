"""What is known of the runs of a pipeline, also of those that were deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mlwright.api.conditions import find
from mlwright.api.reasons import Reason
from mlwright.plan.pipelines import PipelineSeen, RunBrief

GOING: Final = frozenset({"Queued", "Running", "Waiting"})
"""States of a run, or of a step, that has not ended."""
_STUCK: Final = frozenset({Reason.WAITING, Reason.PODS_UNHEALTHY})
"""Why a run that goes on does not get on."""
BEHIND: Final = 3
"""Of the runs that somebody created after the pipeline's newest own, so many are asked what they used."""


def is_stuck(status: Mapping[str, Any]) -> bool:
    """Tell whether a run, as its status tells, cannot go on by itself."""
    stalled = (find(status, "Stalled") or {}).get("status") == "True"
    return stalled or (find(status, "Reconciling") or {}).get("reason") in _STUCK


def goes_on(run: RunBrief) -> bool:
    """Tell whether a run has not ended and is not being deleted: its own status says nothing of that."""
    return run.state in GOING and not run.deleting


def newest_digests(seen: PipelineSeen) -> frozenset[str]:
    """Return the templates that the newest runs had: "" among them if one is not known, none if nothing ever ran.

    These are the newest run of the pipeline's own and those that somebody created after it; which of them is the
    newest is not certain after a restore from a backup, and any of them is no reason to train once more. One with
    overrides is none of them: it trained something else than the template says. A run that was deleted is remembered
    by this status, else by the versions of the pipeline.
    """
    if newest := newest_runs(seen):
        return frozenset(digest_of(seen, run) for run in newest)
    own = [version.template_digest for version in seen.versions if version.pipeline == seen.name]
    remembered = seen.status.get("templateDigest") or (own[-1] if own else "")
    return frozenset([remembered] if remembered or plain(seen.runs) or seen.status.get("runs") else [])


def newest_runs(seen: PipelineSeen) -> tuple[RunBrief, ...]:
    """Return the newest run of the pipeline's own and some behind it; none if the newest was deleted."""
    last = max((run.number for run in seen.runs), default=0)
    return plain(seen.runs[newest_from(seen.runs) :]) if last >= (seen.status.get("runs") or 0) else ()


def newest_from(runs: Sequence[RunBrief]) -> int:
    """Return the place of the newest run of the pipeline's own, or of one behind it if there are many of those."""
    places = [place for place, run in enumerate(runs) if not run.overridden][-BEHIND - 1 :]
    own = max((place for place in places if runs[place].number), default=0)
    return max([own, *places[:1]])


def plain(runs: Iterable[RunBrief]) -> tuple[RunBrief, ...]:
    """Return the runs that do as their pipeline says."""
    return tuple(run for run in runs if not run.overridden)


def telling(runs: Iterable[RunBrief]) -> tuple[RunBrief, ...]:
    """Return the runs that say something of their pipeline: that one with overrides failed says so of those only."""
    return tuple(run for run in runs if not (run.overridden and run.state == "Failed"))


def digest_of(seen: PipelineSeen, run: RunBrief) -> str:
    """Return the template of a run, "" if it is not known.

    Its own record tells, else the version that it made, else the status of the pipeline that started it.
    """
    if run.frozen is not None:
        return run.frozen.digest
    made = next((version.template_digest for version in seen.versions if version.name == run.version), "")
    told = seen.status.get("templateDigest") if run.number and run.number == seen.status.get("runs") else ""
    return made or told or ""


def latest_approved(seen: PipelineSeen) -> str | None:
    """Return the name of the newest version of the model that may be served."""
    return next((version.name for version in reversed(seen.versions) if version.approved), None)
