"""Fetch what is taken in: a file behind an https address, or a version of a model from an MLflow server."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from mlwright.trainer.errors import UserError
from mlwright.trainer.imports.archives import SUFFIXES, only_folder, unpack
from mlwright.trainer.imports.task import FIELD, MODELS, ImportTask, Server
from mlwright.trainer.mlflow import MISSING, Json, Mlflow, MlflowError, place_of
from mlwright.trainer.outside import LARGEST, Asked, Outside, away

URI: Final = f"{FIELD}.uri"
MLFLOW: Final = f"{FIELD}.mlflow"
_INVALID: Final = "INVALID_PARAMETER_VALUE"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched: a folder with its files, its digest, and its address with every alias resolved."""

    folder: Path
    digest: str
    uri: str
    server: str = ""


def fetch(task: ImportTask, target: Path, env: Mapping[str, str]) -> Fetched:
    """Fetch it into an empty folder, and check its digest if one is asked for.

    Raises:
        UserError: It cannot be had, or is not what the digest stands for.
    """
    found = _of_mlflow(task, task.server, target, env) if task.server else _of_url(task, target)
    if task.digest and found.digest != task.digest:
        remedy = "correct the digest if this is what you mean to take in, else find out who changed it"
        raise UserError(f"{FIELD}.digest", f"what was fetched has the digest {found.digest}", remedy)
    return found


def _of_url(task: ImportTask, target: Path) -> Fetched:
    outside = Outside(task.hosts, URI)
    name = unquote(urlsplit(task.uri).path).rpartition("/")[2]
    file = target / "fetched"
    status, found = outside.fetch(Asked("GET", task.uri, {}), file)
    if problem := away(URI, task.uri, status):
        raise problem
    if status != HTTPStatus.OK:
        raise UserError(URI, f"the address answers {status} {_phrase(status)}", "name a file that anybody may fetch")
    folder = target / "files"
    folder.mkdir()
    if name.endswith(SUFFIXES):
        unpack(file, folder)
        file.unlink()
    else:
        file.rename(folder / (name if _is_plain(name) else "model"))
    return Fetched(only_folder(folder), f"sha256:{found}", task.uri)


def _of_mlflow(task: ImportTask, server: Server, target: Path, env: Mapping[str, str]) -> Fetched:
    mlflow = Mlflow.of(server.uri, Outside(task.hosts, MLFLOW), env, server.secret)
    name, version = _named(mlflow, task.uri.removeprefix(MODELS))
    uri = f"{MODELS}{name}/{version}"
    where = str(_asked(mlflow, "model-versions/get-download-uri", uri, name=name, version=version)["artifact_uri"])
    place = place_of(where)
    if place is None:
        kept = f"{urlsplit(where).scheme or 'file'}://"
        said = f"the server keeps the files of {uri} at {kept} and does not hand them out"
        raise UserError(f"{MLFLOW}.uri", said, "let it serve its artifacts (mlflow server --serve-artifacts)")
    return Fetched(target, _download(mlflow, place, target, uri), uri, server.uri)


def _download(mlflow: Mlflow, place: str, target: Path, uri: str) -> str:
    """Fetch all files of a model; the digest over their names and contents."""
    seen, left = [], LARGEST
    for name, _ in mlflow.files(place):
        file = target / name
        if not all(_is_plain(part) for part in Path(name).parts):
            raise UserError(URI, f"{uri} holds a file whose name is not plain", "log the model anew")
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            seen.append((name, mlflow.download(f"{place}/{name}", file, largest=left)))
        except MlflowError as problem:
            raise UserError(URI, f"{uri}: {problem}", "look at the model in MLflow") from problem
        left -= file.stat().st_size
    if not seen:
        raise UserError(URI, f"{uri} has no files", "log the model anew, with its artifacts")
    lines = "".join(f"{found}  {name}\n" for name, found in sorted(seen))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def _named(mlflow: Mlflow, text: str) -> tuple[str, str]:
    """Name and number of `NAME/VERSION` or `NAME@ALIAS`."""
    name, at, alias = text.partition("@")
    if not at:
        name, _, number = text.rpartition("/")
        _asked(mlflow, "model-versions/get", f"{MODELS}{text}", name=name, version=number)
        return name, number
    found = _asked(mlflow, "registered-models/alias", f"{MODELS}{text}", name=name, alias=alias)
    return name, str(found["model_version"]["version"])


def _asked(mlflow: Mlflow, call: str, uri: str, **arguments: str) -> Json:
    try:
        return mlflow.get(call, **arguments)
    except MlflowError as problem:
        if problem.code in {MISSING, _INVALID}:
            raise UserError(URI, f"{mlflow.uri} knows no {uri}", "name a version or an alias that exists") from problem
        raise UserError(f"{MLFLOW}.uri", str(problem), "look at the log of the MLflow server") from problem


def _is_plain(name: str) -> bool:
    return bool(name) and name not in {".", ".."} and not set(name) & set("/\\\x00") and name.isprintable()


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in list(HTTPStatus) else ""
