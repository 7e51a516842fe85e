"""What an earlier object of a name left: it is not its successor's, and goes because its owner has gone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NAMED: Final = 3
"""So many are named."""


def awaited(left: Sequence[str], earlier: str) -> str:
    """Return the sentence of an object that waits until they are gone.

    Args:
        left: what is there, by kind and name.
        earlier: what left it.

    >>> awaited(("Job a", "Job b", "Job c", "Job d"), "an earlier run")
    'waits until Kubernetes has removed what an earlier run left (Job a, Job b, Job c and 1 more)'
    """
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"waits until Kubernetes has removed what {earlier} left ({', '.join(left[:NAMED])}{more})"
