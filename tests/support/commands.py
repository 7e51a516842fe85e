"""What a command of `kubectl mlwright` said, and how tests run one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """What it printed for programs."""
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Said]
Told = Callable[..., None]
