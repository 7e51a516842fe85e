"""tritonclient, an independent client of the protocol, in an environment of its own: its messages clash with ours.

`python triton.py http|grpc ADDRESS TOKEN AUTHORITY MODEL` asks a server of the flight bundle and prints its answers.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

INPUTS: dict[str, tuple[str, list[Any]]] = {
    "distance": ("FP64", [1400.0, 200.5]),
    "dep_hour": ("INT64", [7, 21]),
    "weekend": ("BOOL", [False, True]),
    "carrier": ("BYTES", ["UA", "ZZ"]),
}


def talk(
    protocol: str, address: str, token: str = "", authority: str = "", *, model: str = "flights"
) -> dict[str, Any]:
    """What the client of a protocol is answered by the server at an address."""
    from tests.support.locked import environment  # noqa: PLC0415 - the other side of this file has no such module

    python = environment(Path(__file__).with_name("tritonclient.txt"))
    command: list[str | Path] = [python, "-W", "ignore", __file__, protocol, address, token, authority, model]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def _ask(protocol: str, address: str, token: str, authority: str, model: str) -> dict[str, Any]:
    library: Any = importlib.import_module(f"tritonclient.{protocol}")
    client = library.InferenceServerClient(address, **_encrypted(protocol, authority))

    def headers() -> dict[str, str] | None:
        return {"authorization": f"Bearer {token}"} if token else None  # a new one: the client adds its own to it

    plain = {"as_json": True} if protocol == "grpc" else {}
    found: dict[str, Any] = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model),
        "server": client.get_server_metadata(headers=headers(), **plain),
        "model": client.get_model_metadata(model, headers=headers(), **plain),
    }
    for form, binary in (("binary", True), ("plain", False)) if protocol == "http" else (("binary", True),):
        given = {"binary_data": binary} if protocol == "http" else {}
        wanted = [library.InferRequestedOutput(name, **given) for name in ("label", "probabilities")]
        inputs = _inputs(library, given)
        result = client.infer(model, inputs, outputs=wanted, request_id="ride-1", headers=headers())
        found[form] = {name: result.as_numpy(name).tolist() for name in ("label", "probabilities")}
        answer = result.get_response(**plain)
        found[f"{form} id"] = answer["id"]
    found["all"] = client.infer(model, _inputs(library, {}), headers=headers()).as_numpy("label").tolist()
    found["errors"] = {
        "another model": _error(lambda: client.infer("boats", _inputs(library, {}), headers=headers())),
        "an input too few": _error(lambda: client.infer(model, _inputs(library, {})[:3], headers=headers())),
        "no token": _error(lambda: client.infer(model, _inputs(library, {}))),
    }
    return found


def _encrypted(protocol: str, authority: str) -> dict[str, Any]:
    if not authority:
        return {}
    if protocol == "grpc":
        return {"ssl": True, "root_certificates": authority}
    context = importlib.import_module("gevent.ssl").create_default_context
    return {
        "ssl": True,
        "ssl_options": {"ca_certs": authority},
        "ssl_context_factory": lambda: context(cafile=authority),
    }


def _inputs(library: Any, given: dict[str, Any]) -> list[Any]:
    numpy = importlib.import_module("numpy")
    kinds = {"FP64": "float64", "INT64": "int64", "BOOL": "bool", "BYTES": "object"}
    inputs = []
    for name, (datatype, values) in INPUTS.items():
        tensor = library.InferInput(name, [len(values), 1], datatype)
        tensor.set_data_from_numpy(numpy.array(values, dtype=kinds[datatype]).reshape(-1, 1), **given)
        inputs.append(tensor)
    return inputs


def _error(ask: Any) -> list[str]:
    """Status and sentence of a refusal; empty for none."""
    try:
        ask()
    except importlib.import_module("tritonclient.utils").InferenceServerException as refusal:
        return [str(refusal.status()), str(refusal.message())]
    return []


if __name__ == "__main__":
    print(json.dumps(_ask(*sys.argv[1:])))  # noqa: T201 - the answer to the test that started it
