"""Which format a model is kept in, and why."""

from __future__ import annotations

import pytest

from mlwright.bundle.manifest import Format, Tensor
from mlwright.scoring import Task
from mlwright.trainer.arrow_types import plain
from mlwright.trainer.columns import canonical, datatype_of
from mlwright.trainer.errors import UserError
from mlwright.trainer.fitting import Fitted, fit
from mlwright.trainer.step import Preprocessing, Training
from mlwright.trainer.storing import Trial, store
from mlwright.trainer.tables import Side
from tests.support.training import flights_table

pytestmark = pytest.mark.timeout(60)  # the first test waits for the converter to be imported


def _fitted(estimator: str) -> tuple[Fitted, Trial]:
    table = flights_table(200)
    columns = {name: canonical(name, plain(table.column(name)), "spec.dataset") for name in table.column_names}
    target = columns.pop("late")
    inputs = tuple(Tensor(name, datatype_of(column)) for name, column in columns.items())
    side = Side(inputs, tuple(columns.values()), target)
    fitted = fit(Training(Task.CLASSIFICATION, estimator, {}, Preprocessing.AUTO, seed=7), side)
    return fitted, Trial(side.arrays(), fitted.answer(fitted.encoding.matrix(side)))


@pytest.mark.parametrize(
    "estimator,form,reason",
    [
        pytest.param("sklearn.linear_model.LogisticRegression", Format.ONNX, None, id="it converts"),
        pytest.param(
            "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
            Format.SKOPS,
            "converted to ONNX it answers differently: 0 of 200 labels differ, numbers differ by up to",
            id="its converter is wrong",
        ),
        pytest.param(
            "sklearn.dummy.DummyClassifier", Format.SKOPS, "there is no conversion to ONNX: ", id="it has no converter"
        ),
    ],
)
def test_a_model_is_onnx_where_it_answers_alike(estimator: str, form: Format, reason: str | None) -> None:
    """Proven on rows, not believed; otherwise the reason is kept."""
    fitted, trial = _fitted(estimator)

    stored = store(fitted, (trial,))

    assert stored.format is form
    assert (stored.reason or "").startswith(reason or "")
    assert (stored.reason is None) is (form is Format.ONNX)


def test_a_model_that_no_server_would_load_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At training time, when there is still somebody to tell."""
    monkeypatch.setattr("mlwright.trainer.storing.TRUSTED_TYPES", frozenset())
    fitted, trial = _fitted("sklearn.neighbors.KNeighborsClassifier")

    with pytest.raises(UserError) as caught:
        store(fitted, (trial,))

    assert caught.value.field == "spec.training.estimator.class"
    assert caught.value.sentence.startswith(
        "the model holds the type numpy.dtype, which model servers do not trust, and"
    )
