"""Checking the signature of a bundle, in a process of its own: what that needs of memory goes with it.

`python -m mlwright.server.signature FOLDER` reads the trusted keys from standard input, as JSON by name.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mlwright.bundle.errors import BundleError
from mlwright.bundle.signatures import check

log = logging.getLogger(__name__)

REFUSED: Final = 3
"""Exit code of the process that found that the signature does not hold; no code of Python's own."""


def check_apart(folder: Path, keys: Mapping[str, str]) -> None:
    """Check the signature of a bundle without keeping anything in this process.

    Raises:
        BundleError: The signature is missing or does not hold; the sentence says why.
        OSError: The check itself failed.
    """
    command = [sys.executable, "-m", "mlwright.server.signature", str(folder)]
    ended = subprocess.run(command, input=json.dumps(dict(keys)), capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode == REFUSED:
        raise BundleError(ended.stdout.strip())
    if ended.returncode:
        raise OSError(f"the signature could not be checked: {ended.stderr.strip()[-300:]}")
    log.info("signature holds", extra={"key": ended.stdout.strip()})


def main(arguments: Sequence[str]) -> int:
    """Print the name of the key that signed, or why the signature does not hold."""
    try:
        told, code = check(Path(arguments[0]), json.load(sys.stdin)), 0
    except BundleError as problem:
        told, code = str(problem), REFUSED
    sys.stdout.write(told)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
