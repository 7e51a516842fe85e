"""Small real bundles for tests of the server: an ONNX graph over all four datatypes, and scikit-learn pipelines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from mlwright.bundle.golden import GoldenRow, Scalar, to_lines
from mlwright.bundle.manifest import (
    GOLDEN,
    MANIFEST,
    MODEL_FILE,
    PROFILE,
    BundleFile,
    Core,
    Datatype,
    Format,
    Manifest,
    Signature,
    Tensor,
)
from mlwright.bundle.models import load_model
from mlwright.bundle.profile import Profile
from mlwright.bundle.profiling import profile_booleans, profile_labels, profile_numbers, profile_texts
from mlwright.bundle.tensors import plain_outputs, to_inputs
from mlwright.scoring import Task

CLASSIFIER = (Tensor("label", Datatype.BOOL), Tensor("probabilities", Datatype.FP64))
REGRESSOR = (Tensor("prediction", Datatype.FP64),)

# One feature of each datatype, as flights have them.
FLIGHT = Signature(
    inputs=(
        Tensor("distance", Datatype.FP64),
        Tensor("dep_hour", Datatype.INT64),
        Tensor("weekend", Datatype.BOOL),
        Tensor("carrier", Datatype.BYTES),
    ),
    outputs=CLASSIFIER,
    classes=(False, True),
)
FLIGHT_ROWS: tuple[dict[str, Scalar], ...] = (
    {"distance": 1400.0, "dep_hour": 7, "weekend": False, "carrier": "UA"},
    {"distance": 200.5, "dep_hour": 21, "weekend": True, "carrier": "ZZ"},
    {"distance": 760.0, "dep_hour": 18, "weekend": False, "carrier": ""},
)

UNKNOWN = Profile(0, (), ())
FLIGHT_PROFILE = Profile(
    rows=1000,
    features=(
        profile_numbers("distance", Datatype.FP64, np.linspace(100.0, 2500.0, 1000)),
        profile_numbers("dep_hour", Datatype.INT64, np.repeat(np.arange(5.0, 24.0), 50)),
        profile_booleans("weekend", np.arange(1000) % 7 > 4),
        profile_texts("carrier", {"UA": 600, "AA": 399, "B6": 1}),
    ),
    outputs=(
        profile_labels("label", Datatype.BOOL, (False, True), (700, 300)),
        profile_numbers("probabilities", Datatype.FP64, np.linspace(0.0, 1.0, 1000)),
    ),
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk."""

    folder: Path
    manifest: Manifest

    @property
    def digest(self) -> str:
        """The digest that a server is told."""
        return self.manifest.digest


def write_flight_bundle(folder: Path) -> Bundle:
    """An ONNX bundle that tells late flights by all four kinds of features."""
    return write_bundle(folder, Format.ONNX, flight_graph(), FLIGHT, FLIGHT_ROWS, profile=FLIGHT_PROFILE)


def write_bundle(
    folder: Path,
    form: Format,
    model: bytes,
    signature: Signature,
    rows: Sequence[Mapping[str, Scalar]],
    *,
    framework: Mapping[str, str] | None = None,
    profile: Profile = UNKNOWN,
) -> Bundle:
    """Write a bundle around a model file; its golden answers are what the model says now."""
    folder.mkdir(parents=True)
    (folder / MODEL_FILE[form]).write_bytes(model)
    (folder / PROFILE).write_bytes(profile.to_json())
    draft = _core(form, signature, framework, ())
    answers = load_model(folder, draft).predict(to_inputs(rows, signature))
    golden = [GoldenRow(row, plain_outputs(answers, place)) for place, row in enumerate(rows)]
    (folder / GOLDEN).write_bytes(to_lines(golden))
    return seal(folder, form, signature, framework)


