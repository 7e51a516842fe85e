"""How fast and how small the model server is, beside MLServer: `python -m bench.server` writes build/bench/server.json.

Both serve the same fitted pipeline, a logistic regression and a random forest of 100 trees on 20 numbers, trained by
the real trainer, and are asked the same rows by the same client, in turns, one row a request on kept connections. Each
has one core; the client is on another. Ours is the real program with all of its defaults, and it takes feedback: it
counts every row in bins and histograms, and seals a prediction id into every answer. MLServer runs scikit-learn
and is asked in the form that costs it least. The goals are against the better of its settings in which every request
is answered for itself, as ours are. With adaptive batching it waits until several clients have asked and calls the
model once for all; that figure stands beside (`..._ratio_mlserver_batching`, 16 clients at once). Every answer is
looked at, and those of the two are compared. Rates are requests for each second of CPU time (see bench.cores), so that
they depend little on what else runs; in each turn each server spends as much of it as the other.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from bench import mlserver
from bench.asking import Asked, ask, message
from bench.batching import bounds
from bench.cores import one_core
from bench.figures import Benchmark, Figures
from bench.trained import LOGISTIC_REGRESSION, RANDOM_FOREST, Trained, train
from mlwright.server.prediction_ids import KEY_BYTES
from tests.support.serving import SERVER, ServerProcess

TURNS: Final = 7
ROWS: Final = 50
CONNECTIONS: Final = 16
SERIAL: Final = 400
CPU_SECONDS: Final = 1.0
"""What each server spends in each turn: the faster one is asked more often, and none is measured for longer."""
TOLERANCE: Final = 1e-5
GOALS: Final = {"rss_mb": 120, "logreg_c1_p99_ratio_mlserver": 0.6, "parity_max_abs_diff": TOLERANCE}
LEAST: Final = {"logreg_ratio_mlserver": 8.0, "rf100_ratio_mlserver": 50.0}


def main() -> int:
    """Measure what the arguments name, everything without; returns 1 when a goal is missed."""
    phases: Mapping[str, Callable[[], Figures]] = {
        "logreg": partial(_compare, "logreg", LOGISTIC_REGRESSION, {}),
        "rf100": partial(_compare, "rf100", RANDOM_FOREST, {"n_estimators": 100}),
        "batching": bounds,
    }
    return Benchmark("server", "MLServer 1.7.1 with scikit-learn, same model and client", GOALS, LEAST).run(
        phases, sys.argv[1:]
    )


@dataclass(slots=True)
class Measured:
    """What was measured of one server in each turn."""

    rates: list[float] = field(default_factory=list)
    """Requests for each second of CPU time."""
    p50s: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    """Milliseconds of one request after the other."""

    def turn(self, server: Asked) -> None:
        """Measure once more."""
        latencies = server.one_by_one(SERIAL)
        self.p50s.append(1e3 * latencies[SERIAL // 2])
        self.p99s.append(1e3 * latencies[99 * SERIAL // 100])
        self.rates.append(server.requests_per_core_second(CONNECTIONS, CPU_SECONDS))


@dataclass(frozen=True, slots=True)
class Pair:
    """Both servers, measured in turns: the middle of the turns counts, and of ratios the middle of those of one turn.

    A machine that others use, too, is faster at one time than at another, for both.
    """

    ours: Measured = field(default_factory=Measured)
    theirs: Measured = field(default_factory=Measured)

    def ratio(self, what: Callable[[Measured], Sequence[float]]) -> float:
        """Ours beside theirs."""
        return statistics.median(a / b for a, b in zip(what(self.ours), what(self.theirs), strict=True))


def _compare(name: str, estimator: str, parameters: Mapping[str, Any]) -> Figures:
    with tempfile.TemporaryDirectory() as scratch, one_core() as own:
        folder = Path(scratch)
        trained = train(folder / "store", estimator, parameters, features=20, asked=ROWS)
        with _ours(trained, folder, own) as (server, ours):
            measured = {words: _in_turns(trained, folder, own, ours, words) for words in mlserver.SETTINGS}
            batching = measured.pop(mlserver.BATCHING)
            best = max(measured, key=lambda words: statistics.median(measured[words].theirs.rates))
            print(f"  MLServer is best {best}")
            figures = _figures(name, measured[best]) | _size(name, server) | _parity(trained, ours, folder, own)
            return figures | {f"{name}_ratio_mlserver_batching": batching.ratio(_rates)}


def _in_turns(trained: Trained, folder: Path, core: int, ours: Asked, words: str) -> Pair:
    """Load ours and MLServer with some of its settings, in turns."""
    pair = Pair()
    with mlserver.serving(folder / words.replace(" ", "-"), trained.twin, mlserver.SETTINGS[words], core) as (
        pid,
        port,
    ):
        theirs = _theirs(trained, pid, port)
        for server in (ours, theirs):
            server.requests_per_core_second(CONNECTIONS, CPU_SECONDS)  # to be warm
        for _ in range(TURNS):
            pair.ours.turn(ours)
            pair.theirs.turn(theirs)
    print(f"  MLServer {words}: {_told(pair.theirs.rates)} requests per core-second, ours {_told(pair.ours.rates)}")
    print(f"    {pair.ratio(_rates):.1f} times as many", flush=True)
    return pair


def _told(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"


def _rates(of: Measured) -> Sequence[float]:
    return of.rates


def _p99s(of: Measured) -> Sequence[float]:
    return of.p99s


def _figures(name: str, pair: Pair) -> Figures:
    return {
        f"{name}_ratio_mlserver": pair.ratio(_rates),
        f"{name}_requests_per_core_second": statistics.median(pair.ours.rates),
        f"{name}_mlserver_requests_per_core_second": statistics.median(pair.theirs.rates),
        f"{name}_c1_p50_ms": statistics.median(pair.ours.p50s),
        f"{name}_c1_p99_ms": statistics.median(pair.ours.p99s),
        f"{name}_c1_p99_ratio_mlserver": pair.ratio(_p99s),
    }


def _size(name: str, server: ServerProcess) -> Figures:
    return {("rss_mb" if name == "logreg" else f"{name}_rss_mb"): server.resident_mb()}


def _parity(trained: Trained, ours: Asked, folder: Path, core: int) -> Figures:
    """How far the answers of the two are apart."""
    settings = mlserver.SETTINGS["in its own process"]
    with mlserver.serving(folder / "mlserver-parity", trained.twin, settings, core) as (_, port):
        theirs = [ask(port, _for_mlserver(row))["outputs"][0]["data"] for row in trained.rows]
    found = [ask(ours.port, request)["outputs"][1]["data"] for request in ours.requests]
    apart = max(abs(a - b) for one, other in zip(found, theirs, strict=True) for a, b in zip(one, other, strict=True))
    return {"parity_max_abs_diff": apart}


@contextmanager
def _ours(trained: Trained, folder: Path, core: int) -> Iterator[tuple[ServerProcess, Asked]]:
    environment = {
        "MLWRIGHT_MOUNT_ROOT": str(trained.mount_root),
        "MLWRIGHT_BUNDLE_URI": trained.uri,
        "MLWRIGHT_BUNDLE_DIGEST": trained.digest,
        "MLWRIGHT_FEEDBACK_KEYS": str(_keys(folder / "keys")),
    }
    with ServerProcess(environment, folder / "server.log", ["taskset", "-c", str(core), *SERVER]) as server:
        requests = tuple(map(_for_us, trained.rows))
        expected = [ask(server.ready().port, request)["outputs"][1]["data"] for request in requests]
        yield server, Asked(server.process.pid, server.port, requests, _with_id(_same(1, expected)))


def _keys(folder: Path) -> Path:
    """A folder with a key of prediction ids, as a Secret is mounted."""
    folder.mkdir()
    (folder / "key").write_text(token_hex(KEY_BYTES))
    return folder


def _with_id(same: Callable[[Any, int], bool]) -> Callable[[Any, int], bool]:
    """Whether an answer also carries a prediction id."""
    return lambda answer, number: "prediction_id" in answer.get("parameters", ()) and same(answer, number)


def _theirs(trained: Trained, pid: int, port: int) -> Asked:
    requests = tuple(map(_for_mlserver, trained.rows))
    expected = [ask(port, request)["outputs"][0]["data"] for request in requests]
    return Asked(pid, port, requests, _same(0, expected))


def _same(output: int, expected: Sequence[list[float]]) -> Callable[[Any, int], bool]:
    """Whether an answer is the first one to the same row; computed in a batch it may differ in its last bits."""

    def same(answer: Any, number: int) -> bool:
        found = answer["outputs"][output]["data"]
        return all(abs(a - b) <= TOLERANCE for a, b in zip(found, expected[number], strict=True))

    return same


def _for_us(row: dict[str, float]) -> bytes:
    inputs = [{"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]} for name, value in row.items()]
    return message("/v2/models/flights/infer", {"inputs": inputs})


def _for_mlserver(row: dict[str, float]) -> bytes:
    return message(f"/v2/models/{mlserver.MODEL}/infer", mlserver.request([row]))


if __name__ == "__main__":
    sys.exit(main())
