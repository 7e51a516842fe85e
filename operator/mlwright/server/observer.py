"""What happens with every answer before it is sent: it is counted, it gets its id, and a copy may go to a shadow."""

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mlwright.bundle.manifest import LABEL, PREDICTION
from mlwright.bundle.tensors import Arrays
from mlwright.server.live_bins import LiveBins
from mlwright.server.prediction_ids import MOST_ROWS, PredictionIds
from mlwright.server.recording import PREDICTION_ID, Context
from mlwright.server.shadow import Shadow

log = logging.getLogger(__name__)

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Observer:
    """Records the answers of one model."""

    def __init__(self, bins: LiveBins, ids: PredictionIds | None, shadow: Shadow) -> None:
        """Take who counts, who makes ids (nobody, where no feedback is taken), and who copies."""
        self._bins = bins
        self._ids = ids
        self._shadow = shadow

    def record(self, columns: Arrays, outputs: Arrays, context: Context) -> Mapping[str, str]:
        """Record an answer; a failure to do so is logged, because the answer itself is right."""
        try:
            self._bins.record(columns, outputs)
            self._shadow.offer(columns, outputs, context)
            return _NOTHING if self._ids is None else _identified(self._ids, outputs)
        except Exception:
            log.exception("an answer was not recorded")
            return _NOTHING


def _identified(ids: PredictionIds, outputs: Arrays) -> Mapping[str, str]:
    answers = outputs[LABEL] if LABEL in outputs else outputs[PREDICTION]
    if len(answers) > MOST_ROWS:
        return _NOTHING
    text = ids.seal(answers.tolist(), time.time())
    return {PREDICTION_ID: text} if text else _NOTHING
