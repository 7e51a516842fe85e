"""What happens with every answer before it is sent.

It is counted and gets its id, a copy of the request may go to a shadow, and a sample of them to the payload log.
"""

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mlwright.bundle.manifest import LABEL, PREDICTION
from mlwright.bundle.tensors import Arrays
from mlwright.server.live_bins import LiveBins
from mlwright.server.payload_log import PayloadLog
from mlwright.server.prediction_ids import MOST_ROWS, PredictionIds
from mlwright.server.recording import PREDICTION_ID, Context
from mlwright.server.shadow import Shadow

log = logging.getLogger(__name__)

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Observer:
    """Records the answers of one model."""

    def __init__(
        self, bins: LiveBins, shadow: Shadow, ids: PredictionIds | None = None, payloads: PayloadLog | None = None
    ) -> None:
        """Take who counts, who copies, and, where they are asked for, who makes ids and who samples."""
        self._bins = bins
        self._shadow = shadow
        self._ids = ids
        self._payloads = payloads

    def record(self, columns: Arrays, outputs: Arrays, context: Context) -> Mapping[str, str]:
        """Record an answer; a failure to do so is logged, because the answer itself is right."""
        try:
            self._bins.record(columns, outputs)
            self._shadow.offer(columns, outputs, context)
            if self._payloads is not None:
                self._payloads.offer(columns, outputs, time.time())
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
