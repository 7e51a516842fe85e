"""A real Prometheus holds what pods counted: a monitor gets exactly the rows of its span."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mlwright.adapters.prometheus.access import Credentials
from mlwright.adapters.prometheus.client import Prometheus
from mlwright.api.drift import DriftMonitorSpec
from mlwright.controller.drift_meter import DriftMeter
from mlwright.controller.tallies import Tallies
from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_counts import Reference, Tallied, Wanted
from mlwright.plan.drift_intents import KeepBlock
from mlwright.plan.measuring import Series
from mlwright.plan.resources import Key
from mlwright.planners.drift import decide
from mlwright.planners.drift_counts import LABELS
from mlwright.settings import Settings
from tests.support.prometheus import prometheus

T0 = 1_780_000_000.0
KEY = Key("DriftMonitor", "shop", "churn")
OLD, NEW = "churn-0a1b2c3d-x-old", "churn-0a1b2c3d-x-new"
ODD = 'the "age" {of}, a|b'
WANTED = Wanted("shop", "churn", "0a1b2c3d", T0, T0 + 600, born=((OLD, T0 - 9000), (NEW, T0 + 290)))


@dataclass(frozen=True)
class Still:
    """A clock that stands still."""

    at: float = T0 + 620

    def now(self) -> datetime:
        """Return when it stands."""
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        """Return the same in seconds."""
        return self.at


def labels(pod: str, **more: str) -> dict[str, str]:
    """Return the labels of a series of a pod."""
    return {"namespace": "shop", "deployment": "churn", "revision": "0a1b2c3d", "pod": pod} | more


def grown(pod: str, first: int, per_scrape: int, bin_: str, begin: float = -300.0) -> Series:
    """Return a counter that grows evenly, scraped every 15 s."""
    times = [T0 + begin + 15 * n for n in range(int((900 - begin) // 15))]
    samples = tuple((time, float(first + per_scrape * n)) for n, time in enumerate(times))
    return Series(labels(pod, feature=ODD, bin=bin_), samples)


def restarted(series: Series) -> Series:
    """Return the same, of a process that began anew in the middle."""
    values = tuple((at, v if at < T0 + 300 else (at - T0 - 300) / 15 * 7) for at, v in series.samples)
    return Series(series.labels, values)


def profile(pod: str, name: str) -> Series:
    """Return what a pod tells of the training."""
    told = labels(pod, surface="feature", name=name, counts="0:5000,1:5000,missing:3")
    return Series(told, tuple((T0 + 15 * n, 1.0) for n in range(60)))


PAST = [
    ("mlwright_feature_bin_total", restarted(grown(OLD, 70_000, 2, "0"))),
    ("mlwright_feature_bin_total", grown(OLD, 500, 1, "1")),
    ("mlwright_feature_bin_total", grown(NEW, 4, 3, "0", begin=305.0)),
    ("mlwright_feature_bin_total", grown("forged", 0, 900, "0")),
    ("mlwright_profile_info", profile(OLD, ODD)),
]


def told(pod: str, revision: str, predicted: str, per_scrape: int) -> tuple[str, Series]:
    """Return right answers of a revision that a pod was told of."""
    own = labels(pod, predicted_revision=predicted, correct="true") | {"revision": revision}
    return "mlwright_feedback_total", Series(own, grown(pod, 40, per_scrape, "").samples)


LATE = [
    told(OLD, "0a1b2c3d", "0a1b2c3d", 2),
    told("churn-ffff0000-x-1", "ffff0000", "0a1b2c3d", 1),
    told("churn-ffff0000-x-1", "ffff0000", "ffff0000", 50),
    told("forged", "0a1b2c3d", "0a1b2c3d", 900),
]


async def test_the_rows_of_a_span_are_exact(tmp_path: Path) -> None:
    """A container that restarted, a pod that came and a forged one, and a feature whose name is no name."""
    tallies = Tallies()
    tallies.want(KEY, WANTED)
    with prometheus(tmp_path, past=PAST) as url:
        store = Prometheus(url, Credentials())
        await DriftMeter(store, Still(), tallies, lambda _: None).round()
        await store.close()

    feature = f"feature:{ODD}"
    old = 2 * 20 - 2 + 7 * 20  # up to the scrape before the restart, and since
    new = 4 + 3 * 19  # all of it: its first scrape already showed 4
    assert tallies.tallied(KEY) == Tallied(
        WANTED, {feature: {"0": 5000, "1": 5000, "missing": 3}}, {feature: {"0": old + new, "1": 40}}
    )


async def test_late_labels_count_for_the_revision_that_answered(tmp_path: Path) -> None:
    """Feedback comes to whichever pod; what other revisions answered, and what a stranger says, is left out."""
    tallies, wanted = Tallies(), replace(WANTED, known=(f"feature:{ODD}",), labels=True)
    tallies.want(KEY, wanted)
    with prometheus(tmp_path, past=LATE) as url:
        store = Prometheus(url, Credentials())
        await DriftMeter(store, Still(), tallies, lambda _: None).round()
        await store.close()

    assert tallies.tallied(KEY) == Tallied(wanted, {}, {LABELS: {"true": 40 * (2 + 1)}})


async def test_ten_minutes_that_a_monitor_asks_for_are_counted_and_recorded(tmp_path: Path) -> None:
    """The version took over a moment ago: its first ten minutes are over long before its first hour."""
    asked = DriftMonitorSpec.model_validate(
        {
            "target": {"type": "Live", "live": {"deploymentRef": {"name": "churn"}}},
            "windows": {"fast": {}},
            "checks": [{"name": "data", "type": "DataDrift"}],
        }
    )
    begin, feature = T0 + 200, f"feature:{ODD}"
    served = ServedSeen("0a1b2c3d", "churn-v1", datetime.fromtimestamp(begin, UTC), pods=WANTED.born)
    learned = Reference("0a1b2c3d", {feature: {"0": 5000, "1": 5000, "missing": 3}})
    seen = MonitorSeen("shop", "churn", "uid", asked, {}, served=served, references=(learned,))
    clock, tallies = Still(begin + 620), Tallies()
    tallies.want(KEY, decide(seen, Settings(), clock.now()).wanted)
    with prometheus(tmp_path, past=PAST) as url:
        store = Prometheus(url, Credentials())
        await DriftMeter(store, clock, tallies, lambda _: None).round()
        await store.close()

    (record,) = decide(replace(seen, tallied=tallies.tallied(KEY)), Settings(), clock.now()).records

    assert isinstance(record, KeepBlock)
    assert (record.block.since, record.block.until) == (begin, begin + 600)
    assert record.block.counts[feature]["1"] == 600 / 15
