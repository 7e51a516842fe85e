"""Reading bodies into values; what is wrong with a spec becomes one sentence that names the field."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from mlwright.api.fields import Schema
from mlwright.constants import ANNOTATION_APPROVE, LABEL_OWNER, LABEL_OWNER_KIND
from mlwright.controller.reconciler import CacheView
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import digest
from mlwright.plan.frozen import Frozen
from mlwright.plan.pods import moment
from mlwright.plan.resources import CONTROLLER_REVISION, TRAINING_RUN, Body
from mlwright.plan.versions import DataRead, VersionSeen
from mlwright.planners import gates
from mlwright.planners.approval import approval_of

S = TypeVar("S", bound=Schema)

MOST_DIGITS: Final = 9
"""Digits of a number in a name; a status could not hold many more."""
LONGEST_TOKEN: Final = 253
"""Characters of an annotation's value that a record can hold."""


def spec(kind: type[S], body: Body) -> S:
    """Parse the spec of an object.

    Raises:
        InvalidSpecError: names the first field that is wrong. Admission refuses most of it; an older CRD or a
        free-typed place may not.
    """
    try:
        return kind.model_validate(body.get("spec") or {})
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise InvalidSpecError(f"spec.{path}", f"{first['msg']}; correct the field") from error


def number_after(prefix: str, name: str, longest: int = MOST_DIGITS) -> int:
    """Return the number with which a name ends behind a prefix; 0 for a name of another form.

    >>> number_after("flights-v", "flights-v12"), number_after("flights-v", "flights-v012")
    (12, 0)
    """
    digits = name[len(prefix) :] if name.startswith(prefix) else ""
    plain = digits.isascii() and digits.isdigit() and len(digits) <= longest and not digits.startswith("0")
    return int(digits) if plain else 0


def annotation(body: Body, name: str) -> str:
    """Return the value of an annotation, empty without one; of a value too long for a record, its digest."""
    value = str((body["metadata"].get("annotations") or {}).get(name, ""))
    return value if len(value) <= LONGEST_TOKEN else digest({name: value})


def zoned(told: object) -> datetime | None:
    """Return the moment that a free-typed place holds; None unless it is a text that tells its time zone too.

    The first and the last year are none: in other time zones their ends do not exist.

    >>> zoned("2026-01-05T12:00:00Z").isoformat(), zoned("2026-01-05T12:00:00"), zoned(1767614400)
    ('2026-01-05T12:00:00+00:00', None, None)
    >>> zoned("2026-01-05T12:00:00+25:00"), zoned("0001-01-01T00:00:00+01:00"), zoned("9999-12-31T23:59:59-05:00")
    (None, None, None)
    """
    try:
        read = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo is not None and MINYEAR < read.year < MAXYEAR else None


def frozen(run: str, namespace: str, cache: CacheView) -> Frozen | None:
    """Return what a run froze, None when it has not yet.

    A ControllerRevision of that name that belongs to somebody else is not it; making the run's own then fails as a
    name conflict.
    """
    body = cache.get(CONTROLLER_REVISION, namespace, run)
    labels = body["metadata"].get("labels") or {} if body else {}
    if body is None or (labels.get(LABEL_OWNER_KIND), labels.get(LABEL_OWNER)) != (TRAINING_RUN.name, run):
        return None
    return Frozen.read(body["data"])


def version_seen(body: Body) -> VersionSeen:
    """Return a ModelVersion as planners see it."""
    content: dict[str, Any] = body["spec"]
    lineage, verdict = content.get("lineage") or {}, content.get("verdict") or {}
    created = body["metadata"].get("creationTimestamp")
    return VersionSeen(
        name=body["metadata"]["name"],
        number=content["version"],
        passed=verdict.get("outcome", "Passed") != "Rejected",
        run=lineage.get("run", ""),
        sentence=gates.summary(tuple(verdict.get("gates") or ())),
        uri=content["bundle"]["uri"],
        digest=content["bundle"]["digest"],
        storage=content["bundle"].get("storage") or {},
        folder=lineage.get("folder", ""),
        pipeline=lineage.get("pipeline", ""),
        template_digest=lineage.get("templateDigest", ""),
        gates=tuple(verdict.get("gates") or ()),
        dataset=lineage.get("dataset") or {},
        approval=approval_of(body["metadata"]["name"], content, annotation(body, ANNOTATION_APPROVE)),
        data=data_read(lineage.get("dataset")),
        uid=body["metadata"].get("uid", ""),
        resource_version=body["metadata"].get("resourceVersion", ""),
        created=moment(created) if created else None,
        leaving="deletionTimestamp" in body["metadata"],
    )


def data_read(record: dict[str, Any] | None) -> DataRead | None:
    """Return what the record of a dataset says of its source; None for one without a revision."""
    found = record or {}
    if not found.get("revision"):
        return None
    return DataRead(found.get("uri", ""), found["revision"], found.get("sourceRows") or 0)