def seal(folder: Path, form: Format, signature: Signature, framework: Mapping[str, str] | None = None) -> Bundle:
    """Write the manifest that vouches for the files that are in the folder now."""
    files = tuple(_digested(folder / name) for name in (GOLDEN, MODEL_FILE[form], PROFILE))
    manifest = Manifest.of(_core(form, signature, framework, files), None)
    (folder / MANIFEST).write_text(json.dumps(manifest.to_document()))
    return Bundle(folder, manifest)


def flight_graph(bias: float = -1.6) -> bytes:
    """An ONNX model: a logistic regression on numbers and on one carrier."""
    inputs = [
        helper.make_tensor_value_info(name, kind, [None, 1])
        for name, kind in {
            "distance": TensorProto.DOUBLE,
            "dep_hour": TensorProto.INT64,
            "weekend": TensorProto.BOOL,
            "carrier": TensorProto.STRING,
        }.items()
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.BOOL, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, 2]),
    ]
    nodes = [
        *(helper.make_node("Cast", [name], [f"{name}_"], to=TensorProto.DOUBLE) for name in ("dep_hour", "weekend")),
        helper.make_node("Equal", ["carrier", "united"], ["is_united"]),
        helper.make_node("Cast", ["is_united"], ["carrier_"], to=TensorProto.DOUBLE),
        helper.make_node("Concat", ["distance", "dep_hour_", "weekend_", "carrier_"], ["table"], axis=1),
        helper.make_node("MatMul", ["table", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["late"]),
        helper.make_node("Sub", ["one", "late"], ["on_time"]),
        helper.make_node("Concat", ["on_time", "late"], ["probabilities"], axis=1),
        helper.make_node("Greater", ["late", "half"], ["late_column"]),
        helper.make_node("Squeeze", ["late_column", "column"], ["label"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(["UA"], dtype=object), "united"),
        helper.make_tensor("weights", TensorProto.DOUBLE, [4, 1], [-0.0005, 0.12, -0.3, 0.4]),
        helper.make_tensor("bias", TensorProto.DOUBLE, [1], [bias]),
        helper.make_tensor("one", TensorProto.DOUBLE, [1], [1.0]),
        helper.make_tensor("half", TensorProto.DOUBLE, [1], [0.5]),
        helper.make_tensor("column", TensorProto.INT64, [1], [1]),
    ]
    return _model(nodes, inputs, outputs, constants)


def write_sklearn_bundle(folder: Path, pipeline: Any, rows: int = 200) -> Bundle:
    """A skops bundle of a scikit-learn classifier fitted on four seeded numbers, f0 to f3."""
    import skops.io  # noqa: PLC0415 - takes two seconds that tests of ONNX bundles should not wait

    numbers = np.random.default_rng(7).normal(size=(rows, 4))
    pipeline.fit(numbers, numbers[:, 0] + numbers[:, 1] ** 2 > 0.5)
    signature = Signature(tuple(Tensor(f"f{place}", Datatype.FP64) for place in range(4)), CLASSIFIER, (False, True))
    golden = [{f"f{place}": float(value) for place, value in enumerate(row)} for row in numbers[:8]]
    return write_bundle(
        folder,
        Format.SKOPS,
        skops.io.dumps(pipeline),
        signature,
        golden,
        framework={"scikit-learn": version("scikit-learn")},
    )


def _model(nodes: Any, inputs: Any, outputs: Any, constants: Any) -> bytes:
    graph = helper.make_graph(nodes, "flights", inputs, outputs, initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised


def _core(
    form: Format, signature: Signature, framework: Mapping[str, str] | None, files: tuple[BundleFile, ...]
) -> Core:
    return Core(
        format=form,
        task=Task.CLASSIFICATION if signature.classes else Task.REGRESSION,
        signature=signature,
        framework=framework or {},
        skops_trusted=(),
        files=files,
    )


def _digested(path: Path) -> BundleFile:
    content = path.read_bytes()
    return BundleFile(path.name, hashlib.sha256(content).hexdigest(), len(content))
