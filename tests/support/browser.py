"""A real browser: opens a page and says what it shows and what went wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import packages

PACKAGE: Final = "chromium-headless-shell"
PROGRAMS: Final = ("chromium-headless-shell", "chromium", "google-chrome", "chrome-headless-shell")
_FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr")


@dataclass(frozen=True, slots=True)
class Browser:
    """A program that shows pages."""

    program: str

    @classmethod
    def ready(cls) -> Browser:
        """Return the browser of this machine; one that has none gets it from its distribution.

        Raises:
            ClusterError: it cannot be installed.
        """
        if not any(map(shutil.which, PROGRAMS)):
            packages.install([PACKAGE])
        return cls(next(filter(None, map(shutil.which, PROGRAMS))))

    def dump(self, page: Path) -> tuple[str, list[str]]:
        """Return the page as the browser understood it, and what it complained of on its console."""
        ended = self._run(page, "--dump-dom")
        return ended.stdout, re.findall(r"CONSOLE.*", ended.stderr)

    def photograph(self, page: Path, picture: Path, *, width: int = 1100, height: int = 2200) -> None:
        """Take a picture of a page."""
        self._run(page, f"--screenshot={picture}", f"--window-size={width},{height}")

    def _run(self, page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.program, *_FLAGS, *arguments, page.resolve().as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
