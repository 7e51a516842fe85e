"""`replay`: looks that an operator wrote out are decided again, here and without a cluster."""

from __future__ import annotations

from pathlib import Path

from mlwright.api.conditions import timestamp
from mlwright.cli.answers import Answer, Code, CommandError
from mlwright.controller.looks import Played, Unreadable, played


def answer(file: Path) -> Answer:
    """Say of each look whether the same comes of it, and of each line that is none why.

    Raises:
        CommandError: the file cannot be read, or no line of it is a look.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            read = list(played(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(Code.USAGE, f"{file} cannot be read: {error}") from error
    found = [one for one in read if isinstance(one, Played)]
    unread = [one.sentence for one in read if isinstance(one, Unreadable)]
    if unread and not found:
        raise CommandError(Code.USAGE, f"{file}: {unread[0]}; let the operator of this version write it anew")
    others = [one for one in found if not one.same]
    end = f"{len(found)} looks, " + (f"{len(others)} decided otherwise" if others else "all decided as then")
    end += f"; {len(unread)} lines could not be read" if unread else ""
    text = "\n".join([*(line for one in found for line in _lines(one)), *unread, end])
    told = {"looks": [_told(one) for one in found], "unreadable": unread}
    return Answer(text, told, Code.NOT_SO if others or unread else Code.DONE)


def _lines(one: Played) -> list[str]:
    then = f"{timestamp(one.look.at)}  {one.look.seen.namespace}/{one.look.seen.name}: {one.look.sentence}"
    if one.same:
        return [then]
    now = f"  now: {one.sentence}" if one.sentence != one.look.sentence else "  now: the same sentence"
    gone = [f"  not any more: {deed}" for deed in one.look.deeds if deed not in one.deeds]
    new = [f"  instead: {deed}" for deed in one.deeds if deed not in one.look.deeds]
    return [then, now, *gone, *new]


def _told(one: Played) -> dict[str, object]:
    return {
        "at": timestamp(one.look.at),
        "namespace": one.look.seen.namespace,
        "name": one.look.seen.name,
        "same": one.same,
        "then": {"sentence": one.look.sentence, "writes": list(one.look.deeds)},
        "now": {"sentence": one.sentence, "writes": list(one.deeds)},
    }
