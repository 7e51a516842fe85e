"""Ask a model for predictions without pause: keep-alive connections, no retries, every failure counted.

Runs inside the cluster, with nothing but the standard library:

    python load.py URL REQUEST.json CONNECTIONS SECONDS PAUSE

Between two requests of a connection lie PAUSE seconds: steady load, not a race for the last core. It stops by itself
after SECONDS, or as soon as the file /tmp/stop appears, and prints one line of JSON:
`{"requests": n, "failed": n, "failures": {sentence: n}, "outages": n, "failedSeconds": x, "versions": {version: n},
"p50Ms": x, "p99Ms": x}`. Failures of a connection in a row are one outage; `failedSeconds` lie between the first and
the last failure of all.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

STOP = Path("/tmp/stop")  # noqa: S108  # agreed with whoever started us; the pod is ours alone


@dataclass(slots=True)
class Count:
    """What one connection saw."""

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


def ask(connection: http.client.HTTPConnection, path: str, body: bytes, count: Count) -> None:
    """Send one request and count what came back; a connection that broke is opened again for the next one."""
    began = time.perf_counter()
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        count.fail(f"{type(error).__name__}: {error}")
        connection.close()
        return
    count.seconds.append(time.perf_counter() - began)
    if answer.status == http.client.OK:
        count.versions[str(json.loads(content).get("model_version"))] += 1
        count.failing = False
    else:
        count.fail(f"status {answer.status}: {content[:200].decode(errors='replace')}")


def work(url: str, body: bytes, until: float, pause: float, count: Count) -> None:
    """Ask again and again over one keep-alive connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    while time.monotonic() < until and not STOP.exists():
        ask(connection, f"{parts.path}/infer", body, count)
        time.sleep(pause)
    connection.close()


def summary(counts: list[Count]) -> dict[str, object]:
    """Add up all connections."""
    seconds = sorted(second for count in counts for second in count.seconds)
    failures = sum((count.failures for count in counts), Counter())
    versions = sum((count.versions for count in counts), Counter())
    failed_at = [moment for count in counts for moment in count.failed_at]
    return {
        "requests": len(seconds) + sum(n for why, n in failures.items() if not why.startswith("status")),
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


def main(url: str, request: str, connections: int, seconds: float, pause: float) -> None:
    """Run the load and print the summary."""
    body = Path(request).read_bytes()
    counts = [Count() for _ in range(connections)]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=work, args=(url, body, until, pause, count)) for count in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(summary(counts)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
