"""`python -m mlwright.trainer STEP`: pin the threads, then start."""

import os
import signal
import sys

from mlwright.process import logs, threads

_LIMIT = "MLWRIGHT_CPU_LIMIT"


def _threads() -> int:
    try:
        return threads.pool_size(float(os.environ[_LIMIT]))
    except (KeyError, ValueError):  # not told, or not a number: ask the kernel
        return threads.pool_size(threads.granted_cpus())


def _end(*_: object) -> None:
    os._exit(128 + signal.SIGTERM)  # nothing is half written: a step's folder appears whole or not at all


def main() -> int:
    """Run a step; the number of threads is settled before anything numerical is imported."""
    threads.pin_pools(os.environ, _threads())
    logs.configure()
    # The kernel keeps a signal without a handler from the first process of a container: its pod would linger for 30 s.
    signal.signal(signal.SIGTERM, _end)
    from mlwright.trainer.program import main as run  # noqa: PLC0415 - after the threads are pinned

    return run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
