"""The way to the API server from outside a pod: kubeconfig files, read and merged as kubectl does.

A user who logs in by a program (`exec`, `auth-provider`) is refused with what to do instead: an operator for more than
a try runs in a pod, and Kubernetes' own client, which can do that, is a seventh of what the operator imports.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from mlwright.adapters.kube.credentials import FileToken, Fixed, basic, trust
from mlwright.adapters.kube.failures import UnreachableError
from mlwright.ports.access import Access

_ENTRIES: Final = {"contexts": "context", "clusters": "cluster", "users": "user"}
"""The lists of a kubeconfig, and where an entry of each has its content."""
_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Fields that name a file, seen from the kubeconfig's folder."""
_PROGRAMS: Final = ("exec", "auth-provider")

Content = dict[str, Any]


def access(environ: Mapping[str, str]) -> Access:
    """Return the way that the current context names.

    Args:
        environ: `KUBECONFIG` holds paths, separated as in PATH; without it `~/.kube/config` is read.

    Raises:
        UnreachableError: there is no such file, or it does not say where and who.
    """
    paths = [Path(path).expanduser() for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    paths = paths or [Path.home() / ".kube" / "config"]
    try:
        cluster, user = _current(_merged(paths))
        return _access(cluster, user)
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UnreachableError.because(error) from error


def _merged(paths: Iterable[Path]) -> Content:
    """Return all files as one, the lists by name; of two entries of one name the first counts."""
    merged: Content = {"current-context": "", **{many: {} for many in _ENTRIES}}
    there = [path for path in paths if path.is_file()]
    if not there:
        raise ValueError(f"{os.pathsep.join(map(str, paths))} is no file")
    for path in there:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if not isinstance(found, dict):
            raise ValueError(f"{path} is no kubeconfig")  # noqa: TRY004  # of the file, not of an argument
        merged["current-context"] = merged["current-context"] or found.get("current-context") or ""
        for many, one in _ENTRIES.items():
            for entry in found.get(many) or ():
                merged[many].setdefault(entry.get("name"), _absolute(entry.get(one) or {}, path.parent))
    return merged


def _absolute(content: Content, folder: Path) -> Content:
    return {**content, **{field: str(folder / content[field]) for field in _PATHS if content.get(field)}}


def _current(merged: Content) -> tuple[Content, Content]:
    """Return cluster and user of the current context."""
    context = _named(merged, "contexts", merged["current-context"])
    return _named(merged, "clusters", context.get("cluster")), _named(merged, "users", context.get("user"))


def _named(merged: Content, many: str, name: object) -> Content:
    if name not in merged[many]:
        raise ValueError(f"the kubeconfig has no entry {name!r} in {many}")
    content: Content = merged[many][name]
    return content


def _access(cluster: Content, user: Content) -> Access:
    program = next((field for field in _PROGRAMS if user.get(field)), None)
    if program:
        raise ValueError(
            f"the kubeconfig's user logs in by a program, {program}, which the operator does not run: "
            "start kubectl proxy, and let a kubeconfig name its address"
        )
    server = str(cluster.get("server") or "").rstrip("/")
    if not server:
        raise ValueError("the kubeconfig's cluster has no server")
    return Access(server, _tls(cluster, user) if server.startswith("https") else None, _who(user), _proxy(cluster))


def _proxy(cluster: Content) -> str | None:
    return cluster.get("proxy-url") or None


def _who(user: Content) -> FileToken | Fixed:
    if user.get("token"):
        return Fixed(f"Bearer {user['token']}")
    if user.get("tokenFile"):
        return FileToken(Path(user["tokenFile"]))
    if user.get("username"):
        return Fixed(basic(user["username"], user.get("password") or ""))
    return Fixed()


def _tls(cluster: Content, user: Content) -> ssl.SSLContext:
    return trust(
        _bytes(cluster, "certificate-authority"),
        _bytes(user, "client-certificate"),
        _bytes(user, "client-key"),
        verify=not cluster.get("insecure-skip-tls-verify"),
    )


def _bytes(content: Content, field: str) -> bytes | None:
    """Return what a field holds or the file that it names; data is preferred, as kubectl does."""
    if data := content.get(f"{field}-data"):
        return base64.b64decode(data, validate=True)
    return Path(content[field]).read_bytes() if content.get(field) else None
