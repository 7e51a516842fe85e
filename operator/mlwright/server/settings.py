"""What the server is told at its start: the environment, read once, into one frozen value."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mlwright.process.threads import granted_cpus
from mlwright.server.access import Scheme
from mlwright.server.failures import UnservableError

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PORTS = range(65536)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: the labels of every series and the names in every answer."""

    deployment: str  # M in /v2/models/M
    model: str
    version: str
    revision: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can differ between two servers of the same image."""

    identity: Identity
    bundle_uri: str
    bundle_digest: str
    port: int  # 0 takes a free one, which the log then names
    drain_seconds: float
    timeout_seconds: float  # for one request, from its headers to its answer
    max_body_bytes: int
    cpus: float
    auth: Scheme = Scheme.NONE
    auth_file: Path | None = None  # the accepted tokens or keys, one a line
    grpc_port: int | None = None  # 0 takes a free one; none: no gRPC
    keep_folder: Path | None = None  # where fetched bundles outlive the container; none: nothing is kept
    cache_folder: Path | None = None  # where pods leave what they fetched for others; none: no cache
    allow_unsafe_formats: bool = False  # whether a pickle is loaded, which can run any code
    tls_folder: Path | None = None  # tls.crt and tls.key; none: no TLS
    verify_keys: Mapping[str, str] = field(
        default_factory=dict
    )  # trusted public keys by name; none: no signature needed
    feedback_keys: Path | None = None  # folder with the keys of prediction ids; None: no feedback is taken
    label_window_seconds: float = 604_800.0  # for how long after a prediction its feedback is taken
    traffic: Path | None = None  # folder with the document that says which revision gets copies of requests
    payload_log: Path | None = None  # folder into which a sample of requests is written; None: none is
    payload_share: float = 0.01  # which share of the requests is written
    payload_sent: bool = False  # whether another container takes the files away to an object store
    shadow_address: tuple[str, int] | None = None  # where it is found; None: at the Service of its name

    def bundle_field(self, member: str) -> str:
        """Where `uri` or `digest` of the bundle was said: in the ModelVersion, or by whoever starts the server."""
        if self.identity.version.isdecimal():
            return f"ModelVersion {self.identity.model}-v{self.identity.version} spec.bundle.{member}"
        return f"MLWRIGHT_BUNDLE_{member.upper()}"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings; an absent or unreadable one raises UnservableError naming the variable."""
        name = _read(env, "MLWRIGHT_MODEL_NAME", None, _name)
        return cls(
            identity=Identity(
                deployment=name,
                model=_read(env, "MLWRIGHT_MODEL", name, _name),
                version=_read(env, "MLWRIGHT_MODEL_VERSION", "local", _name),
                revision=_read(env, "MLWRIGHT_REVISION", "local", _name),
            ),
            bundle_uri=_read(env, "MLWRIGHT_BUNDLE_URI", None, str),
            bundle_digest=_read(env, "MLWRIGHT_BUNDLE_DIGEST", None, _digest),
            port=_read(env, "MLWRIGHT_PORT", "8080", _port),
            drain_seconds=_read(env, "MLWRIGHT_DRAIN", "10", _seconds),
            timeout_seconds=_read(env, "MLWRIGHT_TIMEOUT", "30", _positive_seconds),
            max_body_bytes=_read(env, "MLWRIGHT_MAX_BODY_BYTES", str(4 * 1024 * 1024), _positive_bytes),
            cpus=_read(env, "MLWRIGHT_CPU_LIMIT", str(granted_cpus()), _positive_seconds),
            auth=_read(env, "MLWRIGHT_AUTH", Scheme.NONE, _scheme),
            auth_file=_folder(env, "MLWRIGHT_AUTH_FILE"),
            grpc_port=_read(env, "MLWRIGHT_GRPC_PORT", "0", _port) if env.get("MLWRIGHT_GRPC_PORT") else None,
            keep_folder=_folder(env, "MLWRIGHT_KEEP_FOLDER"),
            cache_folder=_folder(env, "MLWRIGHT_CACHE_FOLDER"),
            allow_unsafe_formats=_read(env, "MLWRIGHT_ALLOW_UNSAFE_FORMATS", "false", _flag),
            tls_folder=_folder(env, "MLWRIGHT_TLS_FOLDER"),
            verify_keys=_read(env, "MLWRIGHT_VERIFY_KEYS", "{}", _keys),
            feedback_keys=_folder(env, "MLWRIGHT_FEEDBACK_KEYS"),
            label_window_seconds=_read(env, "MLWRIGHT_LABEL_WINDOW", "604800", _positive_seconds),
            traffic=_folder(env, "MLWRIGHT_TRAFFIC"),
            payload_log=_folder(env, "MLWRIGHT_PAYLOAD_LOG"),
            payload_share=_read(env, "MLWRIGHT_PAYLOAD_SAMPLE", "0.01", _share),
            payload_sent=_read(env, "MLWRIGHT_PAYLOAD_SENT", "false", _flag),
            shadow_address=_read(env, "MLWRIGHT_SHADOW_ADDRESS", "", _address),
        )


def _read(env: Mapping[str, str], variable: str, default: str | None, parse: Callable[[str], T]) -> T:
    text = env.get(variable) or default
    if text is None:
        raise UnservableError(f"{variable} is not set: the server cannot start without it")
    try:
        return parse(text)
    except ValueError as problem:
        raise UnservableError(f"{variable} is {text!r}: expected {problem}") from problem


def _folder(env: Mapping[str, str], variable: str) -> Path | None:
    return Path(env[variable]) if env.get(variable) else None


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("true or false")
    return text == "true"


def _scheme(text: str) -> Scheme:
    try:
        return Scheme(text)
    except ValueError:
        raise ValueError(f"one of {', '.join(Scheme)}") from None


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("letters, digits, dots, dashes and underscores")
    return text


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError("sha256: followed by 64 hexadecimal digits")
    return text


def _keys(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(pem, str) for pem in found.values()):
        raise ValueError("a JSON object of PEMs by name")
    return found


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in _PORTS:
        raise ValueError("a port number from 0 to 65535")
    return int(text)


def _address(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host:
        raise ValueError("HOST:PORT")
    return host, _port(port)


def _share(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise ValueError("a number above 0 and up to 1")
    return value


def _positive_bytes(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("a whole number of bytes above 0")
    return int(text)


def _seconds(text: str) -> float:
    value = _number(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError("a number of seconds, 0 or more")
    return value


def _positive_seconds(text: str) -> float:
    value = _number(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError("a number above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
