"""API servers to measure on: with our CRDs, and with an audit log where calls are counted by who made them."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from cluster.apiserver import ApiServer
from tests.support.apiserver import APPLY, CRDS, Client, definitions
from tests.support.waiting import eventually

POLICY: Final = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n"
AGENTS: Final = ("mlwright", "kopf")
READS: Final = frozenset({"get", "list", "watch"})


@contextmanager
def server(*arguments: str) -> Iterator[ApiServer]:
    """Start an API server with our CRDs."""
    with ApiServer(arguments=arguments) as running:
        client = Client(running)
        for definition in definitions():
            path = f"{CRDS}/{definition['metadata']['name']}"
            client.request("PATCH", path, definition, kind=APPLY, fieldManager="bench", force="true")
            eventually(partial(_established, client, path), f"{path} is established", 60)
        yield running


def _established(client: Client, path: str) -> bool | None:
    conditions = client.request("GET", path).body.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions) or None


@contextmanager
def audited() -> Iterator[tuple[ApiServer, Audit]]:
    """Start an API server that writes down every call."""
    with tempfile.TemporaryDirectory() as folder:
        policy, log = Path(folder, "policy.yaml"), Path(folder, "audit.log")
        policy.write_text(POLICY)
        with server(f"--audit-policy-file={policy}", f"--audit-log-path={log}", "--audit-log-mode=blocking") as running:
            yield running, Audit(log)


class Audit:
    """Counts the operator's calls, as the API server saw them."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0

    def since_last(self) -> Counter[str]:
        """Return what the operator called since the last question, as `verb resource`."""
        found: Counter[str] = Counter()
        with self._log.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                event = json.loads(line)
                if event.get("userAgent", "").startswith(AGENTS):
                    found[_what(event)] += 1
        return found


def _what(event: dict[str, dict[str, str]]) -> str:
    about = event.get("objectRef") or {}
    subresource = f"/{about['subresource']}" if about.get("subresource") else ""
    return f"{event['verb']} {about.get('resource', '')}{subresource}"


def writes(calls: Counter[str]) -> Counter[str]:
    """Return the writes among calls; renewals of the Lease and Events are told apart from them."""
    return Counter(
        {
            what: number
            for what, number in calls.items()
            if what.split()[0] not in READS and not what.endswith((" leases", " events"))
        }
    )
