"""Which model is in a folder: a bundle of ours, a model that MLflow saved, or one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml

from mlwright.bundle.manifest import MANIFEST, Datatype, Tensor
from mlwright.trainer.errors import UserError
from mlwright.trainer.imports.fetching import URI

MLMODEL: Final = "MLmodel"
LARGEST_TEXT: Final = 1 << 20
"""Bytes of a description that is read; those of MLflow have some kilobytes."""
_SIGNED: Final[Mapping[str, Datatype]] = {
    "double": Datatype.FP64,
    "float": Datatype.FP64,
    "long": Datatype.INT64,
    "integer": Datatype.INT64,
    "boolean": Datatype.BOOL,
    "string": Datatype.BYTES,
}
"""Types of columns in a signature of MLflow."""
_SUFFIXES: Final = {".onnx": "Onnx", ".skops": "Skops", ".pkl": "Pickle", ".pickle": "Pickle", ".joblib": "Pickle"}
_KNOWN: Final = "a bundle, a model that MLflow saved with its flavor onnx or sklearn, or one file .onnx or .skops"


class Kind(StrEnum):
    """How a model is read."""

    BUNDLE = "Bundle"
    ONNX = "Onnx"
    SKOPS = "Skops"
    PICKLE = "Pickle"


@dataclass(frozen=True, slots=True)
class Found:
    """A model, and what stands beside it."""

    kind: Kind
    path: Path
    flavor: str
    columns: tuple[Tensor, ...] = ()
    """Its inputs as its signature names them; empty when it has none of columns."""
    rows: tuple[Mapping[str, Any], ...] = ()
    """Its input example."""
    made_with: str = ""
    """Release of scikit-learn that saved it, as far as it says."""


def find(folder: Path) -> Found:
    """Find the model in a folder.

    Raises:
        UserError: There is none of a form that is known, or more than one.
    """
    for place in (folder, folder / "bundle"):
        if (place / MANIFEST).is_file():
            return Found(Kind.BUNDLE, place, "mlwright")
    if (folder / MLMODEL).is_file():
        return _saved(folder)
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
    if len(files) != 1:
        said = "holds no model" if not files else f"holds {len(files)} models"
        raise UserError(URI, said, f"take in {_KNOWN}")
    kind = Kind(_SUFFIXES[files[0].suffix.lower()])
    return Found(kind, files[0], str(kind).lower())


def _saved(folder: Path) -> Found:
    described = _described(folder / MLMODEL)
    flavors = described.get("flavors")
    flavors = flavors if isinstance(flavors, Mapping) else {}
    if "onnx" in flavors:
        kind, flavor, name = Kind.ONNX, "onnx", str(flavors["onnx"].get("data", "model.onnx"))
    elif "sklearn" in flavors:
        kind, flavor, name = _sklearn(flavors["sklearn"])
    else:
        names = ", ".join(str(name) for name in flavors) or "none"
        wrapped = "; docs/mlflow.md shows how to wrap a python_function" if "python_function" in flavors else ""
        raise UserError(URI, f"is a model with the flavors {names[:200]}", f"take in {_KNOWN}{wrapped}")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise UserError(URI, f"{MLMODEL} names a file that is not there", "log the model anew")
    made = str((flavors.get("sklearn") or {}).get("sklearn_version", ""))
    return Found(kind, path, flavor, _columns(described), _example(folder, described), made)


def _sklearn(flavor: Mapping[str, Any]) -> tuple[Kind, str, str]:
    form = str(flavor.get("serialization_format", "pickle"))
    name = str(flavor.get("pickled_model", "model.skops" if form == "skops" else "model.pkl"))
    return (Kind.SKOPS if form == "skops" else Kind.PICKLE), f"sklearn ({form})", name


def _described(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(_text(path))
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise UserError(URI, f"{MLMODEL} does not describe a model", "log the model anew")
    return found


def _columns(described: Mapping[str, Any]) -> tuple[Tensor, ...]:
    """The inputs of a signature of columns; none of one of tensors, which has no names that could be asked for."""
    signature = described.get("signature")
    listed = _parsed(signature.get("inputs")) if isinstance(signature, Mapping) else None
    columns = [entry for entry in listed or [] if isinstance(entry, dict)]
    if not columns or any(entry.get("type") == "tensor" or not entry.get("name") for entry in columns):
        return ()
    for entry in columns:
        if entry.get("type") not in _SIGNED:
            said = f"its column {str(entry['name'])[:64]!r} is of the type {str(entry.get('type'))[:32]!r}"
            raise UserError(URI, said, "take in a model of numbers, booleans and texts")
    return tuple(Tensor(str(entry["name"]), _SIGNED[str(entry["type"])]) for entry in columns)


def _example(folder: Path, described: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The rows of an input example that MLflow stored as a table; none of one in another form."""
    info = described.get("saved_input_example_info")
    name = str(info.get("artifact_path", "")) if isinstance(info, Mapping) else ""
    path = folder / name
    if not name or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        return ()
    held = _parsed(_text(path))
    if (
        not isinstance(held, dict)
        or not isinstance(held.get("columns"), list)
        or not isinstance(held.get("data"), list)
    ):
        return ()
    return tuple(
        dict(zip(map(str, held["columns"]), row, strict=False)) for row in held["data"] if isinstance(row, list)
    )


def _parsed(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LARGEST_TEXT).decode(errors="replace")
