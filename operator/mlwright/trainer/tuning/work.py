"""What every worker of a tuning does: one trial after the other, until none is left."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import optuna
from optuna.trial import Trial, TrialState

from mlwright.trainer.tuning import study as studies
from mlwright.trainer.tuning.settings import PrunerName, Tuning
from mlwright.trainer.tuning.trial import Judge, TrialFailedError

logger = logging.getLogger(__name__)

_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of a tuning; number 0 is the coordinator."""

    study: optuna.Study
    tuning: Tuning
    judge: Judge
    number: int

    def work(self) -> int:
        """Do trials until none is queued, the time is used up or too many have failed; how many were done."""
        done = 0
        studies.bury(self.study, studies.left_by(self.study, self.number))
        while not self.must_stop() and (trial := studies.take(self.study, self.tuning, self.number)):
            self._try(trial)
            done += 1
        return done

    def see_through(self) -> None:
        """Do trials, and wait for those of the other workers; what they leave behind is done here."""
        while True:
            self.work()
            studies.bury(self.study, studies.left_unnamed(self.study, datetime.now(UTC)))
            if not studies.running(self.study) and (self.must_stop() or not studies.waiting(self.study)):
                return
            time.sleep(_PAUSE)

    def must_stop(self) -> bool:
        """Whether no further trial may begin."""
        return self.timed_out() or self.too_many_failed()

    def timed_out(self) -> bool:
        """Whether the time of the tuning is used up, counted from its first trial, earlier attempts included."""
        begun = self.study.user_attrs.get(studies.BEGUN)
        if self.tuning.timeout is None or begun is None:
            return False
        return datetime.now(UTC) - datetime.fromisoformat(begun) >= self.tuning.timeout

    def too_many_failed(self) -> bool:
        """Whether more trials failed than may."""
        most = self.tuning.max_failed
        return most is not None and len(studies.failed(studies.slots(self.study))) > most

    def _try(self, trial: Trial) -> None:
        try:
            values = self._values(trial)
        except TrialFailedError as problem:
            logger.warning("a trial failed", extra={"trial": trial.user_attrs[studies.SLOT], "sentence": str(problem)})
            trial.set_user_attr(studies.WHY, str(problem))
            self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            return
        state = TrialState.PRUNED if values is None else TrialState.COMPLETE
        self.study.tell(trial, values, state, skip_if_finished=True)
        logger.info("a trial ended", extra={"trial": trial.user_attrs[studies.SLOT], "values": values})

    def _values(self, trial: Trial) -> list[float] | None:
        """The mean of each objective over the folds; None when the trial was pruned."""
        found: list[tuple[float, ...]] = []
        means: list[float] = []
        for scores in self.judge.scores(trial.params):
            found.append(scores)
            means = [sum(column) / len(found) for column in zip(*found, strict=True)]
            if self.tuning.pruner is not PrunerName.NONE and len(found) < self.tuning.folds:
                trial.report(means[0], step=len(found))
                if trial.should_prune():
                    return None
        return means
