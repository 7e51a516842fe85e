"""The reference pages, written from the generated schemas and from the reasons, so that they cannot fall behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlwright.api.crds.constraints import JsonSchema
from mlwright.api.crds.definition import definition
from mlwright.api.kinds import API_VERSION, KINDS, Kind
from mlwright.api.reasons import Reason

_NOTICE = "<!-- Generated from the code by `make generate`; do not edit. -->"

_REFERENCE_HEAD = f"""{_NOTICE}

# Field reference

All kinds belong to `{API_VERSION}` and live in a namespace. Ask the cluster for the same text with
`kubectl explain KIND.spec --recursive`. A path that ends in `[]` is an item of a list, one that ends in `{{}}` a value
of a map. Required fields are marked with `*`; a field without a default that is absent is as its description says.
Rules that span fields are checked at admission and stand below the tables, with the message that a violation gets.
"""

_CONDITIONS_HEAD = f"""{_NOTICE}

# Conditions and reasons

Every object that mlwright works on has the condition `Ready`. `Reconciling` is there only while work is going on,
`Stalled` only while a person must act; each names the generation of the spec that it judged. TrainingRun ends with
`Complete` or `Failed`. The message of a condition is a sentence that says what happened and what to do;
`status.summary` holds the most important one, and `status.history` the last changes.

```
kubectl wait --for=condition=Ready modeldeployment/NAME
kubectl wait --for=condition=Complete trainingrun/NAME
```

| reason | meaning |
|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One field as the reference shows it."""

    path: str
    type: str
    bounds: str
    default: str
    description: str

    def __str__(self) -> str:
        """Return the row of the table."""
        cells = (f"`{self.path}`", self.type, self.bounds, self.default, self.description)
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def reference_page() -> str:
    """Return the page with all fields of all kinds."""
    return "\n".join([_REFERENCE_HEAD, *(_kind(kind) for kind in KINDS.values())])


def conditions_page() -> str:
    """Return the page with all reasons, in the order of the enum."""
    return _CONDITIONS_HEAD + "".join(f"| `{reason.value}` | {reason.sentence} |\n" for reason in Reason)


def fields(schema: JsonSchema, prefix: str = "") -> Iterator[Row]:
    """Yield every field below a schema, parents first."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield _row(path + ("*" if name in required else ""), field)
        yield from _below(field, path)


def rules(schema: JsonSchema, path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, message) of every rule at or below a schema."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from rules(field, f"{path}.{name}")
    if "items" in schema:
        yield from rules(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from rules(schema["additionalProperties"], f"{path}{{}}")


def _below(field: JsonSchema, path: str) -> Iterator[Row]:
    if "items" in field:
        yield from fields(field["items"], f"{path}[].")
    elif "additionalProperties" in field:
        yield from fields(field["additionalProperties"], f"{path}{{}}.")
    else:
        yield from fields(field, f"{path}.")


def _row(path: str, field: JsonSchema) -> Row:
    default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
    return Row(path, _type(field), _bounds(field), default, field["description"])


def _type(field: JsonSchema) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "items" in field:
        key = field.get("x-kubernetes-list-map-keys")
        kind = "set" if field["x-kubernetes-list-type"] == "set" else "list"
        return f"{kind} of {_type(field['items'])}" + (f", by {key[0]}" if key else "")
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field.get("x-kubernetes-preserve-unknown-fields"):
        return "any object"
    return {"string": "text", "integer": "whole number"}.get(field["type"], str(field["type"]))


def _bounds(field: JsonSchema) -> str:
    parts = []
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None:
        parts.append(f"{'>' if field.get('exclusiveMinimum') else '>='} {low}")
    if high is not None:
        parts.append(f"{'<' if field.get('exclusiveMaximum') else '<='} {high}")
    for unit, keyword in (("characters", "Length"), ("items", "Items"), ("entries", "Properties")):
        if f"max{keyword}" in field and "pattern" not in field:
            parts.append(f"{field.get(f'min{keyword}', 0)} to {field[f'max{keyword}']} {unit}")
    if "pattern" in field:
        parts.append(f"`{field['pattern']}`, at most {field['maxLength']}")
    return ", ".join(parts)


def _kind(kind: Kind) -> str:
    root = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    lines = [f"## {kind.name}", "", kind.description, "", f"Short name `{kind.short}`, plural `{kind.plural}`."]
    for part in ("spec", "status"):
        if part in root["properties"]:
            lines += ["", f"### {kind.name}.{part}", "", *_table(fields(root["properties"][part]))]
    if found := list(rules(root, kind.name)):
        lines += ["", f"### Rules of {kind.name}", "", "| at | message |", "|---|---|"]
        lines += [f"| `{path}` | {message} |" for path, message in found]
    return "\n".join([*lines, ""])


def _table(rows: Iterable[Row]) -> list[str]:
    return ["| field | type | bounds | default | description |", "|---|---|---|---|---|", *map(str, rows)]
