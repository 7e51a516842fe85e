"""Asking a served model for predictions, as a client that knows the protocol and nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.apiserver import Json

CUSTOMER: Mapping[str, tuple[str, Any]] = {
    "age": ("INT64", 44),
    "months": ("INT64", 2),
    "plan": ("BYTES", "basic"),
    "calls": ("FP64", 9.5),
    "active": ("BOOL", False),
    "balance": ("FP64", None),
}
"""A customer who is likely to leave, and to spend little."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer over HTTP."""

    status: int
    body: Json

    def output(self, name: str) -> list[Any]:
        """Return the values of one output."""
        values: list[Any] = next(output["data"] for output in self.body["outputs"] if output["name"] == name)
        return values


def question(rows: Mapping[str, tuple[str, Any]] = CUSTOMER, **changed: Any) -> Json:
    """Return a request of one row; `changed` are other values."""
    inputs = [
        {"name": name, "datatype": datatype, "shape": [1, 1], "data": [changed.get(name, value)]}
        for name, (datatype, value) in rows.items()
    ]
    return {"inputs": inputs}


def ask(url: str, body: Json | None = None) -> Reply:
    """GET an address, or POST a body to it."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the address is the test's own
            return Reply(answer.status, json.loads(answer.read() or b"{}"))
    except urllib.error.HTTPError as refused:
        return Reply(refused.code, json.loads(refused.read()))
