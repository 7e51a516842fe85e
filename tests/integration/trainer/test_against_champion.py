"""New data beside that which the champion was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.support.training import Ended, Json, Workshop, document

MANY = 6_000


def _rows(seed: int, *, mean: float = 0.0, rows: int = MANY) -> Any:
    """A number, a text and an answer, drawn."""
    chance = np.random.default_rng(seed)
    age = chance.normal(mean, 1.0, rows)
    plan = chance.choice(["basic", "plus", "max"], rows, p=[0.6, 0.3, 0.1])
    return pa.table({"age": age, "plan": plan, "late": age + chance.normal(size=rows) > 0})


@pytest.fixture
def champion(shop: Workshop) -> Json:
    """A model of 6,000 rows."""
    wanted = document(shop.write(_rows(1)), run="first")
    for step in ("validate", "train"):
        assert shop.run(step, wanted | {"inputs": _inputs("first")}).code == 0
    bundle = shop.message()["results"]["bundle"]
    return {"name": "flights-v1", "uri": bundle["uri"], "digest": bundle["digest"]}


def _inputs(run: str) -> Json:
    return {"validate": f"pvc://store/mlwright/demo/flights/runs/{run}/validate-0"}


def _compare(shop: Workshop, table: Any, champion: Json, **against: Any) -> Ended:
    checks = {"againstChampion": against}
    return shop.run("validate", document(shop.write(table), dataset={"checks": checks}) | {"champion": champion})


def test_data_of_the_same_source_passes(shop: Workshop, champion: Json) -> None:
    """Other rows of the same kind have not moved, and the record says how far they are."""
    ended = _compare(shop, _rows(2), champion, maxDrift=0.1)

    assert ended.code == 0, ended.message
    assert ended.results["checks"]["champion"].startswith(
        "of 2 features compared with those of the champion flights-v1"
    )


def test_data_that_has_moved_is_told(shop: Workshop, champion: Json) -> None:
    """The feature, how far, and how far it might."""
    ended = _compare(shop, _rows(2, mean=1.0), champion, maxDrift=0.2)

    assert (ended.code, ended.message["field"]) == (64, "spec.dataset.checks.againstChampion.maxDrift")
    assert (
        "feature 'age' has moved from the data of the champion flights-v1 by a distance of 0.4"
        in ended.message["sentence"]
    )
    assert "at most 0.2 is allowed" in ended.message["sentence"]
    assert "'plan'" not in ended.message["sentence"]
    assert "was trained on" in (shop.run_folder() / "validate-0" / "data-report.html").read_text()


def test_too_few_rows_prove_nothing(shop: Workshop, champion: Json) -> None:
    """100 rows that look different may be chance; it is said that nobody can tell."""
    ended = _compare(shop, _rows(2, mean=1.0, rows=100), champion, maxDrift=0.2)

    assert ended.code == 0, ended.message
    assert ended.results["checks"]["champion"].startswith("there are too few rows to tell")


def test_other_columns_are_another_schema(shop: Workshop, champion: Json) -> None:
    """What is gone, what is new, what became another type."""
    table = _rows(2).drop_columns(["age"])
    table = table.append_column("weight", pa.array(np.arange(float(MANY)))).set_column(0, "plan", pa.array(range(MANY)))

    ended = _compare(shop, table, champion)

    assert ended.code == 64
    assert {finding["sentence"] for finding in ended.results["checks"]["findings"]} == {
        "feature 'age' of the champion flights-v1 is not in the data",
        "feature 'plan' holds numbers, the champion flights-v1 was trained on texts",
        "feature 'weight' is new: the champion flights-v1 was trained without it",
    }


def test_a_champion_whose_bundle_was_changed_is_not_believed(shop: Workshop, champion: Json) -> None:
    """A comparison with a profile that is not that of the version proves nothing."""
    ended = _compare(shop, _rows(2), champion | {"digest": "sha256:" + "0" * 64}, maxDrift=0.1)

    assert ended.code == 64
    assert "the profile of the champion flights-v1 cannot be used" in ended.message["sentence"]


def test_without_a_champion_there_is_nothing_to_compare(shop: Workshop) -> None:
    """The first version passes, and the record says why."""
    ended = _compare(shop, _rows(2), {}, maxDrift=0.1)

    assert ended.code == 0
    assert ended.results["checks"]["champion"] == "there is no champion to compare with"
