"""How a study stands, in words and figures: what the step reports, and what it tells while trials go on."""

from collections.abc import Mapping
from typing import Any, Final

from optuna.trial import FrozenTrial, TrialState

from mlwright.trainer.tuning import study as studies
from mlwright.trainer.tuning.settings import Tuning

_DECIMALS: Final = 6


def counts(found: Mapping[int, FrozenTrial]) -> dict[str, int]:
    """How many trials were asked for, and how many of them have ended in which way."""
    states = [trial.state for trial in found.values()]
    return {
        "trials": len(found),
        "finished": states.count(TrialState.COMPLETE),
        "pruned": states.count(TrialState.PRUNED),
        "failed": states.count(TrialState.FAIL),
    }


def settings(tuning: Tuning, seed: int) -> dict[str, Any]:
    """How the search is made, as the record tells it."""
    return {
        "sampler": str(tuning.sampler),
        "seed": seed,
        "folds": tuning.folds,
        "parallelism": tuning.parallelism,
    }


def best(chosen: tuple[int, FrozenTrial], tuning: Tuning) -> dict[str, Any]:
    """The best trial, as the record tells it."""
    slot, trial = chosen
    values = {o.name: value for o, value in zip(tuning.objectives, trial.values, strict=True)}
    return {"trial": slot, "values": values, "parameters": dict(trial.params)}


def best_in_words(chosen: tuple[int, FrozenTrial], tuning: Tuning) -> str:
    """What the best trial reached in the first objective."""
    slot, trial = chosen
    return f"{tuning.objectives[0].metric} {round(trial.values[0], _DECIMALS):g} in trial {slot}"


def in_words(told: Mapping[str, int]) -> str:
    """The counts as the begin of a sentence."""
    more = [f"{told[name]} {name}" for name in ("pruned", "failed") if told[name]]
    return ", ".join([f"{told['finished']} of {told['trials']} trials finished", *more])


def so_far(found: Mapping[int, FrozenTrial], tuning: Tuning, seed: int) -> tuple[str, dict[str, Any]]:
    """Sentence and record of a study whose trials go on."""
    told, chosen = counts(found), studies.best(found, tuning)
    record = {**told, **settings(tuning, seed)}
    if chosen is None:
        return in_words(told), record
    sentence = f"{in_words(told)}; the best so far is {best_in_words(chosen, tuning)}"
    return sentence, record | {"best": best(chosen, tuning)}
