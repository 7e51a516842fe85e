"""Environments of programs that tests and benchmarks use and nothing ships: pinned, hashed, each in a place of its own.

They are installed once, into the user's cache, by the same tool that resolves the project's own requirements.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

LOCK_SCRIPT: Final = Path(__file__).parents[2] / "scripts" / "lock.sh"


def environment(lock: Path) -> Path:
    """Make the environment of a lock file where it is not there, and return its Python."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlwright"
    home = cache / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # tests that run side by side install once
        if not (home / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
            into: list[str | Path] = ["--quiet", "--python", home / "bin/python", "--require-hashes"]
            subprocess.run([_installer(cache), "pip", "install", *into, "--requirement", lock], check=True)
            (home / "ready").touch()
    return home / "bin/python"


def _installer(cache: Path) -> Path:
    """Return the tool that resolves requirements (scripts/lock.sh); it installs these in seconds, pip in minutes."""
    (version,) = re.findall(r"^UV_VERSION=(.+)$", LOCK_SCRIPT.read_text(), re.MULTILINE)
    tool = cache / f"lock-tool-{version}"
    if not (tool / "bin/uv").exists():
        subprocess.run([sys.executable, "-m", "venv", tool], check=True)
        subprocess.run([tool / "bin/python", "-m", "pip", "install", "--quiet", f"uv=={version}"], check=True)
    return tool / "bin/uv"
