"""Feedback: what is counted, and what is refused with which word."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mlwright.server import feedback as module
from mlwright.server.feedback import Feedback, Reason
from mlwright.server.feedback_series import FeedbackSeries
from mlwright.server.prediction_ids import PredictionIds, Scalar
from mlwright.server.problems import RefusedError
from tests.unit.server.conftest import IDENTITY

NOW = 1767355200.0
WINDOW = 168 * 3600.0
KEYS = {"k": b"k" * 32}
_salts = itertools.count()


def pod(salt: bytes = b"1" * 16) -> Feedback:
    ids = PredictionIds("flights", IDENTITY.revision, salt, KEYS)
    return Feedback(ids, FeedbackSeries(IDENTITY, Reason), WINDOW)


def sealed(answers: list[Scalar], *, revision: str = "a1b2c3d4", deployment: str = "flights", age: float = 60.0) -> str:
    """A prediction id that no other call gets."""
    salt = next(_salts).to_bytes(16)
    return PredictionIds(deployment, revision, salt, KEYS).seal(answers, NOW - age)


def give(to: Feedback, prediction_id: object, **members: object) -> Any:
    return json.loads(to.take(json.dumps({"prediction_id": prediction_id, **members}).encode(), NOW))


def counted(feedback: Feedback) -> dict[tuple[str, ...], float]:
    """Value by name and labels, without the zeros."""
    families = text_string_to_metric_families("\n".join(feedback.series.lines()) + "\n")
    samples = [one for family in families for one in family.samples if one.value]
    hidden = {"deployment", "revision"}
    return {
        (one.name, *(value for label, value in sorted(one.labels.items()) if label not in hidden)): one.value
        for one in samples
    }


def test_a_label_makes_a_prediction_right_or_wrong() -> None:
    """Live accuracy is the share of these two counters."""
    feedback = pod()

    give(feedback, sealed([True]), labels=[True])
    give(feedback, sealed([True, False, True]), labels=[True, True, None])

    assert counted(feedback) == {
        ("mlwright_feedback_total", "true", "a1b2c3d4"): 2,
        ("mlwright_feedback_total", "false", "a1b2c3d4"): 1,
    }


def test_the_answer_says_what_was_counted() -> None:
    """A client can tell that its feedback arrived, and for which revision."""
    answer = give(pod(), sealed(["no", "yes"]), labels=["no", None], rewards=[1, 0.5])

    assert answer == {"revision": "a1b2c3d4", "accepted": {"labels": 1, "rewards": 2}}


def test_feedback_counts_for_the_revision_that_predicted() -> None:
    """After a rollout, late labels of the old revision arrive at pods of the new one."""
    feedback = pod()

    give(feedback, sealed([7], revision="0ld"), labels=[8])

    assert counted(feedback) == {("mlwright_feedback_total", "false", "0ld"): 1}


def test_numbers_are_off_by_so_much() -> None:
    """Of a regressor, the mean absolute error is what a sum and a count give."""
    feedback = pod()

    give(feedback, sealed([2.5, 4.0, None]), labels=[2, 7.0, 1])

    assert counted(feedback) == {
        ("mlwright_feedback_absolute_error_sum", "a1b2c3d4"): 3.5,
        ("mlwright_feedback_absolute_error_count", "a1b2c3d4"): 2,
    }


def test_rewards_are_summed_with_their_squares() -> None:
    """A test of rewards needs their variance."""
    feedback = pod()

    give(feedback, sealed(["a", "b"]), rewards=[1, 0.5])

    assert counted(feedback) == {
        ("mlwright_feedback_reward_sum", "a1b2c3d4"): 1.5,
        ("mlwright_feedback_reward_count", "a1b2c3d4"): 2,
        ("mlwright_feedback_reward_squares_total", "a1b2c3d4"): 1.25,
    }


def test_every_series_of_its_own_revision_exists_at_zero() -> None:
    """Also those of what was refused."""
    lines = [line for line in pod().series.lines() if not line.startswith("#")]

    assert len(lines) == 7 + len(Reason)
    assert all(line.endswith((" 0", " 0.0")) for line in lines)


ID = sealed([True])
REFUSED: dict[str, tuple[Any, int, str, str]] = {
    "not JSON": (b"{", 400, "invalid", "the body is not JSON"),
    "empty": (b"", 400, "invalid", "the body is empty"),
    "a list": ([], 400, "invalid", "the body must be a JSON object"),
    "without an id": ({"labels": [True]}, 400, "invalid", '"prediction_id" must be the text'),
    "an id that is a number": ({"prediction_id": 7}, 400, "invalid", "got a whole number"),
    "a misspelt member": (
        {"prediction_id": ID, "label": [1]},
        400,
        "invalid",
        '"label" is unknown: did you mean labels?',
    ),
    "nothing to count": ({"prediction_id": ID, "labels": [None]}, 400, "invalid", "there is nothing to count"),
    "one label for all": ({"prediction_id": ID, "labels": True}, 400, "invalid", '"labels" must be a list'),
    "too many labels": (
        {"prediction_id": ID, "labels": [True] * 2},
        400,
        "invalid",
        "has 2 entries, and the prediction has 1",
    ),
    "a label of another kind": (
        {"prediction_id": ID, "labels": ["yes"]},
        400,
        "invalid",
        "labels[0]: expected true or false",
    ),
    "a reward above one": (
        {"prediction_id": ID, "rewards": [1.5]},
        400,
        "invalid",
        "rewards[0]: expected a number from 0",
    ),
    "a reward that is no number": (
        {"prediction_id": ID, "rewards": ["1"]},
        400,
        "invalid",
        "rewards[0]: expected a number",
    ),
    "forged": (
        {"prediction_id": "A" + ID[1:-4] + "AAAA", "labels": [True]},
        403,
        "forged",
        "prediction_id: no answer of",
    ),
    "of another deployment": (
        {"prediction_id": sealed([True], deployment="boats"), "labels": [True]},
        403,
        "forged",
        "prediction_id: no answer of this deployment",
    ),
    "late": (
        {"prediction_id": sealed([True], age=WINDOW + 1), "labels": [True]},
        410,
        "late",
        "feedback is taken for 168 hours after the prediction",
    ),
}


@pytest.mark.parametrize("document, status, reason, words", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(document: Any, status: int, reason: str, words: str) -> None:
    """Wrong feedback is counted as such and nowhere else, and the sentence names what is wrong."""
    feedback = pod()
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    with pytest.raises(RefusedError) as refused:
        feedback.take(body, NOW)

    assert refused.value.status == status
    assert words in str(refused.value)
    assert counted(feedback) == {("mlwright_feedback_refused_total", reason): 1}


def test_a_label_counts_once() -> None:
    """Feedback that is sent again is refused as a whole, also if only one of its rows was known."""
    feedback = pod()
    prediction_id = sealed([True, False])
    give(feedback, prediction_id, labels=[True, None])

    with pytest.raises(RefusedError, match=r"labels\[0\]: was given before") as refused:
        give(feedback, prediction_id, labels=[True, True])

    assert refused.value.status == 409
    assert counted(feedback)["mlwright_feedback_total", "true", "a1b2c3d4"] == 1
    assert ("mlwright_feedback_total", "false", "a1b2c3d4") not in counted(feedback)


def test_rows_become_known_one_after_the_other() -> None:
    """A row that was unknown may be labelled later, and a reward is no label."""
    feedback = pod()
    prediction_id = sealed([True, False])

    give(feedback, prediction_id, labels=[True, None])
    give(feedback, prediction_id, labels=[None, False])
    give(feedback, prediction_id, rewards=[0.5, 0.5])

    assert counted(feedback)["mlwright_feedback_total", "true", "a1b2c3d4"] == 2


def test_another_pod_does_not_know_what_was_given() -> None:
    """Pods share nothing: the same feedback sent to two of them counts twice, as the documentation says."""
    one, other = pod(), pod()
    prediction_id = sealed([True])

    give(one, prediction_id, labels=[True])
    give(other, prediction_id, labels=[True])

    assert counted(one) == counted(other)


def test_what_was_given_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded: the oldest ids are forgotten first."""
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    feedback = pod()
    texts = [sealed([True]) for _ in range(3)]

    for text in texts:
        give(feedback, text, labels=[True])

    give(feedback, texts[0], labels=[True])
    with pytest.raises(RefusedError, match="was given before"):
        give(feedback, texts[2], labels=[True])


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(body: bytes) -> None:
    """No body of whatever bytes is an error of the server."""
    with pytest.raises(RefusedError):
        pod().take(body, NOW)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_labels_are_counted_or_refused(labels: object) -> None:
    """Whatever stands where labels belong, nothing breaks."""
    with suppress(RefusedError):
        give(pod(), sealed([True, False]), labels=labels)
