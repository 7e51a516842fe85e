"""From a kind to its CustomResourceDefinition, as data and as text."""

from __future__ import annotations

import re
from typing import Any

import yaml

from mlwright.api.crds.constraints import JsonSchema
from mlwright.api.crds.refusal import RefusedModelError
from mlwright.api.crds.schema import object_schema, validations
from mlwright.api.fields import Rule
from mlwright.api.kinds import CATEGORY, GROUP, VERSION, Kind

# Half of what etcd takes by default, and what `kubectl apply` can still keep in its annotation.
MAX_BYTES = 256 * 1024

NAME_PATTERN = "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"
NAME_RULE = Rule(
    f"self.metadata.name.matches('{NAME_PATTERN}')",
    "metadata.name must begin with a letter and hold at most 40 lower-case letters, digits and '-':"
    " names of pods and services are made from it",
)


def definition(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind.

    Raises:
        RefusedModelError: when its models say what a CRD cannot say.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "mlwright", "app.kubernetes.io/part-of": "mlwright"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": _names(kind),
            "versions": [_version(kind)],
        },
    }


def file_name(kind: Kind) -> str:
    """Return the name of the file that holds the definition."""
    return f"{GROUP}_{kind.plural}.yaml"


def text(kind: Kind) -> str:
    """Return the definition as YAML; the same models always give the same text.

    Raises:
        RefusedModelError: when it is too large to be stored and applied comfortably.
    """
    written = yaml.safe_dump(definition(kind), sort_keys=False, width=110, allow_unicode=True)
    if len(written.encode()) >= MAX_BYTES:
        raise RefusedModelError(kind.name, f"the CRD has {len(written.encode())} bytes, {MAX_BYTES} are allowed")
    return f"# Generated from the models by `make generate`; do not edit.\n{written}"


def _names(kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": [kind.short],
        "categories": [CATEGORY],
    }


def _version(kind: Kind) -> dict[str, Any]:
    version: dict[str, Any] = {"name": VERSION, "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": _root(kind)}
    if subresources := _subresources(kind):
        version["subresources"] = subresources
    version["additionalPrinterColumns"] = _columns(kind)
    return version


def _root(kind: Kind) -> JsonSchema:
    properties: JsonSchema = {
        "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
        "kind": {"type": "string", "description": f"{kind.name}."},
        "metadata": {"type": "object"},
        "spec": {
            "description": _summary(kind.spec.__doc__, kind.name),
            **object_schema(kind.spec, f"{kind.name}.spec", defaults=True),
        },
    }
    if kind.status is not None:
        properties["status"] = {
            "description": _summary(kind.status.__doc__, kind.name),
            **object_schema(kind.status, f"{kind.name}.status", defaults=False),
        }
    rules = (NAME_RULE,) if kind.written_by_people else ()
    root = {"type": "object", "description": kind.description, "properties": properties, "required": ["spec"]}
    return root | validations(rules, kind.name)


def _summary(docstring: str | None, path: str) -> str:
    if not docstring:
        raise RefusedModelError(path, "the models of spec and status need a docstring: kubectl explain shows it")
    return " ".join(docstring.split())


def _subresources(kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = {} if kind.status is None else {"status": {}}
    if kind.scale:
        found["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    return found


def _columns(kind: Kind) -> list[dict[str, Any]]:
    root = _root(kind)
    for column in kind.columns:
        _refuse_unknown_path(column.path, root, kind.name)
    return [
        {"name": column.name, "type": column.type, "jsonPath": column.path, "description": column.description}
        | ({"priority": column.priority} if column.priority else {})
        for column in kind.columns
    ]


def _refuse_unknown_path(path: str, root: JsonSchema, name: str) -> None:
    """Raise when a printer column shows a field that the schema does not have."""
    fields = re.sub(r"\[[^]]*\]", "", path).strip(".").split(".")
    node = root
    for field in [] if fields[0] == "metadata" else fields:
        node = node.get("items", node)
        if field not in node.get("properties", {}):
            raise RefusedModelError(name, f"the printer column {path} shows a field that does not exist")
        node = node["properties"][field]
