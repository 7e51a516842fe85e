"""The champion gate: who the champion is, which lineages prove a fair comparison, and what is judged without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlwright.controller.kinds.champions import champion
from mlwright.planners.champion import OWN_TRAINING, Contest, compared_before, doubt, seen_by
from mlwright.planners.champion_gate import LEAST
from mlwright.planners.gates import Measured, judge
from mlwright.planners.template import freeze
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World
from tests.unit.planners.given import NOW, SETTINGS, a_pipeline, a_version

GATE: dict[str, Any] = {
    "name": "no-worse",
    "type": "Champion",
    "champion": {"metric": "accuracy", "tolerance": 0.01, "confidence": 0.95},
}
CHAMPION = {"name": "flights-v7", "version": 7, "uri": "pvc://store/7", "digest": "sha256:7", "dataset": {}}
BETTER: dict[str, Any] = {"new": 0.91, "old": 0.9, "p": 0.001, "rows": 5000}
HASH: dict[str, Any] = {"type": "Hash", "test": 0.2, "seed": 0, "by": "id id (number)"}
TIME: dict[str, Any] = {"type": "Temporal", "test": 0.2, "by": "time at (time)", "until": "2026-01-10T00:00:00Z"}
NUMBER: dict[str, Any] = TIME | {"by": "time at (number)"}


def record(digest: str = "today", uri: str = "pvc://lake/flights", **split: Any) -> dict[str, Any]:
    """Return what a lineage says of a dataset."""
    return {"digest": digest, "uri": uri, "split": split}


@pytest.mark.parametrize(
    "ours, theirs, proven",
    [
        pytest.param(record(**HASH), record("before", **HASH), True, id="the hash of the id, and rows that came since"),
        pytest.param(
            record(**HASH), record("before", **HASH | {"test": 0.3}), True, id="the champion held out more than now"
        ),
        pytest.param(
            record(**HASH), record("before", **HASH | {"test": 0.1}), False, id="the champion held out less than now"
        ),
        pytest.param(record(**HASH), record("before", **HASH | {"seed": 1}), False, id="another seed"),
        pytest.param(
            record(**HASH), record("before", **HASH | {"by": "id key (number)"}), False, id="another id column"
        ),
        pytest.param(
            record(**HASH), record("before", "pvc://lake/other", **HASH), False, id="the same ids at another address"
        ),
        pytest.param(
            record(**HASH | {"by": "content 1a"}),
            record("before", "pvc://lake/other", **HASH | {"by": "content 1a"}),
            True,
            id="the hash of the same features, wherever they lie",
        ),
        pytest.param(
            record(**HASH | {"by": "content 1a"}),
            record("before", **HASH | {"by": "content 2b"}),
            False,
            id="the hash of other features",
        ),
        pytest.param(record(**HASH), record("before", **TIME), False, id="another kind of split"),
        pytest.param(
            record(**TIME), record("before", **TIME), True, id="all newer than what the champion learned from"
        ),
        pytest.param(
            record(**TIME),
            record("before", **TIME | {"until": "2026-01-10T00:00:00.5Z"}),
            False,
            id="the champion learned from newer rows",
        ),
        pytest.param(
            record(**NUMBER | {"until": "9.5"}),
            record("before", **NUMBER | {"until": "10"}),
            False,
            id="numbers that are newer",
        ),
        pytest.param(
            record(**NUMBER | {"until": "20261102"}),
            record("before", **NUMBER | {"until": "20261101"}),
            True,
            id="numbers that are older",
        ),
        pytest.param(
            record(**TIME | {"until": "2026-12-01T00:00:00Z"}),
            record("before", **NUMBER | {"until": "20261101"}),
            False,
            id="times that were numbers before",
        ),
        *(
            pytest.param(record(**kind), record("before", **kind | {"until": until}), False, id=f"until {until}")
            for kind, until in ((TIME, "yesterday"), (TIME, None), (NUMBER, "nan"), (NUMBER, "many"))
        ),
        pytest.param(
            record(**TIME), record("before", "pvc://lake/other", **TIME), False, id="times of another address"
        ),
        pytest.param(
            record(type="Random", test=0.2, seed=0, by="id id (number)"),
            record(type="Random", test=0.2, seed=0, by="id id (number)"),
            True,
            id="any split of the same data",
        ),
        pytest.param(
            record(type="Random", test=0.2, seed=0, by="id id (number)"),
            record("before", type="Random", test=0.2, seed=0, by="id id (number)"),
            False,
            id="a split by chance of data that changed",
        ),
        pytest.param(record(**HASH), {}, False, id="a champion that was trained elsewhere"),
        pytest.param(record(**HASH), {"digest": "today"}, False, id="a champion of before splits were recorded"),
    ],
)
def test_which_lineages_prove_that_the_rows_are_unseen(
    ours: dict[str, Any], theirs: dict[str, Any], *, proven: bool
) -> None:
    """The table of docs/training.md; whatever is not proven is left to a person."""
    assert (seen_by(theirs, ours) == "") == proven


@pytest.mark.parametrize("ours, theirs", [("Container", ""), ("Estimator", "Container")])
def test_a_container_that_trains_may_have_read_the_rows_held_out(ours: str, theirs: str) -> None:
    """Whichever of the two versions it fitted, and although the lineages agree."""
    own = {"ownTraining": True} if theirs else {}
    pipeline = a_pipeline().asking(dataset={"uri": "pvc://lake/x", "target": "y"}).done()
    run = replace(
        freeze(pipeline, SETTINGS, run="flights-8", uid="u", at=NOW),
        training={"type": ours},
        champion=CHAMPION | {"dataset": record(**HASH)} | own,
    )

    assert doubt(run, record(**HASH)) == OWN_TRAINING


def judged(contest: Contest, **found: Any) -> dict[str, Any]:
    """Return the judgement of the gate."""
    [result] = judge([GATE], Measured({}, {"no-worse": found}, contest))
    return result


@pytest.mark.parametrize(
    "contest, found, outcome, sentence",
    [
        pytest.param(
            Contest(), {}, "Passed", "passed: there is no champion yet to compare with", id="the first version"
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v7"),
            BETTER,
            "Passed",
            (
                "passed: accuracy is 0.9100, 0.0100 better than the 0.9000 of flights-v7 on the same 5,000 rows; that"
                " it is worse by more than 0.01 is ruled out (p = 0.001, needed 0.05)"
            ),
            id="no worse",
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v7"),
            {**BETTER, "better": 0.02},
            "Passed",
            (
                "passed: accuracy is 0.9100, 0.0100 better than the 0.9000 of flights-v7 on the same 5,000 rows; that"
                " it is worse by more than 0.01 is ruled out (p = 0.001, needed 0.05); that it is better is shown too"
                " (p = 0.02)"
            ),
            id="better",
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v7"),
            {"new": 0.88, "old": 0.9, "p": 0.9, "rows": 5000},
            "Failed",
            (
                "failed: accuracy is 0.8800, 0.0200 worse than the 0.9000 of flights-v7 on the same 5,000 rows; that it"
                " is not worse by more than 0.01 is not shown (p = 0.9, needed 0.05); more rows held out tell more"
            ),
            id="worse",
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v7", earlier=2),
            {**BETTER, "p": 0.02},
            "Failed",
            (
                "failed: accuracy is 0.9100, 0.0100 better than the 0.9000 of flights-v7 on the same 5,000 rows; that"
                " it is not worse by more than 0.01 is not shown (p = 0.02, needed 0.017, because 2 versions were"
                " judged on these rows before); more rows held out tell more"
            ),
            id="the third that tries its luck on these rows",
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v7", doubt="nobody wrote it down"),
            BETTER,
            "Held",
            (
                "is held for approval: nobody wrote it down; accuracy is 0.9100, 0.0100 better than the 0.9000 of"
                " flights-v7 on the same 5,000 rows"
            ),
            id="rows that the champion may have seen",
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v8"),
            {},
            "Held",
            "is held for approval: it was compared with flights-v7, and flights-v8 is the champion now",
            id="another champion since",
        ),
        pytest.param(
            Contest({}, "flights-v8"),
            {},
            "Held",
            "is held for approval: there was no champion when the run started, and flights-v8 is it now",
            id="a champion since",
        ),
        pytest.param(
            Contest({"name": "flights-v7", "version": 7}, "flights-v7"),
            {},
            "Held",
            "is held for approval: the champion flights-v7 does not exist",
            id="an alias that dangles",
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v7"),
            {"problem": "flights-v7 needs column 'wind', which is no feature of this version"},
            "Held",
            (
                "is held for approval: it cannot be compared with the champion: flights-v7 needs column 'wind', which"
                " is no feature of this version"
            ),
            id="a champion with other features",
        ),
        pytest.param(
            Contest(CHAMPION, "flights-v7"),
            {},
            "NoData",
            "has no data: accuracy was not compared with that of flights-v7",
            id="nobody compared",
        ),
    ],
)
def test_the_comparison_is_judged(contest: Contest, found: dict[str, Any], outcome: str, sentence: str) -> None:
    """With both figures, the distance, and how sure it is."""
    result = judged(contest, **found)

    assert (result["outcome"], result["sentence"]) == (outcome, f"gate no-worse {sentence}")


def test_versions_that_were_judged_on_the_same_rows_are_counted() -> None:
    """Rows held out by their hash are the same rows next week; of other splits only the same data counts."""
    failed = {"name": "no-worse", "outcome": "Failed", "champion": 7}
    versions = (
        a_version(8, run="a", gates=(failed,), dataset=record("before", **HASH)),
        a_version(9, run="b", gates=({**failed, "champion": 6},), dataset=record("before", **HASH)),
        a_version(10, run="c", gates=({**failed, "outcome": "Held"},), dataset=record(**HASH)),
        a_version(11, run="d", gates=(failed,), dataset=record("before", **TIME)),
        a_version(12, run="e", gates=(failed,), dataset=record(**TIME)),
        a_version(13, run="own", gates=(failed,), dataset=record(**HASH)),
    )

    assert compared_before(7, record(**HASH), versions, "own") == 1
    assert compared_before(7, record(**TIME), versions, "own") == 1


def played(*bodies: dict[str, Any]) -> World:
    """Play a world with these objects."""
    operator = Operator(World(), Actors(Surroundings()))
    for body in bodies:
        operator.world.add(body)
    operator.settle()
    return operator.world


def test_the_alias_says_who_the_champion_is() -> None:
    """Also when another version was promoted since."""
    alias = [{"name": "champion", "version": 1}]
    world = played(people.model(aliases=alias), people.version(1), people.version(2), people.deployment())

    assert champion(world, "demo", "flights")["name"] == "flights-v1"


def test_without_an_alias_the_version_promoted_last_is_the_champion() -> None:
    """Of several deployments the highest number; one that was never promoted is none."""
    pinned = people.deployment("old", model={"type": "Version", "ref": {"name": "flights"}, "version": 1})
    world = played(people.version(1), people.version(2), people.version(3, passed=False), people.deployment(), pinned)

    found = champion(world, "demo", "flights")

    assert (found["name"], found["uri"]) == ("flights-v2", "pvc://artifacts/handmade/2")
    assert champion(played(people.version(1)), "demo", "flights") == {}


def test_an_alias_without_a_version_is_a_champion_that_does_not_exist() -> None:
    """Somebody meant something by it, so nothing passes for want of a champion."""
    world = played(people.model(aliases=[{"name": "champion", "version": 9}]), people.version(1))

    assert champion(world, "demo", "flights") == {"name": "flights-v9", "version": 9}


def trained_against_a_champion(results: dict[str, Any]) -> World:
    """Train a version while another one is the champion, with what evaluate finds about the two."""
    around = Surroundings(evidence={"no-worse": results})
    operator = Operator(World(), Actors(around))
    operator.world.add(people.version(1))
    operator.world.add(people.model(aliases=[{"name": "champion", "version": 1}]))
    operator.world.add(people.pipeline(evaluation={"metrics": ["roc_auc"], "gates": [GATE]}))
    operator.settle()
    return operator.world


def test_a_version_that_was_compared_unfairly_waits_for_a_person() -> None:
    """The champion was trained elsewhere, so nobody knows which rows it has seen."""
    world = trained_against_a_champion(BETTER)
    version = world.one("ModelVersion", "flights-v2")["spec"]

    assert version["verdict"]["outcome"] == "Held"
    assert people.conditions(world, "TrainingPipeline")["AwaitingApproval"] == "True"
    assert "the champion's lineage does not say which rows it learned from; accuracy is 0.9100" in people.summary(
        world, "TrainingPipeline"
    )


def test_rows_that_were_compared_too_often_leave_it_to_a_person() -> None:
    """Else a better version could never follow: a rejected one nobody approves."""
    found = judged(Contest(CHAMPION, "flights-v7", earlier=103), new=0.99, old=0.5, p=LEAST, rows=5000)

    assert found["outcome"] == "Held"
    assert found["sentence"].endswith(
        "nothing speaks against it, but after 103 comparisons on these rows a p of 0.00048 is needed and 0.0005 is the"
        " least that these rows can show; hold out other rows (dataset.split.seed)"
    )
