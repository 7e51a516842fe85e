"""The termination message: what Kubernetes keeps of a container after it ended."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KEPT_BYTES: Final = 4096
"""The kubelet keeps this much of a termination message."""

_DEFAULT: Final = "/dev/termination-log"


def termination_log(env: Mapping[str, str]) -> Path:
    """Where the message goes: `MLWRIGHT_TERMINATION_LOG`, or the place that Kubernetes reads by default."""
    return Path(env.get("MLWRIGHT_TERMINATION_LOG") or _DEFAULT)


def leave_last_words(path: Path, words: bytes) -> None:
    """Write the message. Outside a pod there is nowhere to write it; the log has the sentence as well."""
    with contextlib.suppress(OSError):
        path.write_bytes(words[:KEPT_BYTES])
