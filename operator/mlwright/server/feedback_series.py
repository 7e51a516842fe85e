"""The series of feedback: how many predictions of each revision were right, how far off, and what they were worth."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mlwright.server.exposition import head, labelled
from mlwright.server.prediction_ids import Scalar
from mlwright.server.settings import Identity

FEEDBACK: Final = "mlwright_feedback_total"
ERROR: Final = "mlwright_feedback_absolute_error"
REWARD: Final = "mlwright_feedback_reward"
SQUARES: Final = "mlwright_feedback_reward_squares_total"
REFUSED: Final = "mlwright_feedback_refused_total"


@dataclass(slots=True)
class _Sums:
    """What is known of the predictions of one revision."""

    right: int = 0
    wrong: int = 0
    measured: int = 0
    error: float = 0.0
    rewards: int = 0
    reward: float = 0.0
    squares: float = 0.0


class FeedbackSeries:
    """The series of one server; those of its own revision exist from the start."""

    def __init__(self, identity: Identity, reasons: Iterable[str]) -> None:
        """Take who answers, and why feedback can be refused."""
        self._own = {"deployment": identity.deployment, "revision": identity.revision}
        self._sums = {identity.revision: _Sums()}
        self._refused = dict.fromkeys(map(str, reasons), 0)
        self._lock = threading.Lock()

    def refuse(self, reason: str) -> None:
        """Count feedback that was refused."""
        with self._lock:
            self._refused[reason] += 1

    def count(
        self,
        revision: str,
        answers: Sequence[Scalar],
        labels: Sequence[Scalar],
        rewards: Sequence[float | None],
    ) -> None:
        """Count what is known now of the rows of one prediction; None where nothing is."""
        with self._lock:
            sums = self._sums.setdefault(revision, _Sums())
            for answer, label in zip(answers, labels, strict=True):
                if label is not None:
                    _judge(sums, answer, label)
            for reward in rewards:
                if reward is not None:
                    sums.rewards += 1
                    sums.reward += reward
                    sums.squares += reward * reward

    def lines(self) -> Iterator[str]:
        """All series in Prometheus' text format."""
        known = sorted(self._sums.items())
        told = "Labelled rows of a classifier, or of a detector of anomalies, by the revision that predicted them."
        yield from head(FEEDBACK, "counter", told)
        for revision, sums in known:
            yield f"{self._series(FEEDBACK, predicted_revision=revision, correct='true')} {sums.right}"
            yield f"{self._series(FEEDBACK, predicted_revision=revision, correct='false')} {sums.wrong}"
        yield from head(ERROR, "summary", "How far predictions were off, by the revision that predicted them.")
        for revision, sums in known:
            yield f"{self._series(f'{ERROR}_sum', predicted_revision=revision)} {sums.error}"
            yield f"{self._series(f'{ERROR}_count', predicted_revision=revision)} {sums.measured}"
        yield from head(REWARD, "summary", "What predictions were worth, by the revision that predicted them.")
        for revision, sums in known:
            yield f"{self._series(f'{REWARD}_sum', predicted_revision=revision)} {sums.reward}"
            yield f"{self._series(f'{REWARD}_count', predicted_revision=revision)} {sums.rewards}"
        yield from head(SQUARES, "counter", "Squares of the rewards, for their variance.")
        for revision, sums in known:
            yield f"{self._series(SQUARES, predicted_revision=revision)} {sums.squares}"
        yield from head(REFUSED, "counter", "Feedback that was not counted, by reason.")
        for reason, number in self._refused.items():
            yield f"{self._series(REFUSED, reason=reason)} {number}"

    def _series(self, name: str, **labels: str) -> str:
        return labelled(name, self._own | labels)


def _judge(sums: _Sums, answer: Scalar, label: Scalar) -> None:
    """Compare one answer with the truth: classes are equal or not, numbers lie apart by so much."""
    if isinstance(answer, float) and isinstance(label, int | float):
        sums.measured += 1
        sums.error += abs(answer - label)
    elif answer is not None:
        sums.right += answer == label
        sums.wrong += answer != label
