"""How far a tuning is, for those who look from outside: a small file in the run's folder.

The coordinator writes it, and `python -m mlwright.trainer progress` reports it. Reading the study itself would take
its library, and more time than a look is worth.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mlwright.constants import TUNE_PROGRESS
from mlwright.trainer.copies import Copies
from mlwright.trainer.errors import SurroundingsError

logger = logging.getLogger(__name__)

PROGRESS: Final = TUNE_PROGRESS
EVERY: Final = 5.0
"""Seconds after which the file is written again."""
Told = tuple[str, Mapping[str, Any]]
"""A sentence and the record of the tuning."""


@contextmanager
def told(run: Path, copies: Copies, tell: Callable[[], Told], every: float = EVERY) -> Iterator[None]:
    """Keep the file up to date, from a thread, while trials go on.

    Args:
        run: The run's folder.
        copies: Where it is kept.
        tell: How the study stands.
        every: Seconds between two looks.
    """
    over = threading.Event()

    def follow() -> None:
        while not over.wait(every):
            try:
                write(run, tell())
                copies.send(run / PROGRESS)
            except Exception:  # a look at the work must never end it
                logger.warning("the progress could not be told", exc_info=True)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def write(run: Path, found: Told) -> None:
    """Write the file; who reads meanwhile finds the earlier one.

    Raises:
        OSError: The volume cannot be written.
    """
    sentence, record = found
    draft = run / f".{PROGRESS}"
    draft.write_text(json.dumps({"sentence": sentence, "tuning": record}), encoding="utf-8")
    draft.rename(run / PROGRESS)


def look(run: Path) -> tuple[str, dict[str, Any]]:
    """Sentence and results of a look from outside.

    Raises:
        SurroundingsError: The file is damaged.
        OSError: The volume cannot be read.
    """
    try:
        found = json.loads((run / PROGRESS).read_bytes())
        return str(found["sentence"]), {"tuning": found["tuning"]}
    except FileNotFoundError:
        return "the tuning has not told anything yet", {}
    except (ValueError, KeyError, TypeError):
        raise SurroundingsError(f"{PROGRESS} is damaged; it is written again while trials go on") from None
