"""Imports run inside a test, and models as people elsewhere make them."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlwright.server.loading import load
from mlwright.server.model import Model
from mlwright.server.settings import Settings
from mlwright.server.wire import Head
from mlwright.trainer.program import main
from tests.support.training import Ended, Json, Workshop

COLUMNS: Final = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def iris() -> tuple[Any, Any]:
    """Flowers: four numbers each, and which of three kinds it is."""
    rows, kinds = load_iris(return_X_y=True)
    return rows, kinds


def forest() -> Any:
    """A classifier of flowers."""
    return RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(*iris())


def scaled() -> Any:
    """A pipeline that tells flowers by their names."""
    rows, kinds = iris()
    names = np.array(["setosa", "versicolor", "virginica"])[kinds]
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, names)


def doubled(rows: Any) -> Any:
    """A step of somebody's own, which no list of trusted types knows."""
    return 2 * rows


def own_step() -> Any:
    """A classifier of flowers with a step of somebody's own in it."""
    return make_pipeline(FunctionTransformer(doubled), LogisticRegression(max_iter=1000)).fit(*iris())


def line() -> Any:
    """A regression."""
    rows, _ = iris()
    return LinearRegression().fit(rows[:, :3], rows[:, 3])


def exported(model: Any, columns: int = 4, **options: Any) -> bytes:
    """A model as skl2onnx exports it when nobody says anything."""
    from skl2onnx import to_onnx  # noqa: PLC0415 - slow to import

    sample = np.zeros((1, columns), dtype=np.float32)
    content: bytes = to_onnx(model, sample, options=options or None).SerializeToString()
    return content


def pickled(model: Any) -> bytes:
    """A model as most people keep it."""
    return pickle.dumps(model)


def packed(files: dict[str, bytes]) -> bytes:
    """A zip archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def folder_packed(folder: Path) -> bytes:
    """A folder as a zip archive."""
    return packed({str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()})


def take_in(shop: Workshop, uri: str, hosts: list[str], attempt: int = 0, **wanted: Any) -> Ended:
    """Run the step import."""
    env = {key: wanted.pop(key) for key in list(wanted) if key.startswith("MLFLOW_")}
    document = {
        "schemaVersion": 1,
        "run": {"namespace": "demo", "name": "elsewhere", "attempt": attempt},
        "model": "flights",
        "import": {"modelRef": {"name": "flights"}, "uri": uri, **wanted},
        "hosts": hosts,
        "runUri": "pvc://store/mlwright/demo/flights/runs/elsewhere",
        "image": "localhost/mlwright/trainer:test",
    }
    code = main(["import"], shop.env(document) | env)
    return Ended(code, shop.message())


def served(shop: Workshop, ended: Ended, **told: str) -> Model:
    """The model as a server loads it: digest, self-test and warm-up included."""
    assert ended.code == 0, ended.message
    bundle = ended.results["bundle"]
    variables = {
        "MLWRIGHT_MODEL_NAME": "flights",
        "MLWRIGHT_BUNDLE_URI": bundle["uri"],
        "MLWRIGHT_BUNDLE_DIGEST": bundle["digest"],
        **told,
    }
    return load(Settings.from_env(variables), shop.root)


def answered(model: Model, **columns: list[Any]) -> dict[str, Any]:
    """What a served model answers to rows, by name of the output."""
    kinds = {tensor.name: tensor.datatype for tensor in model.signature.inputs}
    inputs = [
        {"name": name, "datatype": kinds[name], "shape": [len(values), 1], "data": values}
        for name, values in columns.items()
    ]
    asked = Head("POST", "/v2/models/flights/infer", {}, keep_alive=True)
    said: Json = json.loads(model.infer(asked, json.dumps({"inputs": inputs}).encode()).body)
    return {output["name"]: output["data"] for output in said["outputs"]}
