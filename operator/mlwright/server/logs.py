"""Logs as one JSON object per line on standard error, for machines to read and people to grep."""

import json
import logging
import sys
from datetime import UTC, datetime

# What every record carries; all else was put there by `extra` and is ours to print.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level and message first, then the fields of the record in the order given."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON; a value that JSON does not know is printed as text."""
        document: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        document |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str, ensure_ascii=False)


def configure() -> None:
    """Send all logging to standard error as JSON. Requests are counted, not logged."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Its lines below ERROR are one per malformed request: a log that strangers could fill.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
