"""Which versions made a model."""

import platform
from importlib.metadata import version
from typing import Final

from mlwright.bundle.manifest import Format

_RECORDED: Final = ("mlwright", "numpy", "onnx", "onnxruntime", "pyarrow", "scikit-learn", "scipy", "skl2onnx", "skops")
_ANSWERING: Final = {Format.ONNX: ("onnxruntime",), Format.SKOPS: ("skops",), Format.PICKLE: ()}


def environment() -> dict[str, str]:
    """Versions of Python and of every library that takes part, for the record of the run."""
    return {"python": platform.python_version()} | {name: version(name) for name in _RECORDED}


def framework(model_format: Format) -> dict[str, str]:
    """Versions that can change what a model answers: part of the bundle's digest."""
    names = ("numpy", "scikit-learn", *_ANSWERING[model_format])
    return {"python": ".".join(platform.python_version_tuple()[:2])} | {name: version(name) for name in names}
