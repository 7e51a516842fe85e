"""What is: status, why, history. Read from the objects alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mlwright.api.kinds import KINDS
from mlwright.cli.answers import Answer, table
from mlwright.cli.kubectl import Body, Kubectl

LAST: Final = 5
"""Transitions and decisions that `why` shows."""


def overview(kubectl: Kubectl) -> Answer:
    """Return how everything in the namespace is, one line each."""
    kinds = ("TrainingPipeline", "ModelDeployment")
    found = [brief(body) for kind in kinds for body in kubectl.all(kind)]
    if not found:
        return Answer("nothing of mlwright is in this namespace", {"objects": []})
    rows = [(f"{KINDS[one['kind']].short}/{one['name']}", one["ready"], one["summary"]) for one in found]
    return Answer(table([("NAME", "READY", "SUMMARY"), *rows], indent=""), {"objects": found})


def status(body: Body) -> Answer:
    """Return how one object is."""
    told = body.get("status") or {}
    lines = [f"{body['kind']} {body['metadata']['name']}: {_states(told)}", f"  {told.get('summary', 'nothing yet')}"]
    lines += [table(_variants(told))] if told.get("variants") else []
    lines += [f"  rollout: {_stages(told['rollout'])}"] if told.get("rollout") else []
    checks = (told.get("candidate") or {}).get("checks") or ()
    lines += [table([(one["name"], one["verdict"], one["sentence"]) for one in checks])] if checks else []
    shown = {key: told[key] for key in ("stable", "candidate", "rollout", "variants", "lastRun", "url") if key in told}
    return Answer("\n".join(lines), brief(body) | {"conditions": told.get("conditions", [])} | shown)


def why(body: Body, decisions: Iterable[Body]) -> Answer:
    """Return why an object is as it is: its conditions, its last transitions, and what was decided last."""
    told = body.get("status") or {}
    conditions = [_condition(condition) for condition in told.get("conditions") or ()]
    past = [(one["time"], one["reason"], one["sentence"]) for one in (told.get("history") or ())[-LAST:]]
    decided = [_decided(decision) for decision in in_order(decisions)][-LAST:]
    lines = [f"{body['kind']} {body['metadata']['name']}: {told.get('summary', 'nothing yet')}"]
    for title, rows in (("conditions", conditions), ("what happened", past), ("what was decided", decided)):
        lines += [f"{title}:", table(rows)] if rows else []
    data = {"conditions": told.get("conditions", []), "history": past, "decisions": decided}
    return Answer("\n".join(lines), brief(body) | data)


def history(body: Body, decisions: Iterable[Body]) -> Answer:
    """Return what was decided about an object, and the transitions that its status still tells, the oldest first."""
    decided = [_decided(decision) for decision in decisions]
    past = [(one["time"], one["reason"], one["sentence"]) for one in (body.get("status") or {}).get("history") or ()]
    rows = sorted((*decided, *past))
    data = {"events": [dict(zip(("time", "what", "sentence"), row, strict=True)) for row in rows]}
    return Answer(table(rows, indent="") if rows else "nothing has happened yet", brief(body) | data)


def brief(body: Body) -> dict[str, Any]:
    """Return what every answer holds of an object."""
    told = body.get("status") or {}
    meta = body["metadata"]
    ready = next((c["status"] for c in told.get("conditions") or () if c["type"] == "Ready"), "Unknown")
    named = {"kind": body["kind"], "namespace": meta.get("namespace", ""), "name": meta["name"]}
    return named | {"ready": ready, "summary": told.get("summary", "")}


def about(body: Body, decisions: Iterable[Body]) -> list[Body]:
    """Return the decisions about an object."""
    subject = {"kind": body["kind"], "name": body["metadata"]["name"]}
    return [decision for decision in decisions if decision["spec"]["subjectRef"] == subject]


def in_order(decisions: Iterable[Body]) -> list[Body]:
    """Return decisions by the time when they were recorded."""
    return sorted(decisions, key=lambda one: (one["metadata"].get("creationTimestamp", ""), one["metadata"]["name"]))


def _decided(decision: Body) -> tuple[str, str, str]:
    spec = decision["spec"]
    who = f" (by {spec['by']})" if spec.get("by", "mlwright") != "mlwright" else ""
    return decision["metadata"].get("creationTimestamp", ""), spec["type"], f"{spec['sentence']}{who}"


def _condition(condition: Body) -> tuple[str, str, str]:
    return condition["type"], condition["status"], f"{condition['reason']}: {condition['message']}"


def _states(told: Body) -> str:
    found = (f"{c['type']} {c['status']} ({c['reason']})" for c in told.get("conditions") or ())
    return ", ".join(found) or "not looked at yet"


def _variants(told: Body) -> list[tuple[str, ...]]:
    head = ("VARIANT", "VERSION", "REVISION", "WEIGHT", "PODS")
    return [
        head,
        *((v["name"], v["version"], v["revision"], f"{v['weight']} %", v["sentence"]) for v in told["variants"]),
    ]


def _stages(rollout: Body) -> str:
    """Return the stages of a rollout, the one that it is at in brackets."""
    names = [stage["name"] for stage in rollout["stages"]]
    at = rollout["stage"]
    return " -> ".join([*names[:at], f"[{names[at]}]", *names[at + 1 :]])
