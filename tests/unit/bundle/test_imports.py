"""What importing a part of the bundle brings along."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(30)  # starts interpreters

LIGHT = ("addresses", "canonical", "documents", "golden", "manifest", "profile", "verification")


def _imported(*modules: str) -> set[str]:
    names = ", ".join(f"mlwright.bundle.{module}" for module in modules)
    command = f"import sys, {names}; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in printed.split()}


def test_the_light_parts_need_the_standard_library_only() -> None:
    """The control plane reads addresses and must stay small."""
    foreign = _imported(*LIGHT) - set(sys.stdlib_module_names) - {"mlwright", "__main__"}

    assert {name for name in foreign if not name.startswith(("_", "sitecustomize"))} == set()


def test_loading_models_imports_no_library_before_a_bundle_asks_for_it() -> None:
    """A server of ONNX bundles never pays for scikit-learn."""
    assert not _imported("models") & {"onnxruntime", "sklearn", "skops", "pyarrow", "scipy"}
