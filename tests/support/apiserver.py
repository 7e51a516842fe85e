"""A thin client for tests that talk to a real kube-apiserver: paths of our kinds, and what a refusal says."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from cluster.apiserver import ApiServer
from mlwright.api.kinds import GROUP, KINDS, VERSION

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said: HTTP status, body, warnings."""

    status: int
    body: Json
    warnings: tuple[str, ...] = ()

    @property
    def causes(self) -> list[tuple[str, str]]:
        """The (field, message) pairs of a refusal; indexes and map keys in the field are left out."""
        found = (self.body.get("details") or {}).get("causes") or []
        return [(re.sub(r"\[[^]]*\]", "[]", cause.get("field", "")), cause["message"]) for cause in found]


class Client:
    """Requests to a test API server, as its administrator or as the user that the administrator plays."""

    def __init__(self, server: ApiServer, user: str = "") -> None:
        self._played = {"Impersonate-User": user} if user else {}
        self._host = urlsplit(server.url).netloc
        pki = server.directory / "pki"
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        kind: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> Answer:
        """Send one request on a connection of its own."""
        connection = HTTPSConnection(self._host, context=self._context, timeout=30)
        try:
            target = f"{path}?{urlencode(query)}" if query else path
            payload = None if body is None else json.dumps(body)
            connection.request(method, target, payload, {"Content-Type": kind, "Accept": accept, **self._played})
            answer = connection.getresponse()
            warnings = tuple(answer.headers.get_all("Warning") or ())
            text = answer.read().decode()
            body = json.loads(text) if "json" in answer.headers.get_content_type() else {"message": text}
            return Answer(answer.status, body, warnings)
        finally:
            connection.close()

    def create(self, thing: Json, namespace: str, **query: str) -> Answer:
        """POST an object of one of our kinds; unknown fields are errors unless the query says otherwise."""
        query = {"fieldValidation": "Strict"} | query
        return self.request("POST", collection(thing["kind"], namespace), thing, **query)

    def read(self, kind: str, namespace: str, name: str) -> Json:
        """GET an object of one of our kinds."""
        return self.request("GET", f"{collection(kind, namespace)}/{name}").body

    def merge(self, thing: Json, namespace: str, change: Json, subresource: str = "") -> Answer:
        """PATCH an object of one of our kinds with a merge patch."""
        path = f"{collection(thing['kind'], namespace)}/{thing['metadata']['name']}{subresource}"
        return self.request("PATCH", path, change, kind=MERGE)


def collection(kind: str, namespace: str) -> str:
    """Return the path of all objects of one of our kinds in a namespace."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{KINDS[kind].plural}"


def definitions() -> list[Json]:
    """Return the CRDs that are committed."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "crds").glob("*.yaml"))]


def samples() -> dict[str, Json]:
    """Return every object of our kinds in examples/, by file and name."""
    found = {}
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        for thing in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if thing and str(thing.get("apiVersion")).startswith(f"{GROUP}/"):
                found[f"{path.relative_to(ROOT)} {thing['kind']}/{thing['metadata']['name']}"] = thing
    return found
