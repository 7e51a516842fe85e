"""Whatever rows are asked of scikit-learn's estimators: an answer, or a refusal that names the input."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlwright.bundle.models import load_model
from mlwright.bundle.tensors import LARGEST
from mlwright.server.application import Application, Limits
from mlwright.server.model import Model
from mlwright.server.settings import Identity
from tests.support.bundles import write_sklearn_bundle
from tests.support.exchanges import Answer, infer

FEATURES = 4
IDENTITY = Identity("flights", "flights", "flights-7", "a1b2c3d4")
many = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
# What JSON can say, with the edges of single and double precision, and what only bytes can.
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, 3.4e38, 3.5e38, -1e39, 1.7e308]),
    st.integers(-(2**63), 2**63 - 1),
)
rows = st.lists(st.one_of(numbers, st.none()), min_size=FEATURES, max_size=FEATURES)
any_floats = st.lists(st.floats(), min_size=FEATURES, max_size=FEATURES)


@pytest.fixture(scope="module", params=["takes no missing numbers", "learned from missing numbers"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A skops bundle without any preprocessing."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow

    gapless = request.param == "takes no missing numbers"
    estimator = LogisticRegression() if gapless else HistGradientBoostingClassifier(max_iter=5)
    bundle = write_sklearn_bundle(tmp_path_factory.mktemp("store") / "model", estimator)
    core = bundle.manifest.core
    return Model(IDENTITY, core, load_model(bundle.folder, core))


def answer(model: Model, document: object, headers: dict[str, str] | None = None, path: str = "infer") -> Answer:
    """What a server of the model answers."""

    async def ask() -> Answer:
        with ThreadPoolExecutor(1) as workers:
            app = Application(IDENTITY, Limits(5.0, 4096), workers)
            app.model = model
            return await infer(app, document, f"/v2/models/flights/{path}", headers)

    return asyncio.run(ask())


def refused_for_its_numbers(asked: Answer, row: Sequence[float | None]) -> bool:
    """Whether it is a refusal that names an input, with the status that fits these numbers."""
    large = any(abs(one) > LARGEST for one in row if one is not None)
    gaps = any(one is None or math.isnan(one) for one in row)
    status = 400 if large else 422 if gaps else None
    return asked.status == status and any(f"f{place}" in asked.error for place in range(FEATURES))


@many
@given(row=rows)
def test_rows_of_json_are_answered_or_refused(model: Model, row: list[float | None]) -> None:
    """No number is an error of the server, and what is wrong is named."""
    inputs = [{"name": f"f{at}", "shape": [1, 1], "datatype": "FP64", "data": [one]} for at, one in enumerate(row)]
    for asked in (
        answer(model, {"inputs": inputs}),
        answer(model, {f"f{at}": one for at, one in enumerate(row)}, path="predict"),
    ):
        assert asked.status == 200 or refused_for_its_numbers(asked, row)


@many
@given(row=any_floats)
def test_rows_of_bytes_are_answered_or_refused(model: Model, row: list[float]) -> None:
    """Bytes can say what JSON cannot."""
    binary = {"shape": [1, 1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
    head = orjson.dumps({"inputs": [{"name": f"f{at}", **binary} for at in range(FEATURES)]})
    body = head + struct.pack(f"<{FEATURES}d", *row)

    asked = answer(model, body, {"Inference-Header-Content-Length": str(len(head))})

    assert asked.status == 200 or refused_for_its_numbers(asked, row)
    if any(map(math.isinf, row)):
        assert asked.status == 400
