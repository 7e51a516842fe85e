"""The OpenAPI description of what a server answers, made from the signature of its model."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

from mlwright.bundle.manifest import LABEL, PROBABILITIES, Datatype, Signature
from mlwright.bundle.tensors import LARGEST
from mlwright.server.access import Scheme
from mlwright.server.columns import MAX_ROWS
from mlwright.server.model import Model

Json = dict[str, Any]

_COUNT: Final = {"type": "integer", "minimum": 0}
_JSON_TYPES: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", str: "string"}

_SCHEMAS: Final[Mapping[Datatype, Json]] = {
    Datatype.FP64: {"type": ["number", "null"], "minimum": -LARGEST, "maximum": LARGEST},
    Datatype.INT64: {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    Datatype.BOOL: {"type": "boolean"},
    Datatype.BYTES: {"type": ["string", "null"]},
}
_ERRORS: Final = {
    "400": "the request does not fit; the sentence says why",
    "408": "the body did not arrive in time",
    "413": "the body is too large",
    "415": "the body is compressed",
    "422": "a number is missing, and the model takes none such",
    "429": "too much is under way; come back as Retry-After says",
    "500": "the model failed",
    "503": "the model is still loading; come back as Retry-After says",
    "504": "the model did not answer in time",
}
_PUBLIC: Final = ("/ready", "/live")
"""Ends of the paths that are answered to everybody: the kubelet has no token."""
_FEEDBACK_ERRORS: Final = {
    **{code: words for code, words in _ERRORS.items() if code not in {"422", "500", "504"}},
    "400": "the feedback does not fit its prediction; the sentence says why",
    "403": "this deployment never answered so, or the key is no longer in the Secret",
    "409": "one of these rows was told of before; nothing counts",
    "410": "the prediction is too long ago",
}


_SECURITY: Final[Mapping[Scheme, Json]] = {
    Scheme.TOKEN: {"type": "http", "scheme": "bearer"},
    Scheme.API_KEY: {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe(model: Model, *, feedback: bool, scheme: Scheme = Scheme.NONE) -> Json:
    """The description, OpenAPI 3.1; `feedback` says whether any is taken, `scheme` how clients say who they are."""
    found = _describe(model, feedback=feedback)
    return found if scheme is Scheme.NONE else _guarded(found, _SECURITY[scheme])


def _guarded(found: Json, security: Json) -> Json:
    """The description of a server that answers known clients only; its health is told to everybody."""
    unknown = {"description": "a client that is not known", "content": _content(_ref("Error"))}
    for path, methods in found["paths"].items():
        for operation in methods.values():
            if path.endswith(_PUBLIC):
                operation["security"] = []
            else:
                operation["responses"]["401"] = unknown
    schemes = {"securitySchemes": {"client": security}}
    return found | {"security": [{"client": []}], "components": found["components"] | schemes}


def _describe(model: Model, *, feedback: bool) -> Json:
    name = model.identity.deployment
    base = f"/v2/models/{name}"
    told = _operation("What was true of a prediction, or what it was worth.", "Feedback", "Taken", _FEEDBACK_ERRORS)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{name}: {model.identity.model} {model.identity.version}", "version": version("mlwright")},
        "paths": {
            "/predict": {"post": _operation("Predict rows with named fields.", "Rows", "RowAnswers")},
            f"{base}/predict": {"post": _operation("Predict rows with named fields.", "Rows", "RowAnswers")},
            f"{base}/infer": {"post": _operation("Open Inference Protocol, version 2.", "InferRequest", "InferAnswer")},
            **({f"{base}/feedback": {"post": told}} if feedback else {}),
            base: {"get": _read("Inputs, outputs and classes.")},
            f"{base}/ready": {"get": _read("Whether the model is ready.", unready=True)},
            "/v2": {"get": _read("Name and version of the server.")},
            "/v2/health/live": {"get": _read("Whether the process works.")},
            "/v2/health/ready": {"get": _read("Whether the model is ready.", unready=True)},
        },
        "components": {"schemas": _schemas(model.signature)},
    }


def _operation(summary: str, question: str, answer: str, errors: Mapping[str, str] = _ERRORS) -> Json:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _content(_ref(question))},
        "responses": {
            "200": {"description": "the answer", "content": _content(_ref(answer))},
            **{code: {"description": words, "content": _content(_ref("Error"))} for code, words in errors.items()},
        },
    }


def _read(summary: str, *, unready: bool = False) -> Json:
    content = _content({"type": "object"})
    codes = {"200": "the answer", **({"503": "not ready"} if unready else {})}
    return {
        "summary": summary,
        "responses": {code: {"description": words, "content": content} for code, words in codes.items()},
    }


def _schemas(signature: Signature) -> Json:
    row = _object({tensor.name: _SCHEMAS[tensor.datatype] for tensor in signature.inputs})
    answer = {tensor.name: _answered(tensor.name, signature) for tensor in signature.outputs}
    who = {"model_name": {"type": "string"}, "model_version": {"type": "string"}}
    return {
        "Row": row | {"additionalProperties": False},
        "Rows": {"oneOf": [_ref("Row"), {"type": "array", "items": _ref("Row"), "minItems": 1, "maxItems": MAX_ROWS}]},
        "RowAnswer": _object(answer),
        "RowAnswers": {
            "oneOf": [
                _object(answer | who),
                _object({"predictions": {"type": "array", "items": _ref("RowAnswer")}} | who),
            ]
        },
        "InferRequest": _infer_request(signature),
        "InferAnswer": _object(who | {"outputs": {"type": "array", "items": _tensor(_names(signature.outputs))}}),
        "Feedback": _feedback(answer.get(LABEL, {"type": "number"})),
        "Taken": _object(
            {"revision": {"type": "string"}, "accepted": _object({"labels": _COUNT, "rewards": _COUNT})},
        ),
        "Error": _object({"error": {"type": "string"}}),
    }


def _feedback(label: Json) -> Json:
    unknown = {"type": "null"}
    reward = {"type": "number", "minimum": 0, "maximum": 1}
    # A label may be a class that the model never saw, so only its type is known.
    known = {"type": sorted({_JSON_TYPES[type(value)] for value in label["enum"]})} if "enum" in label else label
    return {
        "type": "object",
        "required": ["prediction_id"],
        "additionalProperties": False,
        "properties": {
            "prediction_id": {"type": "string"},
            "labels": {"type": ["array", "null"], "items": {"anyOf": [known, unknown]}},
            "rewards": {"type": ["array", "null"], "items": {"anyOf": [reward, unknown]}},
        },
    }


def _infer_request(signature: Signature) -> Json:
    names, outputs = _names(signature.inputs), _names(signature.outputs)
    output = _object({"name": {"enum": outputs}})
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": _tensor(names), "minItems": len(names), "maxItems": len(names)},
            "outputs": {"type": "array", "items": output, "maxItems": len(outputs)},
        },
    }


def _tensor(names: list[str]) -> Json:
    return _object(
        {
            "name": {"enum": names},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 2},
            "datatype": {"type": "string"},
            "data": {"type": "array"},
        }
    )


def _answered(name: str, signature: Signature) -> Json:
    if name == PROBABILITIES:
        return {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
    return {"enum": list(signature.classes)} if name == LABEL else {"type": ["number", "null"]}


def _object(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _names(tensors: Iterable[Any]) -> list[str]:
    return [tensor.name for tensor in tensors]


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
