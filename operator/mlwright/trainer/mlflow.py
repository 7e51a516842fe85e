"""The part of MLflow's REST API that mlwright uses, and the files that its server hands out."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from mlwright.trainer.errors import UserError
from mlwright.trainer.outside import Answer, Asked, Outside, away

API: Final = "/api/2.0/mlflow/"
FILES: Final = "/api/2.0/mlflow-artifacts/artifacts"
PROXIED: Final = "mlflow-artifacts"
"""Scheme of artifacts that the server itself hands out and takes in."""
MOST_FILES: Final = 1000
MISSING: Final = "RESOURCE_DOES_NOT_EXIST"
EXISTS: Final = "RESOURCE_ALREADY_EXISTS"

Json = dict[str, Any]


class MlflowError(Exception):
    """MLflow refuses a call; `code` is its own word for why."""

    def __init__(self, code: str, status: int, said: str) -> None:
        super().__init__(f"MLflow answers {status} {code}: {said}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Mlflow:
    """An MLflow server."""

    uri: str
    outside: Outside
    headers: Mapping[str, str]
    secret: str = ""
    secrets: tuple[str, ...] = ()
    """What no message may show, longest first."""

    @classmethod
    def of(cls, uri: str, outside: Outside, env: Mapping[str, str], secret: str) -> "Mlflow":
        """The server at an address, opened with what the environment holds of the Secret.

        Raises:
            UserError: A Secret is named that holds nothing.
        """
        headers = _opening(env)
        if secret and not headers:
            raise UserError(
                f"{outside.field}.secretRef",
                f"Secret {secret!r} does not exist or holds none of MLflow's keys",
                "give it MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
            )
        words = {env.get("MLFLOW_TRACKING_PASSWORD", ""), env.get("MLFLOW_TRACKING_TOKEN", "")}
        words |= {header.partition(" ")[2] for header in headers.values()}
        return cls(uri.rstrip("/"), outside, headers, secret, tuple(sorted(words - {""}, key=len, reverse=True)))

    def get(self, call: str, **arguments: str) -> Json:
        """Ask for something.

        Raises:
            MlflowError: MLflow refuses.
            UserError: The server is away, or lets nobody in.
        """
        return self._called(Asked("GET", f"{self.uri}{API}{call}?{urlencode(arguments)}", self.headers))

    def send(self, call: str, method: str = "POST", **body: Any) -> Json:
        """Change something. Raises as `get`."""
        headers = {**self.headers, "Content-Type": "application/json"}
        return self._called(Asked(method, f"{self.uri}{API}{call}", headers, json.dumps(body).encode()))

    def _called(self, asked: Asked) -> Json:
        answer = self.outside.ask(asked)
        self._check(answer)
        said = answer.document()
        told = said if isinstance(said, dict) else {}
        if answer.status != HTTPStatus.OK and "error_code" in told:
            code, words = (self._hiding(str(told.get(key, ""))) for key in ("error_code", "message"))
            raise MlflowError(code[:64], answer.status, words[:300])
        if answer.status != HTTPStatus.OK or not isinstance(said, dict):
            problem = f"{self.uri} is no MLflow server: it answers {answer.status}"
            raise UserError(f"{self.outside.field}.uri", problem, "correct the address")
        return told

    def _hiding(self, text: str) -> str:
        """What a server says, without what opens it: some repeat the headers that they got."""
        for word in self.secrets:
            for form in (word, quote(word, safe=""), json.dumps(word)[1:-1]):
                text = text.replace(form, "***")
        return text

    def _check(self, answer: Answer) -> None:
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            whose = f"the keys of Secret {self.secret!r}" if self.secret else "nobody without keys"
            said = f"{self.uri} refuses {whose}" if self.secret else f"{self.uri} lets in {whose}"
            raise UserError(f"{self.outside.field}.secretRef", said, "name a Secret with keys that it takes")
        if problem := away(f"{self.outside.field}.uri", self.uri, answer.status):
            raise problem

    def files(self, place: str) -> Iterator[tuple[str, int]]:
        """Names of all files below a place of artifacts, relative to it, and their sizes.

        Raises:
            UserError: There are too many.
        """
        left, seen = [""], 0
        while left:
            folder = left.pop()
            for entry in self._list(f"{place}/{folder}".rstrip("/")):
                name = str(PurePosixPath(folder, PurePosixPath(str(entry["path"])).name))
                seen += 1
                if seen > MOST_FILES:
                    said = f"the model has more than {MOST_FILES:,} files"
                    raise UserError(f"{self.outside.field}.uri", said, "take in a model of fewer files")
                if entry.get("is_dir"):
                    left.append(name)
                else:
                    yield name, int(entry.get("file_size") or 0)

    def _list(self, place: str) -> list[Json]:
        asked = Asked("GET", f"{self.uri}{FILES}?{urlencode({'path': place})}", self.headers)
        answer = self.outside.ask(asked)
        self._check(answer)
        said = answer.document()
        return list(said.get("files") or []) if isinstance(said, dict) else []

    def download(self, place: str, target: Path, *, largest: int) -> str:
        """Fetch one file; the hexadecimal SHA-256 of what was written.

        Raises:
            MlflowError: It is not there, or refused.
            UserError: The server is away, or lets nobody in.
        """
        asked = Asked("GET", f"{self.uri}{FILES}/{quote(place)}", self.headers)
        status, found = self.outside.fetch(asked, target, largest=largest)
        self._check(Answer(status, b""))
        if status != HTTPStatus.OK:
            raise MlflowError("", status, f"the file {place!r} cannot be fetched")
        return found

    def upload(self, source: Path | bytes, place: str) -> None:
        """Store a file; one that is there is replaced. Raises as `download`."""
        headers = {**self.headers, "Content-Type": "application/octet-stream"}
        answer = self.outside.ask(Asked("PUT", f"{self.uri}{FILES}/{quote(place)}", headers, source))
        self._check(answer)
        if answer.status != HTTPStatus.OK:
            raise MlflowError("", answer.status, f"the file {place!r} cannot be stored")


def place_of(uri: str) -> str | None:
    """Where a server that hands out artifacts itself keeps this one; None if it lies elsewhere.

    >>> place_of("mlflow-artifacts:/1/a/artifacts/model"), place_of("s3://bucket/1")
    ('1/a/artifacts/model', None)
    """
    parts = urlsplit(uri)
    return parts.path.strip("/") if parts.scheme == PROXIED else None


def _opening(env: Mapping[str, str]) -> dict[str, str]:
    """What opens the server: a token, or a user with a password."""
    user, password, token = (env.get(f"MLFLOW_TRACKING_{key}", "") for key in ("USERNAME", "PASSWORD", "TOKEN"))
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {}
