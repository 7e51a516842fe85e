"""Lines of the log, for collectors and for people."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from mlwright.controller import logs


def record(**fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "mlwright.x", "levelname": "INFO", "msg": "v8 takes over", "created": 0.5})
    vars(made).update(fields)
    return made


def test_a_json_line_holds_the_message_and_the_fields() -> None:
    """A collector finds the object by name."""
    line = json.loads(logs.JsonFormatter().format(record(kind="ModelDeployment", object="web")))

    assert line == {
        "time": "1970-01-01T00:00:00.500Z",
        "level": "INFO",
        "logger": "mlwright.x",
        "message": "v8 takes over",
        "kind": "ModelDeployment",
        "object": "web",
    }


def test_a_text_line_is_readable() -> None:
    """Time, level, sentence, fields."""
    line = logs.TextFormatter().format(record(object="web"))

    assert line == "1970-01-01T00:00:00.500Z INFO    v8 takes over object=web"


def test_a_traceback_is_told() -> None:
    """A defect can be found from the log alone."""
    try:
        raise ZeroDivisionError("oops")  # noqa: TRY301  # to have a traceback
    except ZeroDivisionError:
        info = sys.exc_info()

    assert "ZeroDivisionError: oops" in json.loads(logs.JsonFormatter().format(record(exc_info=info)))["traceback"]
    assert "ZeroDivisionError: oops" in logs.TextFormatter().format(record(exc_info=info))


@pytest.mark.parametrize("form, level, name", [("xml", "INFO", "FORMAT"), ("json", "LOUD", "LEVEL")])
def test_a_wrong_setting_is_named(form: str, level: str, name: str) -> None:
    """The message says which variable and what it may be."""
    with pytest.raises(ValueError, match=f"MLWRIGHT_LOG_{name} is .*, expected"):
        logs.configure(form, level)


def test_the_note_about_signals_is_left_out() -> None:
    """The event loop is beside the main thread on purpose."""
    note = logging.makeLogRecord({"name": "kopf._core.reactor.running", "msg": "OS signals are ignored: ..."})

    assert not logs._worth_telling(note)
    assert logs._worth_telling(record())
