"""Whether a child already is as its builder says, so that nothing needs to be sent. Pure.

Two checks, as each misses what the other sees: the hash of the body that was applied last tells that a field was
removed from the body since; the comparison with the live object tells that somebody edited the child.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json

from mlwright.constants import ANNOTATION_APPLIED
from mlwright.plan import quantities
from mlwright.plan.resources import Body

_AMOUNTS: Final = frozenset({"requests", "limits", "sizeLimit"})
"""Fields that hold quantities, which the API server writes in its own way."""


def fingerprint(body: Body) -> str:
    """Return the hash of a desired body.

    Left out is what other means look after: owner references (adoption), uid, and the number of pods, which is in
    the body only when a Deployment is created.
    """
    metadata = {k: v for k, v in body["metadata"].items() if k not in {"uid", "ownerReferences"}}
    spec = {k: v for k, v in (body.get("spec") or {}).items() if k != "replicas"}
    content = to_json(_sorted(body | {"metadata": metadata, "spec": spec}))
    return hashlib.sha256(content).hexdigest()[:16]


def _sorted(value: Any) -> Any:  # JSON
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(entry) for entry in value]
    return value


def stamped(body: Body) -> Body:
    """Return the body with the annotation that holds its fingerprint."""
    stamp = copy.copy(body)
    annotations = {**(body["metadata"].get("annotations") or {}), ANNOTATION_APPLIED: fingerprint(body)}
    stamp["metadata"] = {**body["metadata"], "annotations": annotations}
    return stamp


def same_intent(live: Body, wanted: Body) -> bool:
    """Tell whether the live object was last applied from this very body."""
    applied = (live["metadata"].get("annotations") or {}).get(ANNOTATION_APPLIED)
    return bool(applied == fingerprint(wanted))


def as_wanted(live: Body, wanted: Body) -> bool:
    """Tell whether nothing needs to be sent."""
    metadata = {k: v for k, v in wanted["metadata"].items() if k not in {"uid", "ownerReferences"}}
    return same_intent(live, wanted) and covers(live, wanted | {"metadata": metadata})


def covers(live: Any, wanted: Any, *, amount: bool = False) -> bool:  # JSON
    """Tell whether every field that is wanted is live with the same value.

    Live objects hold more: defaults, and what others added. An empty value (`{}`, `[]`, `""`, 0, false) and an absent
    one are the same, because the API server leaves empty ones out. Entries with unique names are matched by name;
    other lists by position.

    >>> covers({"spec": {"cpu": "500m", "kind": "default"}}, {"spec": {"cpu": "0.5"}})
    False
    >>> covers({"limits": {"cpu": "500m"}, "kind": "default"}, {"limits": {"cpu": "0.5"}})
    True
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping | None) and _covers_fields(live or {}, wanted, amount=amount)
    if isinstance(wanted, list | tuple):
        return isinstance(live, Sequence | None) and _covers_entries(live or (), wanted)
    if live is None or wanted is None:
        return not live and not wanted
    return bool(live == wanted) or (amount and _same_amount(str(live), str(wanted)))


def _covers_fields(live: Mapping[str, Any], wanted: Mapping[str, Any], *, amount: bool) -> bool:
    return all(covers(live.get(key), value, amount=amount or key in _AMOUNTS) for key, value in wanted.items())


def _covers_entries(live: Sequence[Any], wanted: Sequence[Any]) -> bool:
    names = _names(wanted)
    if names and (known := _names(live)):
        return all(name in known and covers(known[name], entry) for name, entry in names.items())
    return len(live) == len(wanted) and all(covers(old, new) for old, new in zip(live, wanted, strict=True))


def _names(entries: Sequence[Any]) -> dict[str, Any]:
    """Return entries by name; empty unless each has one of its own."""
    named = {
        entry["name"]: entry for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
    }
    return named if len(named) == len(entries) else {}


def _same_amount(live: str, wanted: str) -> bool:
    amount = quantities.parse(live)
    return amount is not None and amount == quantities.parse(wanted)
