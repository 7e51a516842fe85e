"""`python -m mlwright.server.replay`: ask a version what others were asked, and count how often it says the same.

It takes the variables of the server that name a bundle, `MLWRIGHT_REPLAY_URI` (a payload log), and perhaps
`MLWRIGHT_REPLAY_REQUESTS` and `MLWRIGHT_REPLAY_TOLERANCE`, and prints one JSON object.
"""

import logging
import os
import sys
from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from mlwright.bundle.addresses import ARTIFACTS, locate, mount_root, parse
from mlwright.bundle.errors import AddressError
from mlwright.process import logs
from mlwright.process.last_words import leave_last_words, termination_log
from mlwright.process.threads import pin_pools, pool_size
from mlwright.server.failures import UnservableError, exit_code, sentence
from mlwright.server.settings import Settings

log = logging.getLogger(__name__)

REQUESTS: Final = 5000
"""Newest requests that are asked again, unless told otherwise."""
MOST_LINE_BYTES: Final = 64 * 1024 * 1024
URI: Final = "MLWRIGHT_REPLAY_URI"


@dataclass(slots=True)
class Agreement:
    """What came of asking again."""

    requests: int = 0
    rows: int = 0
    agreed: int = 0
    disagreed: int = 0
    failed: int = 0
    oldest: float | None = None
    newest: float | None = None
    problem: str = ""
    """Why the first of the failed ones failed."""


def main(environ: MutableMapping[str, str]) -> int:
    """Replay, print, and turn whatever goes wrong into one sentence and an exit code."""
    logs.configure()
    try:
        settings = Settings.from_env(environ)
        found = _replay(settings, environ)
    except Exception as failure:
        words = sentence(failure)
        log.exception("cannot replay", extra={"sentence": words})
        leave_last_words(termination_log(environ), words.encode())
        return exit_code(failure)
    sys.stdout.write(orjson.dumps(found).decode() + "\n")
    leave_last_words(termination_log(environ), orjson.dumps(found))
    return 0


def newest(folder: Path, most: int, named: str = "*.jsonl") -> Iterable[bytes]:
    """The newest lines of all logs in a folder that are named so, by the time of their requests, oldest first.

    A line that is cut off, because its pod ended while it wrote, is passed over.
    """
    kept: list[tuple[float, bytes]] = []
    for path in sorted(folder.rglob(named)):
        with path.open("rb") as file:
            last = deque((line for line in file if line.endswith(b"\n") and len(line) < MOST_LINE_BYTES), maxlen=most)
        kept = sorted([*kept, *((_time(line), line) for line in last)])[-most:]
    return [line for at, line in kept if at]


def _time(line: bytes) -> float:
    try:
        at = orjson.loads(line)["at"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return 0.0
    return float(at) if isinstance(at, int | float) else 0.0


def _replay(settings: Settings, environ: MutableMapping[str, str]) -> Agreement:
    # Pools are sized when the libraries are imported, so the imports have to wait for the settings.
    pin_pools(environ, pool_size(settings.cpus))
    from mlwright.server.loading import load  # noqa: PLC0415
    from mlwright.server.replaying import ask_again  # noqa: PLC0415

    root = mount_root(environ)
    folder = _folder(environ, root)
    tolerance = _number(environ, "MLWRIGHT_REPLAY_TOLERANCE", 0.05)
    most = int(_number(environ, "MLWRIGHT_REPLAY_REQUESTS", REQUESTS))
    return ask_again(load(settings, root), newest(folder, most), tolerance)


def _folder(environ: Mapping[str, str], root: Path) -> Path:
    uri = environ.get(URI, "")
    try:
        folder = locate(parse(uri, field=URI, schemes=ARTIFACTS), root)
    except AddressError as problem:
        raise UnservableError(str(problem)) from problem
    if not folder.is_dir():
        raise UnservableError(f"{URI}: there is no payload log at {uri}")
    return folder


def _number(environ: Mapping[str, str], variable: str, default: float) -> float:
    try:
        value = float(environ.get(variable) or default)
    except ValueError:
        value = -1
    if not 0 <= value < sys.maxsize:
        raise UnservableError(f"{variable} is {environ[variable]!r}: expected a number from 0")
    return value


if __name__ == "__main__":
    sys.exit(main(os.environ))
