"""A monitor in simulated hours: the planner of the operator itself, from what was counted to what is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from bench.drift_traffic import SLOTS, Counts
from mlwright.api.conditions import Verdict
from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift import (
    ForgetRecord,
    KeepBlock,
    KeepReference,
    KeepVaried,
    MonitorSeen,
    Reference,
    ServedSeen,
    Tallied,
    Varied,
)
from mlwright.planners.drift import Decision, decide
from mlwright.planners.drift_counts import LABELS
from mlwright.settings import Settings

HOUR: Final = 3600
BEGIN: Final = 1_780_002_000
"""A full hour, in seconds since 1970."""
SETTINGS: Final = Settings()
SLOT_NAMES: Final = ("below", *(str(slot) for slot in range(SLOTS - 3)), "above", "missing")


def surfaces(counts: Counts) -> dict[str, dict[str, int]]:
    """Return counts (features x slots) as they are recorded, slots by name."""
    return {f"feature:{n}": dict(sorted(zip(SLOT_NAMES, row, strict=True))) for n, row in enumerate(counts.tolist())}


def spec(types: Sequence[str], **more: Any) -> DriftMonitorSpec:
    """Return a monitor of a deployment with checks of these types."""
    return DriftMonitorSpec.model_validate(
        {
            "target": {"type": "Live", "live": {"deploymentRef": {"name": "flights"}}},
            "checks": [{"name": type_.lower(), "type": type_} for type_ in types],
            **more,
        }
    )


class Live:
    """A monitor from the moment when its version took over; hours come one after the other."""

    def __init__(self, asked: DriftMonitorSpec, learned: Counts) -> None:
        """Take the monitor, and what its version learned (features x slots)."""
        since = datetime.fromtimestamp(BEGIN, UTC)
        served = ServedSeen("r", "flights-v1", since, accuracy=0.9, held_out=10_000)
        known = Reference("r", surfaces(learned), "learned", "learned")
        self.seen = MonitorSeen("shop", "flights", "uid", asked, {}, served=served, references=(known,))
        self.now = BEGIN
        self.verdicts: tuple[Verdict, ...] = ()

    def hour(self, counts: Counts) -> float:
        """Count one more hour (features x slots); return the seconds of CPU of the looks, without parsing."""
        counted = self.counted(counts)
        begun = time.process_time()
        decision = decide(counted, SETTINGS, self._moment(20))
        self._keep(decision)
        found = decide(self.seen, SETTINGS, self._moment(20))
        took = time.process_time() - begun
        told = {"summary": found.status.summary, "conditions": []}
        self.seen = replace(self.seen, status={**found.status.fields, **told})
        self.verdicts = found.status.conditions
        return took

    def counted(self, counts: Counts) -> MonitorSeen:
        """Return the monitor as it is seen when one more hour (features x slots) was counted, which is over now."""
        wanted = decide(self.seen, SETTINGS, self._moment(20)).wanted
        assert wanted is not None  # noqa: S101  # something serves
        self.now += HOUR
        told = {**surfaces(counts), LABELS: {"true": 90, "false": 10}}
        return replace(self.seen, tallied=Tallied(wanted, counts=told))

    def told(self, type_: str) -> Verdict:
        """Return a condition."""
        return next(verdict for verdict in self.verdicts if verdict.type == type_)

    def drifted(self, features: int) -> list[bool]:
        """Tell of each feature whether it has drifted; the status shows the first 64, and those that have first."""
        told: Sequence[Mapping[str, Any]] = self.seen.status.get("features") or ()
        far = {one["name"] for one in told if one["verdict"] == "Drifted"}
        return [str(place) in far for place in range(features)]

    def _keep(self, decision: Decision) -> None:
        gone = {intent.uid for intent in decision.intents if isinstance(intent, ForgetRecord)}
        blocks = [one for one in self.seen.blocks if one.uid not in gone]
        varied = [one for one in self.seen.varied if one.uid not in gone]
        references = self.seen.references
        for record in decision.records:
            match record:
                case KeepBlock(block):
                    blocks.append(replace(block, object=f"b{block.until}", uid=f"b{block.until}"))
                case KeepVaried(one):
                    varied.append(replace(one, object=f"v{one.until}", uid=f"v{one.until}"))
                    references = tuple(_known(known, one) for known in references)
                case KeepReference(known):
                    references = (known,)
        self.seen = replace(self.seen, blocks=tuple(blocks), varied=tuple(varied), references=references)

    def _moment(self, seconds: int) -> datetime:
        return datetime.fromtimestamp(self.now + seconds, UTC)


def _known(reference: Reference, varied: Varied) -> Reference:
    return replace(reference, variation=varied.variation, varied_until=varied.until)


def lived(asked: DriftMonitorSpec, learned: Counts, hours: Counts) -> Iterator[list[bool]]:
    """Yield after each hour (hours x features x slots) of which features it is told that they have drifted."""
    live = Live(asked, learned)
    for counts in hours:
        live.hour(counts)
        yield live.drifted(len(learned))
