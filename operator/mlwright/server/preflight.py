"""`python -m mlwright.server.preflight`: ask the pods of a candidate before anybody else does, and say what is wrong.

It takes the variables of the server, and `MLWRIGHT_PREFLIGHT`: whom to ask, how many recorded requests, how quickly
answers must come. Its termination message is a step's result; it ends with 64 when a pod did not answer as expected,
and with 70 when it could not ask, so that another try may.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from mlwright.bundle.addresses import mount_root
from mlwright.constants import EXIT_OUR_ERROR, EXIT_USER_ERROR
from mlwright.process import logs
from mlwright.process.last_words import leave_last_words, termination_log
from mlwright.process.threads import pin_pools
from mlwright.server.failures import UnservableError, sentence
from mlwright.server.settings import Settings

log = logging.getLogger("mlwright.server.preflight")

TOLD: Final = "MLWRIGHT_PREFLIGHT"


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be asked of whom."""

    pods: tuple[str, ...]
    """Their addresses."""
    port: int
    requests: int
    """Recorded ones, the newest."""
    recorded_by: str
    """The revision that answered them."""
    bound: float | None = None
    """Seconds that an answer may take; None for as long as the server itself allows."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Errand":
        """Read the document.

        Raises:
            UnservableError: It is absent, or not one.
        """
        try:
            told = orjson.loads(env[TOLD])
            bound = told.get("latencySeconds")
            pods, port, requests = tuple(told["pods"]), int(told["port"]), int(told["requests"])
            return cls(pods, port, requests, str(told["recordedBy"]), float(bound) if bound else None)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise UnservableError(f"{TOLD} is no document with pods, port, requests and recordedBy") from problem


def main(environ: MutableMapping[str, str]) -> int:
    """Ask, tell what came of it, and turn whatever goes wrong into one sentence and an exit code."""
    logs.configure()
    pin_pools(environ, 1)
    from mlwright.server.rehearsal import AwayError, OtherwiseError  # noqa: PLC0415 - after pools are pinned

    try:
        said, results = _ask(Settings.from_env(environ), Errand.from_env(environ), mount_root(environ))
    except OtherwiseError as found:
        log.error("answered otherwise than expected", extra={"sentence": str(found)})  # noqa: TRY400 - no fault of ours
        _tell(environ, "UserError", str(found), found.counted)
        return EXIT_USER_ERROR
    except Exception as failure:
        words = str(failure) if isinstance(failure, AwayError) else sentence(failure)
        log.exception("cannot ask", extra={"sentence": words})
        _tell(environ, "Failed", words, {})
        return EXIT_OUR_ERROR
    log.info("answered as expected", extra={"sentence": said})
    _tell(environ, "Succeeded", said, results)
    return 0


def _ask(settings: Settings, errand: Errand, root: Path) -> tuple[str, Mapping[str, Any]]:
    from mlwright.bundle.golden import read_golden  # noqa: PLC0415 - as above
    from mlwright.server.keeping import private_copy  # noqa: PLC0415 - as above
    from mlwright.server.rehearsal import Rehearsal, golden, recorded  # noqa: PLC0415 - as above

    with private_copy(settings, root) as (manifest, folder):
        known = tuple(golden(read_golden(folder), manifest.core.signature))
    before = tuple(recorded(settings, errand.requests, errand.recorded_by))
    rehearsal = Rehearsal(settings, manifest.core.signature, errand.bound)
    asyncio.run(rehearsal.ask_all([(pod, errand.port) for pod in errand.pods], known, before))
    return rehearsal.sentence, rehearsal.counted


def _tell(environ: Mapping[str, str], outcome: str, said: str, results: Mapping[str, Any]) -> None:
    document = {"schemaVersion": 1, "outcome": outcome, "sentence": said, "results": dict(results)}
    leave_last_words(termination_log(environ), orjson.dumps(document))


if __name__ == "__main__":
    sys.exit(main(os.environ))
