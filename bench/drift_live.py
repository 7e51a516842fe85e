"""A monitor in simulated hours: the planner of the operator itself, from what was counted to what is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from bench.drift_traffic import SLOTS, Counts
from mlwright.api.conditions import Verdict
from mlwright.api.drift import DriftMonitorSpec
from mlwright.controller.status import compact
from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_counts import Reference, Tallied, Varied, Wanted
from mlwright.plan.drift_intents import ForgetRecord, KeepBlock, KeepReference, KeepUsual, KeepVaried
from mlwright.planners.drift import Decision, decide
from mlwright.planners.drift_counts import LABELS
from mlwright.settings import Settings

HOUR: Final = 3600
MINUTES: Final = 600
BEGIN: Final = 1_780_272_000
"""A Monday, in seconds since 1970."""
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
        self.passed: list[Counts] = []
        self.writes = 0

    def hour(self, counts: Counts) -> float:
        """Count one more hour (features x slots); return the seconds of CPU of the looks, without parsing."""
        counted = self.counted(counts)
        begun = time.process_time()
        decision = decide(counted, SETTINGS, self._moment(20))
        self._keep(decision)
        found = decide(self.seen, SETTINGS, self._moment(20))
        took = time.process_time() - begun
        self._keep(found)
        return took

    def counted(self, counts: Counts) -> MonitorSeen:
        """Return the monitor as it is seen when one more hour (features x slots) was counted, which is over now."""
        wanted = decide(self.seen, SETTINGS, self._moment(20)).wanted
        assert wanted is not None  # noqa: S101  # something serves
        self.now += HOUR
        told = {**surfaces(counts), LABELS: {"true": 90, "false": 10}}
        return replace(self.seen, tallied=Tallied(wanted, counts=told))

    def minutes(self, counts: Counts) -> None:
        """Let ten minutes pass (features x slots), and all that is over then be counted and judged."""
        self.now += MINUTES
        self.passed.append(counts)
        found = decide(self.seen, SETTINGS, self._moment(20))
        while found.wanted and found.wanted.until <= self.now:
            found = self._count(found.wanted)
        self._tell(found)

    def _count(self, wanted: Wanted) -> Decision:
        """Count a span that is over, record it, and return what is decided then."""
        first, last = (int(moment - BEGIN) // MINUTES for moment in (wanted.since, wanted.until))
        told = surfaces(np.sum(self.passed[first:last], axis=0))
        counted = replace(self.seen, tallied=Tallied(wanted, counts=told))
        self._keep(decide(counted, SETTINGS, self._moment(20)))
        found = decide(self.seen, SETTINGS, self._moment(20))
        self._keep(found)
        return found

    def told(self, type_: str) -> Verdict:
        """Return a condition."""
        return next(verdict for verdict in self.verdicts if verdict.type == type_)

    def drifted(self, features: int) -> list[bool]:
        """Tell of each feature whether it has drifted; the status shows the first 64, and those that have first."""
        return _far(self.seen.status, features)

    def sudden(self, features: int) -> list[bool]:
        """Tell of each feature whether it has drifted by the newest minutes."""
        return _far(self.seen.status.get("fast") or {}, features)

    def _keep(self, decision: Decision) -> None:
        gone = {intent.uid for intent in decision.intents if isinstance(intent, ForgetRecord)}
        blocks = [one for one in self.seen.blocks if one.uid not in gone]
        varied = [one for one in self.seen.varied if one.uid not in gone]
        usual = [one for one in self.seen.usual if one.uid not in gone]
        references = self.seen.references
        for record in decision.records:
            match record:
                case KeepBlock(block):
                    name = f"b{block.until}-{block.until - block.since}"
                    blocks.append(replace(block, object=name, uid=name))
                case KeepVaried(one):
                    varied.append(replace(one, object=f"v{one.until}", uid=f"v{one.until}"))
                    references = tuple(_known(known, one) for known in references)
                case KeepUsual(hours):
                    usual.append(replace(hours, object=f"u{hours.until}", uid=f"u{hours.until}"))
                case KeepReference(known):
                    references = (known,)
        self.seen = replace(
            self.seen, blocks=tuple(blocks), varied=tuple(varied), usual=tuple(usual), references=references
        )
        self._tell(decision)

    def _tell(self, decision: Decision) -> None:
        """Write the status where it says anything else than before."""
        self.verdicts = decision.status.conditions
        conditions = [
            {"type": one.type, "status": one.status, "reason": one.reason, "message": one.message}
            for one in self.verdicts
        ]
        told = compact({**decision.status.fields, "summary": decision.status.summary, "conditions": conditions})
        if told != self.seen.status:
            self.seen = replace(self.seen, status=told)
            self.writes += 1

    def _moment(self, seconds: int) -> datetime:
        return datetime.fromtimestamp(self.now + seconds, UTC)


def _far(told: Mapping[str, Any], features: int) -> list[bool]:
    named: Sequence[Mapping[str, Any]] = told.get("features") or ()
    far = {one["name"] for one in named if one["verdict"] == "Drifted"}
    return [str(place) in far for place in range(features)]


def _known(reference: Reference, varied: Varied) -> Reference:
    return replace(reference, variation=varied.variation, varied_until=varied.until)


def lived_minutes(asked: DriftMonitorSpec, learned: Counts, windows: Counts) -> Iterator[tuple[list[bool], list[bool]]]:
    """Yield after every ten minutes (windows x features x slots) what has drifted, by long and by short windows."""
    live = Live(asked, learned)
    for counts in windows:
        live.minutes(counts)
        yield live.drifted(len(learned)), live.sudden(len(learned))


def lived(asked: DriftMonitorSpec, learned: Counts, hours: Counts) -> Iterator[list[bool]]:
    """Yield after each hour (hours x features x slots) of which features it is told that they have drifted."""
    live = Live(asked, learned)
    for counts in hours:
        live.hour(counts)
        yield live.drifted(len(learned))
