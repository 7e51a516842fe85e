"""`python -m mlwright.server`: serve one bundle until told to stop."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import NoReturn

from mlwright.bundle.addresses import mount_root
from mlwright.process import logs
from mlwright.process.last_words import leave_last_words, termination_log
from mlwright.process.threads import pin_pools, pool_size
from mlwright.server.failures import exit_code, sentence
from mlwright.server.settings import Settings

log = logging.getLogger("mlwright.server")


def main(environ: MutableMapping[str, str]) -> int:
    """Serve, and turn whatever goes wrong into one sentence and an exit code."""
    logs.configure()
    try:
        settings = Settings.from_env(environ)
        _serve(settings, environ)
    except Exception as failure:
        words = sentence(failure)
        log.exception("cannot serve", extra={"sentence": words})
        leave_last_words(termination_log(environ), words.encode())
        return exit_code(failure)
    return 0


def _serve(settings: Settings, environ: MutableMapping[str, str]) -> None:
    # Pools are sized when the libraries are imported, so the imports have to wait for the settings.
    pin_pools(environ, pool_size(settings.cpus))
    import uvloop  # noqa: PLC0415

    from mlwright.server.lifecycle import serve  # noqa: PLC0415

    uvloop.run(serve(settings, mount_root(environ)))


def _end(code: int) -> NoReturn:
    """End at once: a thread inside of a native library, loading a model, would abort an interpreter that ends."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(main(os.environ))
