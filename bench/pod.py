"""Start a process as in a pod: with a service account, which lies where Kubernetes mounts it.

Its view of the files is its own (user and mount namespaces), so nothing on the machine changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.support.live import administrator

_ACCOUNTS: Final = "/api/v1/namespaces/default/serviceaccounts"
_BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_NAME: Final = "measured"
_TOKEN_SECONDS: Final = 6 * 3600
_ENTER: Final = (
    "mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io"
    ' && cp -r "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"'
)


def service_account(kubeconfig: Path) -> Path:
    """Return a folder as Kubernetes mounts it, for an account that may do all; made beside the kubeconfig once."""
    folder = kubeconfig.parent / "serviceaccount"
    if folder.exists():
        return folder
    keys = kubeconfig.parent / "administrator"
    keys.mkdir()
    api = administrator(kubeconfig, keys)
    api.apply(_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _NAME}})
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": _NAME, "namespace": "default"}],
    }
    api.apply(_BINDINGS, binding)
    wish = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": _TOKEN_SECONDS},
    }
    answer = api.request("POST", f"{_ACCOUNTS}/{_NAME}/token", wish)
    folder.mkdir()
    (folder / "token").write_text(json.loads(answer.body)["status"]["token"], encoding="ascii")
    (folder / "ca.crt").write_bytes((keys / "ca.crt").read_bytes())
    return folder


def environment(kubeconfig: Path) -> dict[str, str]:
    """Return what tells a process in a pod where the API server is."""
    where = urlsplit(json.loads(kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"])
    return {"KUBERNETES_SERVICE_HOST": str(where.hostname), "KUBERNETES_SERVICE_PORT": str(where.port)}


def inside(account: Path, command: Sequence[str]) -> list[str]:
    """Return the command that becomes another one inside, as the same process."""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _ENTER, str(account), *command]
