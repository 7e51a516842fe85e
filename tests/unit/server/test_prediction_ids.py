"""Prediction ids: nobody but the deployment can make one, and every pod of it can read it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.server.prediction_ids import (
    MOST_SEALED_BYTES,
    ForgedError,
    PredictionIds,
    Scalar,
    parse_key,
)

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = {"k": OLD}
ONE, OTHER = b"1" * 16, b"2" * 16


def ids(
    keys: Mapping[str, bytes] = KEYS, *, salt: bytes = ONE, deployment: str = "flights", revision: str = "a1"
) -> PredictionIds:
    return PredictionIds(deployment, revision, salt, keys)


@pytest.mark.parametrize("answers", [[True], [3, 5], ["yes"], [0.1, -2.5e30], [None]])
def test_another_pod_reads_what_was_answered(answers: list[Scalar]) -> None:
    """Any pod with the key can tell the revision, the time and the answers."""
    text = ids(revision="a1").seal(answers, at=1767355200.25)

    sealed = ids(salt=OTHER, revision="b2").open(text)

    assert (sealed.revision, sealed.at, list(sealed.answers)) == ("a1", 1767355200.25, answers)


def test_equal_answers_have_different_ids() -> None:
    """The same answer at the same time is another prediction, on the same pod and on another one."""
    pods = (ids(salt=ONE), ids(salt=OTHER))

    texts = {pod.seal([True], at=0) for pod in pods for _ in range(100)}

    assert len(texts) == 200
    assert len({ids().open(text).id for text in texts}) == 200


def test_an_id_hides_what_was_answered() -> None:
    """What was predicted of somebody is nobody else's business."""
    text = ids().seal(["will-leave"], at=0)

    assert b"will-leave" not in base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@given(st.data())
def test_a_changed_id_is_forged(data: st.DataObject) -> None:
    """No character can be another one."""
    text = ids().seal([True], at=0)
    place = data.draw(st.integers(0, len(text) - 2))
    character = data.draw(st.sampled_from("ABCdef019-_"))

    if text[place] != character:
        with pytest.raises(ForgedError):
            ids().open(text[:place] + character + text[place + 1 :])


@given(st.text(max_size=200))
def test_any_text_is_forged(text: str) -> None:
    """Whatever a stranger sends, the answer is one kind of error."""
    with pytest.raises(ForgedError):
        ids().open(text)


def test_ids_of_another_deployment_are_forged() -> None:
    """Two deployments that share a Secret cannot be given each other's feedback."""
    with pytest.raises(ForgedError):
        ids(deployment="boats").open(ids(deployment="flights").seal([True], at=0))


def test_keys_are_rotated_without_losing_ids() -> None:
    """As long as the old key is there, its ids are opened; the key whose name sorts last seals."""
    before = ids({"2026-01": OLD})
    during = ids({"2026-01": OLD, "2026-02": NEW})
    after = ids({"2026-02": NEW})
    early, late = before.seal([True], at=0), during.seal([True], at=0)

    assert during.open(early).answers == (True,)
    assert after.open(late).answers == (True,)
    with pytest.raises(ForgedError):
        after.open(early)


def test_a_running_pod_takes_new_keys() -> None:
    """Ids of a key that is gone are refused at once, also where they were opened before."""
    pod = ids({"k": OLD})
    early = pod.seal([True], at=0)
    pod.open(early)

    pod.use({"k": NEW})

    assert ids({"k": NEW}).open(pod.seal([False], at=0)).answers == (False,)
    with pytest.raises(ForgedError):
        pod.open(early)


def test_a_large_batch_has_no_id() -> None:
    """An id that no proxy lets through would break the answer."""
    fitting = ids().seal([True] * 400, at=0)

    assert 0 < len(fitting) < 4096
    assert ids().seal(["x" * MOST_SEALED_BYTES], at=0) == ""


@pytest.mark.parametrize("content", [NEW, NEW.hex().encode(), NEW.hex().encode() + b"\n"])
def test_a_key_is_bytes_or_digits(content: bytes) -> None:
    """Both are easy to make by a command, and a line end does no harm."""
    assert parse_key(content) == NEW


@pytest.mark.parametrize("content", [b"", b"short", b"z" * 64, b"\xff" * 33, NEW.hex().encode()[:-2]])
def test_any_other_key_is_refused(content: bytes) -> None:
    """A key that is too short would be no secret."""
    with pytest.raises(ValueError, match="a key has 32 bytes"):
        parse_key(content)
