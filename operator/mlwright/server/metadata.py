"""What the server says about itself and its model, and about paths that it does not have."""

from importlib.metadata import version
from typing import Any

from mlwright.server.model import Model
from mlwright.server.phrases import quoted
from mlwright.server.settings import Identity


def server() -> dict[str, Any]:
    """The protocol's server metadata."""
    return {"name": "mlwright", "version": version("mlwright"), "extensions": ["binary_tensor_data"]}


def model(loaded: Model) -> dict[str, Any]:
    """The protocol's model metadata; `classes` names the columns of `probabilities`."""
    return {
        "name": loaded.identity.deployment,
        "versions": [loaded.identity.version],
        "platform": loaded.platform,
        "inputs": [
            {"name": tensor.name, "datatype": tensor.datatype, "shape": [-1, 1]} for tensor in loaded.signature.inputs
        ],
        "outputs": [
            {"name": tensor.name, "datatype": tensor.datatype, "shape": loaded.output_shape(tensor.name)}
            for tensor in loaded.signature.outputs
        ],
        "parameters": {
            "model": loaded.identity.model,
            "revision": loaded.identity.revision,
            "classes": list(loaded.signature.classes),
        },
    }


def explain_missing(path: str, identity: Identity) -> str:
    """Why there is nothing at a path, and what is there instead."""
    match path.strip("/").split("/"):
        case ["v2", "models", name, *_] if name != identity.deployment:
            return f'model {quoted(name)} is not served here: this is "{identity.deployment}"'
        case ["v2", "models", _, "versions", wanted, *_] if wanted != identity.version:
            return f'version {quoted(wanted)} is not served here: this is "{identity.version}"'
    return f"{quoted(path)} is not a path of this server: see /v2/models/{identity.deployment}"
