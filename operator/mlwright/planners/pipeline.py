"""TrainingPipeline: when a run is due, and what the runs so far say about the pipeline.

At most one run that gets on goes on at a time. A request or a change that comes meanwhile waits for its end; nothing
is lost, because both are found again by looking: a request whose token no run carries, a template whose digest the
newest run does not have. A run that is stuck (its data, a claim or its image is missing) holds nothing up: what is
asked for next takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from mlwright.api.runs import Trigger
from mlwright.plan.plan import Decided
from mlwright.plan.training import MakeModel, PipelineSeen, StartRun, TrainingIntent
from mlwright.planners.pipeline_status import settled, starting
from mlwright.planners.runs import GOING, newest_digests
from mlwright.planners.template import artifacts_uri, check, dump, template_digest, training_image
from mlwright.settings import Settings

Decision = Decided[TrainingIntent]

REASON_LENGTH: Final = 512


def decide(seen: PipelineSeen, settings: Settings, _: datetime) -> Decision:
    """Return the next move of a pipeline.

    Worked example: the newest run flights-3 succeeded on template A, the spec now says B -> StartRun(4), "run flights-4
    starts: the spec changed".

    Raises:
        InvalidSpecError: no run could start: an address is refused, or nobody says where artifacts go or what trains.
    """
    check(seen, settings)
    records: tuple[TrainingIntent, ...] = () if seen.model_exists else (MakeModel(seen.model),)
    trigger = due(seen, settings)
    if trigger is None:
        return Decided(settled(seen), records=records)
    start = StartRun(seen.next_number, trigger)
    return Decided(starting(seen, start), records=(*records, start))


def due(seen: PipelineSeen, settings: Settings) -> Trigger | None:
    """Return why a run is to start now, or None."""
    if seen.spec.paused or seen.spec.suspend or any(run.state in GOING and not run.stuck for run in seen.runs):
        return None
    return next((trigger for rule in RULES if (trigger := rule(seen, settings)) is not None), None)


def _requested(seen: PipelineSeen, _: Settings) -> Trigger | None:
    """Somebody asked with an annotation, and no run answers it yet."""
    known = {run.token for run in seen.runs} | {seen.status.get("handledRequest")}
    if not seen.request or seen.request in known:
        return None
    reason = f"asked for with {seen.request!r}"[:REASON_LENGTH]
    return Trigger(type="Request", reason=reason, token=seen.request)


def _changed(seen: PipelineSeen, _: Settings) -> Trigger | None:
    """The template is not that of the newest run. A template that is not known is no change."""
    if not seen.spec.triggers.spec_change:
        return None
    known = newest_digests(seen)
    if template_digest(seen) in known or "" in known:
        return None
    return Trigger(type="SpecChange", reason="the spec changed" if known else "the pipeline is new")


def _mended(seen: PipelineSeen, settings: Settings) -> Trigger | None:
    """The newest run is stuck, and what it was started with was changed since: a claim, a Secret, an image."""
    run = seen.runs[-1] if seen.runs else None
    if run is None or not run.stuck or run.frozen is None or not seen.spec.triggers.spec_change:
        return None
    same = (run.frozen.pod, run.frozen.artifacts_uri) == (dump(seen.spec.pod), artifacts_uri(seen, settings))
    # a run that waits for its data does so whatever the image: a new one alone never starts a run
    if same and (run.state == "Waiting" or run.frozen.image == training_image(seen, settings)):
        return None
    return Trigger(type="SpecChange", reason=f"{run.name} could not go on with what it was started with")


RULES: Final[tuple[Callable[[PipelineSeen, Settings], Trigger | None], ...]] = (_requested, _changed, _mended)
