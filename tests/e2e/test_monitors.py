"""What a monitor does beside asking for a run: a version that answers wrongly goes back, broken rows are told."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa
import pytest

from tests.e2e.test_drift import asked, body
from tests.support.apiserver import Json
from tests.support.asking import ask
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import FEATURES, claim, config_map, deployment, monitor, pipeline, secret
from tests.support.release import Release

ROWS = 3000
LABELLED = 300
FEEDBACK: Json = {"enabled": True, "keySecretRef": {"name": "labels"}, "labelWindow": "1h"}
BACK: Json = {"name": "back", "when": ["Performance"], "type": "Rollback"}


def test_wrong_answers_send_a_version_back_and_broken_rows_are_told(live: Live, release: Release) -> None:
    """Labels that come late prove that version 2 errs; version 1 serves again. A field that is left out is told."""
    usual = customers(ROWS).select([*FEATURES, "churned"])
    live.apply(config_map("customers", {"customers.csv": csv(usual)}), claim("store"))
    live.apply(secret("labels", {"key-1": os.urandom(32)}))
    live.apply(
        pipeline(
            *("churn", "configmap://customers/customers.csv"),
            artifacts={"uri": "pvc://store/models"},
            evaluation={"metrics": ["accuracy"]},
        ),
        deployment("churn", "churn", server={"drain": "0s"}, feedback=FEEDBACK),
    )
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves with 1 of 1 pods ready")
    live.apply(second(live))
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v2 serves with 1 of 1 pods ready")

    with receiver(release) as (url, events):
        live.apply(watching(url))
        with asked(live, "usual", usual, release):
            told(live, "Drifted", "False", "churn-v2 has not drifted")
            estimate = live.status("DriftMonitor", "churn")["estimate"]
            label_wrongly(live, usual)
            degraded = told(live, "PerformanceDegraded", "True", "churn-v2 answers worse than it was evaluated")
            live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves with 1 of 1 pods ready")
        unknown = usual.set_column(usual.column_names.index("balance"), "balance", pa.nulls(ROWS, pa.float64()))
        with asked(live, "broken", unknown, release):
            broken = told(live, "QualityDegraded", "True", "churn-v1 is asked with broken values: balance: 1")
            live.until("the receiver was told", lambda: events or None, seconds=90)

    decisions = {one["spec"]["type"]: one["spec"] for one in live.all("Decision")}
    assert "0.0 % were right" in degraded
    assert estimate["estimated"] == pytest.approx(estimate["evaluated"], abs=0.1)
    assert decisions["Rollback"]["sentence"].startswith("churn-v2 is sent back to churn-v1: of 300 answers")
    assert "missing" in broken
    assert events[0]["type"] == "dev.mlwright.drift.found"
    assert events[0]["data"]["quality"][0]["name"] == "balance"
    assert decisions["Notify"]["sentence"] == events[0]["data"]["sentence"]


def second(live: Live) -> Json:
    """Return a second version of the model, of the same bundle and with the same evaluation."""
    first = live.there("ModelVersion", "churn-v1")
    spec = {**first["spec"], "version": 2}
    return {"apiVersion": first["apiVersion"], "kind": "ModelVersion", "metadata": {"name": "churn-v2"}, "spec": spec}


def watching(url: str) -> Json:
    """Return a monitor with windows of ten seconds, which sends back and tells at once."""
    at_once = {"persistence": {"required": 1, "of": 1}}
    return monitor(
        "churn",
        windows={"slow": {"length": "10s", "every": "10s"}},
        checks=[
            {"name": "data", "type": "DataDrift", "dataDrift": at_once},
            {"name": "whole", "type": "Quality", "quality": at_once},
            {"name": "truth", "type": "Performance"},
        ],
        independentRows=True,
        actions=[BACK, {"name": "tell", "when": ["Quality"], "type": "Notify", "notify": {"url": f"{url}/drift"}}],
    )


def label_wrongly(live: Live, table: Any) -> None:
    """Ask about some rows, and tell of each answer that the other one was right."""
    with live.port_forward("service/churn", 80) as url:
        reply = ask(f"{url}/v2/models/churn/infer", body(table.slice(0, LABELLED)))
        wrong = [not answer for answer in reply.output("label")]
        known = {"prediction_id": reply.body["parameters"]["prediction_id"], "labels": wrong}
        assert ask(f"{url}/v2/models/churn/feedback", known).status == 200


def told(live: Live, type_: str, status: str, part: str) -> str:
    """Wait until the monitor says something; return the sentence."""

    def look() -> str | None:
        conditions = live.status("DriftMonitor", "churn").get("conditions") or ()
        found = (one for one in conditions if (one["type"], one["status"]) == (type_, status))
        return next((one["message"] for one in found if part in one["message"]), None)

    return live.until(part, look, seconds=120)


@contextmanager
def receiver(release: Release) -> Iterator[tuple[str, list[Json]]]:
    """Listen where the pods of the cluster may ask; what was told is added to the list."""
    url, events = release.receiver, []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    host, port = url.removeprefix("http://").split(":")
    with ThreadingHTTPServer((host, int(port)), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield url, events
        server.shutdown()
        thread.join(20)
