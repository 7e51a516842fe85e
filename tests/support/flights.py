"""Prediction requests for the flight bundle, right in everything but what a test changes."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

RIGHT: dict[str, tuple[str, list[Any]]] = {
    "distance": ("FP64", [1400.0, 200.5]),
    "dep_hour": ("INT64", [7, 21]),
    "weekend": ("BOOL", [False, True]),
    "carrier": ("BYTES", ["UA", "ZZ"]),
}


def tensor(name: str, **changes: object) -> Json:
    """One input of two rows; `changes` replace members, None removes them."""
    datatype, data = RIGHT[name]
    members: Json = {"name": name, "shape": [2, 1], "datatype": datatype, "data": data, **changes}
    return {member: value for member, value in members.items() if value is not None}


def request(*changed: Json, without: str = "", **members: object) -> Json:
    """A request with all four inputs; `changed` replace those of the same name, `members` are added."""
    inputs = {name: tensor(name) for name in RIGHT if name != without} | {one["name"]: one for one in changed}
    return {"inputs": list(inputs.values()), **members}
