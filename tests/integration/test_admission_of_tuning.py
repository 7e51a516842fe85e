"""What the API server says to a search that makes no sense, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.apiserver import Client, Json
from tests.support.objects import PIPELINE, changed

GOOD: Json = {"name": "good", "metric": "roc_auc"}
RATE: Json = {"name": "learning_rate", "type": "Float", "float": {"low": 0.01, "high": 0.3}}
DEPTH: Json = {"name": "max_depth", "type": "Int", "int": {"low": 1, "high": 9}}
LOSS: Json = {"name": "loss", "type": "Categorical", "categorical": {"choices": ["log_loss"]}}


def asked(**tuning: Any) -> Json:
    """Return a pipeline with a tuning."""
    settings = {"trials": 4, "objectives": [GOOD], "space": [RATE], **tuning}
    return changed(PIPELINE, {"spec.training.tuning": settings})


@pytest.mark.parametrize(
    "tuning",
    [
        {"space": [RATE, DEPTH, LOSS]},
        {"trials": 1000, "parallelism": 64, "maxFailedTrials": 0, "timeoutAfter": "1h30m"},
        {"space": [{**RATE, "float": {"low": 1, "high": 1}}]},
        {"space": [{**RATE, "float": {"low": -1e300, "high": 1e-300}}]},
    ],
)
def test_a_search_that_makes_sense_is_taken(client: Client, namespace: str, tuning: Json) -> None:
    """The bounds themselves included."""
    answer = client.create(asked(**tuning), namespace)

    assert answer.status == 201, answer.body


@pytest.mark.parametrize(
    "field, words, tuning",
    [
        ("trials", "greater than or equal to 1", {"trials": 0}),
        ("trials", "less than or equal to 1000", {"trials": 1001}),
        ("parallelism", "greater than or equal to 1", {"parallelism": 0}),
        ("parallelism", "less than or equal to 64", {"parallelism": 65}),
        ("sampler", 'supported values: "TPE", "Random", "Grid", "CMAES", "NSGAII"', {"sampler": "Bayes"}),
        ("pruner", 'supported values: "None", "Median"', {"pruner": "Brave"}),
        ("objectives", "at least 1 item", {"objectives": []}),
        ("objectives", "at most 4 items", {"objectives": [{**GOOD, "name": f"o{n}"} for n in range(5)]}),
        ("objectives[]", "Duplicate value", {"objectives": [GOOD, GOOD]}),
        ("objectives[].metric", 'supported values: "accuracy"', {"objectives": [{**GOOD, "metric": "speed"}]}),
        ("objectives[].goal", 'supported values: "Maximize", "Minimize"', {"objectives": [{**GOOD, "goal": "Up"}]}),
        ("space", "at least 1 item", {"space": []}),
        ("space", "at most 32 items", {"space": [{**RATE, "name": f"p{n}"} for n in range(33)]}),
        ("space[]", "Duplicate value", {"space": [RATE, RATE]}),
        ("space[].name", "should match", {"space": [{**RATE, "name": "learning rate"}]}),
        ("space[].type", 'supported values: "Float"', {"space": [{**RATE, "type": "Real"}]}),
        ("space[].float.high", "Required value", {"space": [{**RATE, "float": {"low": 1}}]}),
        ("space[].int.low", "must be of type int", {"space": [{**DEPTH, "int": {"low": 0.5, "high": 2}}]}),
        ("space[].int.step", "greater than or equal to 1", {"space": [{**DEPTH, "int": {**DEPTH["int"], "step": 0}}]}),
        ("space[].categorical.choices", "at least 1 item", {"space": [{**LOSS, "categorical": {"choices": []}}]}),
        ("crossValidation.folds", "greater than or equal to 2", {"crossValidation": {"folds": 1}}),
        ("crossValidation.folds", "less than or equal to 20", {"crossValidation": {"folds": 21}}),
        ("timeoutAfter", "should match", {"timeoutAfter": "soon"}),
        ("maxFailedTrials", "greater than or equal to 0", {"maxFailedTrials": -1}),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_at_its_field(
    client: Client, namespace: str, field: str, words: str, tuning: Json
) -> None:
    """Before anything is started, and with what is allowed."""
    answer = client.create(asked(**tuning), namespace)
    found = [said for where, said in answer.causes if where == f"spec.training.tuning.{field}"]

    assert answer.status == 422, answer.body
    assert any(words in said for said in found), answer.causes
