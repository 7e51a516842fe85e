"""Reading bodies into values; what is wrong with a spec becomes one sentence that names the field."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from mlwright.api.fields import Schema
from mlwright.errors import InvalidSpecError
from mlwright.plan.resources import Body
from mlwright.plan.training import VersionSeen
from mlwright.planners import gates

S = TypeVar("S", bound=Schema)


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


def annotation(body: Body, name: str) -> str:
    """Return an annotation, empty without one."""
    return str((body["metadata"].get("annotations") or {}).get(name, ""))


def version_seen(body: Body) -> VersionSeen:
    """Return a ModelVersion as planners see it."""
    content: dict[str, Any] = body["spec"]
    lineage, verdict = content.get("lineage") or {}, content.get("verdict") or {}
    return VersionSeen(
        name=body["metadata"]["name"],
        number=content["version"],
        passed=verdict.get("outcome", "Passed") == "Passed",
        run=lineage.get("run", ""),
        sentence=gates.summary(tuple(verdict.get("gates") or ())),
        uri=content["bundle"]["uri"],
        digest=content["bundle"]["digest"],
        pipeline=lineage.get("pipeline", ""),
        template_digest=lineage.get("templateDigest", ""),
    )
