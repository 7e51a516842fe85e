"""Ask a model for predictions without pause: keep-alive connections, no retries, every failure counted.

Runs inside the cluster, with nothing but the standard library:

    python load.py URL REQUEST.json CONNECTIONS SECONDS PAUSE
    python load.py URL REQUESTS.jsonl CONNECTIONS SECONDS PAUSE [rewards]

Between two requests of a connection lie PAUSE seconds: steady load, not a race for the last core. Of a file of lines
each holds a `request` and its `truth`; they are asked one after the other, again and again. With `rewards` each answer
is followed by feedback: 1 for each label that came true, 0 for the others.

It stops by itself after SECONDS, or as soon as the file /tmp/stop appears, and prints one line of JSON:
`{"requests": n, "failed": n, "failures": {sentence: n}, "outages": n, "failedSeconds": x, "versions": {version: n},
"p50Ms": x, "p99Ms": x}`. Failures of a connection in a row are one outage; `failedSeconds` lie between the first and
the last failure of all.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

STOP = Path("/tmp/stop")  # noqa: S108  # agreed with whoever started us; the pod is ours alone


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what came true of it where that is known."""

    body: bytes
    truth: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where it is asked, over one connection that is kept."""

    connection: http.client.HTTPConnection
    path: str
    rewards: bool
    """Whether feedback is sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes

    @property
    def words(self) -> str:
        """The beginning of it, for people."""
        return self.content[:200].decode(errors="replace")


@dataclass(slots=True)
class Count:
    """What one connection saw."""

    requests: int = 0
    """How many predictions were asked for, whatever became of them."""
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    failed_at: list[float] = field(default_factory=list)
    outages: int = 0
    failing: bool = False
    """Whether the last request failed."""
    versions: Counter[str] = field(default_factory=Counter)

    def fail(self, why: str) -> None:
        """Count a failure."""
        self.failures[why] += 1
        self.failed_at.append(time.monotonic())
        self.outages += not self.failing
        self.failing = True


def ask(target: Target, question: Question, count: Count) -> None:
    """Send one request and count what came back; a connection that broke is opened again for the next one."""
    count.requests += 1
    began = time.perf_counter()
    answer = post(target, "infer", question.body, count)
    if answer is None:
        return
    count.seconds.append(time.perf_counter() - began)
    if answer.status != http.client.OK:
        count.fail(f"status {answer.status}: {answer.words}")
        return
    try:
        version, told = read(answer.content, question.truth if target.rewards else None)
    except (ValueError, LookupError, TypeError):
        count.fail(f"an answer that cannot be read: {answer.words}")
        return
    count.versions[version] += 1
    count.failing = False
    if told is not None:
        reward(target, told, count)


def read(content: bytes, truth: Sequence[bool] | None) -> tuple[str, bytes | None]:
    """Read which version answered, and where the truth is given what to tell of it: 1 for each label that came true.

    Raises:
        ValueError, LookupError, TypeError: This is no answer of a model.
    """
    answer = json.loads(content)
    values = {output["name"]: output["data"] for output in answer["outputs"]}
    if not values or not all(values.values()):
        raise ValueError("an answer without values")
    if truth is None:
        return str(answer["model_version"]), None
    right = [float(label == came) for label, came in zip(values["label"], truth, strict=True)]
    told = {"prediction_id": answer["parameters"]["prediction_id"], "rewards": right}
    return str(answer["model_version"]), json.dumps(told).encode()


def reward(target: Target, told: bytes, count: Count) -> None:
    """Tell what an answer was worth."""
    taken = post(target, "feedback", told, count)
    if taken is not None and taken.status != http.client.OK:
        count.fail(f"feedback, status {taken.status}: {taken.words}")


def post(target: Target, verb: str, body: bytes, count: Count) -> Answer | None:
    """Post a body; None when the connection broke, which is counted."""
    connection = target.connection
    try:
        connection.request("POST", f"{target.path}/{verb}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        count.fail(f"{type(error).__name__}: {error}")
        connection.close()
        return None


def questions(file: Path) -> list[Question]:
    """Read what is asked: one request, or lines of them."""
    if file.suffix != ".jsonl":
        return [Question(file.read_bytes())]
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [Question(json.dumps(line["request"]).encode(), tuple(line["truth"])) for line in lines]


def work(target: Target, asked: Iterator[Question], until: float, pause: float, count: Count) -> None:
    """Ask again and again over one keep-alive connection."""
    while time.monotonic() < until and not STOP.exists():
        ask(target, next(asked), count)
        time.sleep(pause)
    target.connection.close()


def summary(counts: list[Count]) -> dict[str, object]:
    """Add up all connections."""
    seconds = sorted(second for count in counts for second in count.seconds)
    failures = sum((count.failures for count in counts), Counter())
    versions = sum((count.versions for count in counts), Counter())
    failed_at = [moment for count in counts for moment in count.failed_at]
    return {
        "requests": sum(count.requests for count in counts),
        "failed": failures.total(),
        "failures": dict(failures),
        "outages": sum(count.outages for count in counts),
        "failedSeconds": round(max(failed_at, default=0.0) - min(failed_at, default=0.0), 2),
        "versions": dict(versions),
        "p50Ms": _percentile(seconds, 0.5),
        "p99Ms": _percentile(seconds, 0.99),
    }


def _percentile(ordered: list[float], share: float) -> float:
    return round(1000 * ordered[int(share * (len(ordered) - 1))], 2) if ordered else 0.0


def main(url: str, file: str, connections: int, seconds: float, pause: float, *, rewards: bool = False) -> None:
    """Run the load and print the summary; each connection begins at another question.

    A mistake of ours in any of them ends the program without a summary: what was not counted is no success.
    """
    parts, asked = urlsplit(url), questions(Path(file))
    counts = [Count() for _ in range(connections)]
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(connections) as pool:
        running = []
        for place, count in enumerate(counts):
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
            own = islice(cycle(asked), place * len(asked) // connections, None)
            target = Target(connection, parts.path, rewards)
            running.append(pool.submit(work, target, own, until, pause, count))
    for one in running:
        one.result()
    print(json.dumps(summary(counts)), flush=True)


if __name__ == "__main__":
    main(
        sys.argv[1],
        sys.argv[2],
        int(sys.argv[3]),
        float(sys.argv[4]),
        float(sys.argv[5]),
        rewards="rewards" in sys.argv[6:],
    )
