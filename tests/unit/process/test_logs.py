"""Log lines of the programs inside pods."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from mlwright.process.logs import JsonFormatter


def line(**members: object) -> dict[str, object]:
    document: dict[str, object] = json.loads(JsonFormatter().format(logging.makeLogRecord(members)))
    return document


def test_a_log_line_is_one_json_object() -> None:
    """Fields stand beside the message, whatever their type."""
    document = line(msg="ready", levelname="INFO", name="x", port=80, path=Path("/a"))

    assert (document["message"], document["level"], document["port"], document["path"]) == ("ready", "info", 80, "/a")


def test_an_exception_is_part_of_its_line() -> None:
    """A traceback does not break the rule of one line for each record."""
    failure = ValueError("no\nway")

    document = line(msg="failed", levelname="ERROR", exc_info=(ValueError, failure, None))

    assert "ValueError: no\nway" in str(document["exception"])
