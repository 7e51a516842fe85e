"""The way to the API server: kubeconfig files as the official client reads them, and the service account of a pod."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from mlwright.adapters.kube import connect, kubeconfig, service_account
from mlwright.adapters.kube.failures import UnreachableError
from mlwright.adapters.kube.service_account import RENEWED, FileToken, FileTrust
from tests.support.keys import certificate

Content = dict[str, Any]
HERE: Content = {"server": "http://127.0.0.1:8001"}
LOGIN = """#!/bin/sh
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "of a program"}}'
"""


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


async def test_the_kubeconfig_says_where_and_who(tmp_path: Path) -> None:
    """Address, trust and token; a plain connection trusts nobody in particular."""
    plain = await kubeconfig.access({"KUBECONFIG": str(written(tmp_path / "plain", user={"token": "abc"}))})
    secure = await kubeconfig.access(
        {"KUBECONFIG": str(written(tmp_path / "secure", cluster={"server": "https://there/"}))}
    )

    assert (plain.server, plain.tls, await plain.authorization()) == (HERE["server"], None, "Bearer abc")
    assert secure.server == "https://there"
    assert secure.tls is not None
    assert secure.tls.verify_mode == ssl.CERT_REQUIRED


async def test_a_user_may_log_in_by_a_program(tmp_path: Path) -> None:
    """As the kubeconfigs of most providers have it."""
    program = tmp_path / "login"
    program.write_text(LOGIN)
    program.chmod(0o700)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}
    found = await kubeconfig.access({"KUBECONFIG": str(written(tmp_path / "config", user=user))})

    assert await found.authorization() == "Bearer of a program"


REFUSED: dict[str, tuple[Content, str]] = {
    "a context that is not there": ({"current": "other"}, "other"),
    "a certificate that is missing": (
        {"cluster": {"server": "https://a", "certificate-authority": "nothing"}},
        "nothing",
    ),
}


@pytest.mark.parametrize("content, says", REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_used_is_one_sentence_with_a_remedy(tmp_path: Path, content: Content, says: str) -> None:
    """Whoever starts the operator reads it, not a traceback."""
    file = written(tmp_path / "config", **content)

    with pytest.raises(UnreachableError, match=says) as raised:
        await kubeconfig.access({"KUBECONFIG": str(file)})
    assert "let KUBECONFIG name a kubeconfig file" in str(raised.value)


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


async def test_an_authority_that_is_renewed_in_its_file_is_followed(tmp_path: Path) -> None:
    """A replica that stands by for months would else get no answer any more; a file without sense changes nothing."""
    file, now = tmp_path / "ca.crt", 0.0
    old, new = (certificate(tmp_path).read_text() for _ in range(2))
    file.write_text(old)
    (tmp_path / "token").write_text("abc")
    trust = FileTrust(file)
    token = FileToken(tmp_path / "token", lambda: now, trust.renew)
    trusted = []

    for content in ("no certificate", "", new):
        file.write_text(content)
        now += RENEWED
        await token()
        trusted.append(len(trust.context.get_ca_certs()))

    assert trusted == [1, 1, 2]


@pytest.mark.parametrize("empty", ["ca.crt", "token"])
async def test_a_file_of_the_service_account_that_holds_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    """Without an authority anybody with a public certificate would be trusted."""
    monkeypatch.setattr(service_account, "SERVICE_ACCOUNT", tmp_path)
    for file, content in {"ca.crt": certificate(tmp_path).read_text(), "token": "abc"}.items():
        (tmp_path / file).write_text("" if file == empty else content)

    with pytest.raises(UnreachableError, match=f"{empty} is empty"):
        await connect.connect({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, 1, lambda *_: None)


def test_an_authority_may_have_remarks_in_any_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As bundles that are published have them."""
    monkeypatch.setattr(service_account, "SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "ca.crt").write_text(f"# Főtanúsítvány\n{certificate(tmp_path).read_text()}", encoding="utf-8")
    (tmp_path / "token").write_text("abc")
    found = service_account.access({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"})

    assert found.tls is not None
    assert (found.server, len(found.tls.get_ca_certs())) == ("https://[fd00::1]:6443", 1)


async def test_an_empty_variable_is_no_pod(tmp_path: Path) -> None:
    """The kubeconfig counts."""
    with pytest.raises(UnreachableError, match="current-context"):
        await connect.connect(
            {"KUBERNETES_SERVICE_HOST": "", "KUBECONFIG": str(tmp_path / "nowhere")}, 1, lambda *_: None
        )


async def test_a_pod_without_a_service_account_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`automountServiceAccountToken: false` is a way to end there."""
    monkeypatch.setattr(service_account, "SERVICE_ACCOUNT", tmp_path)

    with pytest.raises(UnreachableError, match=r"ca\.crt.*run inside a pod"):
        await connect.connect({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, 1, lambda *_: None)
