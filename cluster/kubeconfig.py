"""Kubeconfig files. They are written as JSON, which every reader of YAML reads."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from cluster.api import Credentials


def write(path: Path, *, name: str, url: str, credentials: Credentials) -> None:
    """Write a kubeconfig that needs no other file and that only its owner can read."""
    text = json.dumps(document(name, url, credentials), indent=1)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def document(name: str, url: str, credentials: Credentials) -> dict[str, Any]:
    """The content: one cluster, one user, one context, all called ``name``."""
    cluster = {"server": url, "certificate-authority-data": _data(credentials.authority)}
    user = {
        "client-certificate-data": _data(credentials.certificate),
        "client-key-data": _data(credentials.key),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _data(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
