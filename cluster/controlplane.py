"""Command lines of the control plane, the same for the whole node and for the API server alone."""

from collections.abc import Sequence
from pathlib import Path

from cluster.commands import Argv


def etcd(kube: Path, data: Path, *, client: str, peer: str) -> Argv:
    """Etcd with one member. Nothing here must survive a power cut, so it never waits for the disk."""
    return [
        kube,
        "etcd",
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver(kube: Path, pki: Path, *, etcd_url: str, port: int, services: str) -> Argv:
    """kube-apiserver with the admission plugins, priorities and limits that it has by default.

    Args:
        kube: the binary.
        pki: a directory that ``kube pki`` wrote.
        etcd_url: where etcd listens.
        port: the secure port.
        services: the range of Service addresses.
    """
    return [
        kube,
        "kube-apiserver",
        f"--etcd-servers={etcd_url}",
        f"--secure-port={port}",
        f"--service-cluster-ip-range={services}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={pki}/service-account.key",
        f"--service-account-key-file={pki}/service-account.pub",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
    ]


def controller_manager(kube: Path, pki: Path, kubeconfig: Path, controllers: Sequence[str]) -> Argv:
    """kube-controller-manager with the named controllers; ``*`` means all that are on by default."""
    return [
        kube,
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(controllers)}",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/service-account.key",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        # With the default of 20 a second it takes minutes to collect the garbage of a thousand objects.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    ]
