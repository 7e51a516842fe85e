"""What the operator imports stays in its memory for good and is paid for at each start."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "kubernetes": "reads kubeconfig files, which no pod has: 11 MB",
    "numpy": "belongs to trainer and server",
    "onnx": "belongs to trainer and server",
    "pandas": "nobody needs it",
    "pyarrow": "belongs to the trainer",
    "requests": "aiohttp asks for everything",
    "scipy": "belongs to trainer and server",
    "sklearn": "belongs to trainer and server",
    "urllib3": "aiohttp asks for everything",
}


def test_the_operator_imports_nothing_heavy() -> None:
    """Not by way of a library either, which no rule about our own imports would notice."""
    script = "import sys, mlwright.main; print(*{name.partition('.')[0] for name in sys.modules})"
    imported = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "kopf" in imported.split()
    assert HEAVY.keys() & set(imported.split()) == set()
