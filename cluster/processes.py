"""Daemons that live no longer than the process that started them."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cluster.commands import last_lines

_STOP_SECONDS = 10.0


class Daemon:
    """One of kube's programs, running in the background with a log file.

    The program holds the reading end of a pipe as its standard input and ends when the pipe closes. So it ends
    with its parent, also when that one is killed.
    """

    def __init__(self, name: str, argv: Sequence[str | Path], log: Path) -> None:
        self.name = name
        self.log = log
        self._argv = [str(part) for part in argv]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once. The log of an earlier start is kept."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "KUBE_LIFELINE": "stdin"},
                start_new_session=True,  # Ctrl-C is for the parent, which then stops us in order
            )

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self.is_running() and self._process else None

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self, *, kill: bool = False) -> None:
        """End it by SIGTERM, or by SIGKILL when asked to or when it does not listen."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()

    def last_words(self) -> str:
        """The end of its log, to be appended to an error sentence."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f" the last lines of {self.name}:{last_lines(text)}"
