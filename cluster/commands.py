"""Running other programs, with an error that shows what they said last."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.errors import ClusterError

# Program and arguments.
Argv = list[str | Path]

_LAST_LINES = 15


def last_lines(text: str) -> str:
    """The end of a program's output, indented under a sentence."""
    lines = text.strip().splitlines()[-_LAST_LINES:]
    return "".join(f"\n    {line}" for line in lines)


def run(
    what: str,
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    Args:
        what: the subject of the error sentence, such as "building kube".
        argv: program and arguments.
        cwd: working directory.
        env: variables to set in addition to our own.
        stdin: text for standard input; without it the program gets an empty one.

    Raises:
        ClusterError: the program is missing or failed; with the last lines that it printed.
    """
    try:
        done = subprocess.run(
            [str(part) for part in argv],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{what} failed: the program {argv[0]} is not installed") from error
    if done.returncode != 0:
        said = last_lines(done.stderr or done.stdout)
        raise ClusterError(f"{what} failed with exit code {done.returncode}:{said}")
    return done.stdout


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Whether a program exists and ends with exit code 0."""
    try:
        done = subprocess.run(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        return False
    return done.returncode == 0
