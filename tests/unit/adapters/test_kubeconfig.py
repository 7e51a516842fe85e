"""The way to the API server: kubeconfig files as kubectl reads them, and the service account of a pod."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from mlwright.adapters.kube import connect, kubeconfig
from mlwright.adapters.kube.credentials import RENEWED, FileToken
from mlwright.adapters.kube.failures import UnreachableError
from mlwright.ports.access import Access

Content = dict[str, Any]
HERE: Content = {"server": "http://127.0.0.1:8001"}


def written(file: Path, *, user: Content | None = None, cluster: Content | None = None, current: str = "c") -> Path:
    """Write a kubeconfig of one cluster, one user and one context."""
    content = {
        "current-context": current,
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": cluster or HERE}],
        "users": [{"name": "u", "user": user or {}}],
    }
    file.write_text(json.dumps(content))
    return file


def read(*files: Path) -> Access:
    return kubeconfig.access({"KUBECONFIG": ":".join(map(str, files))})


USERS: dict[str, tuple[Content, str | None]] = {
    "nobody": ({}, None),
    "a token": ({"token": "abc"}, "Bearer abc"),
    "a name and a password": ({"username": "anna", "password": "secret"}, "Basic YW5uYTpzZWNyZXQ="),
    "a token in a file beside the kubeconfig": ({"tokenFile": "token"}, "Bearer from the file"),
    "a token before its file": ({"token": "abc", "tokenFile": "token"}, "Bearer abc"),
}


@pytest.mark.parametrize("user, header", USERS.values(), ids=USERS)
async def test_a_user_is_told_by_the_authorization_header(tmp_path: Path, user: Content, header: str | None) -> None:
    """Each way to log in without a program."""
    (tmp_path / "token").write_text("from the file\n")

    assert await read(written(tmp_path / "config", user=user)).authorization() == header


def test_the_cluster_says_where(tmp_path: Path) -> None:
    """Address and proxy; a plain connection trusts nobody in particular."""
    found = read(written(tmp_path / "config", cluster={"server": "http://there:80/base/", "proxy-url": "http://proxy"}))

    assert (found.server, found.proxy, found.tls) == ("http://there:80/base", "http://proxy", None)


def test_an_https_server_is_verified_unless_the_cluster_says_otherwise(tmp_path: Path) -> None:
    """The system's authorities are trusted where the kubeconfig names none."""
    usual = read(written(tmp_path / "a", cluster={"server": "https://there"})).tls
    careless = read(written(tmp_path / "b", cluster={"server": "https://there", "insecure-skip-tls-verify": True})).tls

    assert usual is not None
    assert usual.verify_mode == ssl.CERT_REQUIRED
    assert careless is not None
    assert careless.verify_mode == ssl.CERT_NONE


def test_of_two_files_the_first_counts_and_missing_ones_are_passed_over(tmp_path: Path) -> None:
    """As kubectl merges them: lists by name."""
    first = tmp_path / "first"
    first.write_text(json.dumps({"clusters": [{"name": "k", "cluster": {"server": "http://first"}}]}))

    assert read(tmp_path / "nowhere", first, written(tmp_path / "second")).server == "http://first"


def test_without_the_variable_the_file_of_the_home_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place where kubectl looks."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube" / "config")

    assert kubeconfig.access({}).server == HERE["server"]


REFUSED: dict[str, tuple[Content, str]] = {
    "a context that is not there": ({"current": "other"}, "no entry 'other' in contexts"),
    "a login by a program": ({"user": {"exec": {"command": "aws"}}}, "exec, .*: start kubectl proxy"),
    "no server": ({"cluster": {"proxy-url": "http://proxy"}}, "cluster has no server"),
    "no base64": ({"cluster": {"server": "https://a", "certificate-authority-data": "%"}}, "KUBECONFIG"),
    "an authority that is none": (
        {"cluster": {"server": "https://a", "certificate-authority-data": "aGVsbG8="}},
        "KUBECONFIG",
    ),
    "a file that is missing": ({"user": {"tokenFile": "nothing"}}, "nothing"),
}


@pytest.mark.parametrize("content, says", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_one_sentence_with_a_remedy(tmp_path: Path, content: Content, says: str) -> None:
    """Whoever starts the operator reads it, not a traceback."""
    file = written(tmp_path / "config", **content)

    with pytest.raises(UnreachableError, match=says) as raised:
        read(file)
    assert "let KUBECONFIG name a kubeconfig file" in str(raised.value)


@pytest.mark.parametrize("text", ["{", "[]", "clusters: 3", "clusters: [3]", "users: [{name: u, user: 3}]"])
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, text: str) -> None:
    """Whatever is in it."""
    file = tmp_path / "config"
    file.write_text(text)

    with pytest.raises(UnreachableError, match="no way to the API server"):
        read(file)


async def test_a_token_that_is_renewed_in_its_file_is_followed(tmp_path: Path) -> None:
    """Within a minute; until then no file is read for each call."""
    file, now = tmp_path / "token", 0.0
    file.write_text("old")
    token = FileToken(file, lambda: now)
    file.write_text("new")

    now = RENEWED - 1
    assert await token() == "Bearer old"
    now = RENEWED
    assert await token() == "Bearer new"


async def test_a_pod_without_a_service_account_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`automountServiceAccountToken: false` is a way to end there."""
    monkeypatch.setattr(connect, "SERVICE_ACCOUNT", tmp_path)

    with pytest.raises(UnreachableError, match=r"ca\.crt.*run inside a pod"):
        await connect.connect({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, 1, lambda *_: None)
