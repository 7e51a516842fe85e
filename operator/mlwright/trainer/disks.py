"""What errors of files mean, in words for who runs the pod: which disk it was, and what helps."""

import errno
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mlwright.bundle.addresses import Scheme

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_ROOM: Final = 64 << 10
"""Bytes: a disk with fewer of them is the one that was full."""
_NODE: Final = (
    "the pod has no more room on the disk of its node, where it keeps temporary files and copies from object stores:"
    " free that disk, or give the pod more ephemeral-storage in pod.resources"
)


def in_words(problem: OSError, root: Path) -> str:
    """What happened and what helps; of a path only the name, and the claim below the mount root that it is on."""
    path = Path(str(problem.filename)) if problem.filename else None
    if problem.errno in _FULL:
        return _full(_claim(path, root)) if path else _full_somewhere(root)
    name = path.name if path else "a file"
    if problem.errno in _REFUSED:
        claim = _claim(path, root) if path else ""
        where = f"claim {claim}" if claim else "the folder that it is in"
        return f"{name} cannot be read or written: let the user of the pod do so in {where}"
    return f"reading or writing {name} failed: {problem.strerror or type(problem).__name__}"


def _full(claim: str) -> str:
    return f"claim {claim} is full: free space on it or use a larger one" if claim else _NODE


def _full_somewhere(root: Path) -> str:
    """What is said where the error names no file, as libraries do it: the disk that has no room is the one."""
    claims = sorted(path.name for path in (root / Scheme.PVC).glob("*"))
    full = [claim for claim in claims if _room(root / Scheme.PVC / claim) < _NO_ROOM]
    if full or not claims:
        return _full(full[0] if full else "")
    return f"a disk is full: {_listed(claims)}, or what the pod may use of its node's; free space there"


def _room(folder: Path) -> float:
    """Free bytes; of a disk that does not answer nothing is said."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return math.inf


def _listed(claims: Sequence[str]) -> str:
    return f"that of claim {claims[0]}" if len(claims) == 1 else f"that of one of the claims {', '.join(claims)}"


def _claim(path: Path, root: Path) -> str:
    """The claim on which a file lies; empty for one that is on none."""
    below = root / Scheme.PVC
    return path.relative_to(below).parts[0] if path.is_relative_to(below) and path != below else ""
