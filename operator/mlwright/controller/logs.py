"""Logs on standard error: JSON for collectors, text for people. Messages are constant or a decision's sentence; the
rest is in fields.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import to_json

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_FOREIGN: Final = ("kopf", "kubernetes", "aiohttp", "asyncio")


def configure(form: str, level: str) -> None:
    """Set up logging of the whole process.

    Raises:
        ValueError: an unknown form or level; the message names what is allowed.
    """
    if form not in _FORMATTERS:
        raise ValueError(f"MLWRIGHT_LOG_FORMAT is {form!r}, expected one of {', '.join(_FORMATTERS)}")
    if level not in logging.getLevelNamesMapping():
        raise ValueError(f"MLWRIGHT_LOG_LEVEL is {level!r}, expected DEBUG, INFO, WARNING or ERROR")
    handler = logging.StreamHandler()
    handler.setFormatter(_FORMATTERS[form]())
    handler.addFilter(_worth_telling)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _FOREIGN:  # what they have to say at INFO is about themselves
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def _worth_telling(record: logging.LogRecord) -> bool:
    """Leave out what is so on purpose: the event loop runs beside the main thread, which takes the signals."""
    return not (record.name == "kopf._core.reactor.running" and "OS signals are ignored" in record.getMessage())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger, message, the fields, and the traceback if there is one."""
        line = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return to_json(line, fallback=str).decode()


class TextFormatter(logging.Formatter):
    """One readable line, fields at its end."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, message, fields, and the traceback below."""
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        line = f"{_moment(record)} {record.levelname:<7} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


_FORMATTERS: Final[dict[str, type[logging.Formatter]]] = {"json": JsonFormatter, "text": TextFormatter}
