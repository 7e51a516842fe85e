"""What the daemons of the node are told: command lines and configuration files.

Paths are those inside the node. ``/run/mlwright`` is the cluster's state directory, ``/var`` is a directory of it,
so containerd, kubelet and the network plugins keep to their default places without touching the host's.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cluster import controlplane, kubeconfig
from cluster.api import Credentials
from cluster.commands import Argv
from cluster.errors import ClusterError
from cluster.network import Network
from cluster.paths import State

INSIDE = Path("/run/mlwright")
BINARIES = Path("/run/mlwright-bin")
SOCKET = Path("/run/containerd/containerd.sock")
PAUSE_IMAGE = "localhost/mlwright/pause:1"
STORAGE_CLASS = "standard"
VOLUMES = Path("/var/local/volumes")

_KUBE = BINARIES / "kube"
_PKI = INSIDE / "pki"
_CONFIG = INSIDE / "config"
PLUGIN_HOMES = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program of the node.

    Attributes:
        name: also the name of its log file.
        argv: program and arguments.
        after: files or sockets that must exist (a socket must accept) and URLs that must answer before it starts.
    """

    name: str
    argv: list[str]
    after: list[str]


@dataclass(frozen=True, slots=True)
class Node:
    """What the configuration depends on."""

    state: State
    network: Network

    @property
    def name(self) -> str:
        """The name of the Node object."""
        return f"{self.state.name}-node"

    @property
    def cgroup(self) -> str:
        """The control group above all pods."""
        return f"mlwright-{self.state.name}"


def daemons(node: Node) -> list[Daemon]:
    """All programs of the node in the order in which they become possible."""
    ready, containerd, objects = node.network.url, str(SOCKET), str(INSIDE / "objects-applied")
    etcd = controlplane.etcd(_KUBE, Path("/var/lib/etcd"), client="http://127.0.0.1:2379", peer="http://127.0.0.1:2380")
    manager = controlplane.controller_manager(_KUBE, _PKI, _kubeconfig("controller-manager"), ("*",))
    table: list[tuple[str, Argv, list[str]]] = [
        ("containerd", ["containerd", "--config", _CONFIG / "containerd.toml"], []),
        ("etcd", etcd, []),
        ("kube-apiserver", _apiserver(node), []),
        ("kubelet", _kubelet(node), [containerd, ready]),
        ("kube-controller-manager", [*manager, "--bind-address=127.0.0.1"], [ready]),
        ("kube-scheduler", _scheduler(), [ready]),
        ("kube-proxy", [_KUBE, "kube-proxy", f"--config={_CONFIG}/kube-proxy.json"], [ready]),
        ("coredns", [_KUBE, "coredns", "-conf", _CONFIG / "Corefile"], [objects]),
        ("provisioner", _provisioner(), [objects]),
    ]
    return [Daemon(name, [str(part) for part in argv], after) for name, argv, after in table]


def write(node: Node) -> None:
    """Write all configuration files and kubeconfigs into the state directory."""
    home = node.state.root / "config"
    home.mkdir(parents=True, exist_ok=True)
    (home / "containerd.toml").write_text(_containerd())
    (home / "Corefile").write_text(_corefile())
    (home / "resolv.conf").write_text("# nothing outside the cluster can be resolved\n")
    (home / "cni").mkdir(exist_ok=True)
    _write_json(home / "cni" / "10-pods.conflist", _pod_network(node.network))
    _write_json(home / "kubelet.json", _kubelet_configuration(node))
    _write_json(home / "kube-proxy.json", _proxy_configuration(node))
    _write_json(home / "daemons.json", [asdict(daemon) for daemon in daemons(node)])
    for identity in ("controller-manager", "scheduler", "kubelet", "kube-proxy", "coredns", "provisioner"):
        credentials = Credentials.of(node.state.pki, identity)
        kubeconfig.write(home / f"{identity}.kubeconfig", name=identity, url=node.network.url, credentials=credentials)


def plugin_home() -> Path:
    """Where the distribution keeps the network plugins.

    Raises:
        ClusterError: nowhere that we know.
    """
    for home in PLUGIN_HOMES:
        if (home / "ptp").exists():
            return home
    raise ClusterError("the CNI plugins are not installed; install containernetworking-plugins and try again")


def _kubeconfig(identity: str) -> Path:
    return _CONFIG / f"{identity}.kubeconfig"


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1))


def _apiserver(node: Node) -> Argv:
    services = str(node.network.services)
    argv = controlplane.apiserver(_KUBE, _PKI, etcd_url="http://127.0.0.1:2379", port=6443, services=services)
    return [*argv, f"--advertise-address={node.network.node}"]


def _scheduler() -> Argv:
    return [
        _KUBE,
        "kube-scheduler",
        f"--kubeconfig={_kubeconfig('scheduler')}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    ]


def _kubelet(node: Node) -> Argv:
    return [
        _KUBE,
        "kubelet",
        f"--config={_CONFIG}/kubelet.json",
        f"--kubeconfig={_kubeconfig('kubelet')}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.network.node}",
    ]


def _provisioner() -> Argv:
    return [
        _KUBE,
        "provisioner",
        f"--kubeconfig={_kubeconfig('provisioner')}",
        f"--root={VOLUMES}",
        f"--class={STORAGE_CLASS}",
    ]


def _containerd() -> str:
    if shutil.which("runc") is None:
        raise ClusterError("runc is not installed; install it and try again")
    plugin = "io.containerd.grpc.v1.cri"
    return f"""version = 2

[plugins."{plugin}"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without the capability to lower the score, runc dies with an unrelated message.
  restrict_oom_score_adj = true

[plugins."{plugin}".cni]
  bin_dir = "{plugin_home()}"
  conf_dir = "{_CONFIG}/cni"

[plugins."{plugin}".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."{plugin}".containerd.runtimes.runc.options]
  SystemdCgroup = false
"""


def _corefile() -> str:
    return f""".:53 {{
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {_kubeconfig("coredns")}
    ttl 5
  }}
  cache 5
}}
"""


def _pod_network(network: Network) -> dict[str, Any]:
    # One routed cable for each pod. A bridge would need the br_netfilter module for answers from a pod to its
    # neighbour through a Service; routing never does.
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": str(network.pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _kubelet_configuration(node: Node) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(_PKI / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(_PKI / "kubelet.crt"),
        "tlsPrivateKeyFile": str(_PKI / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [str(node.network.dns)],
        "resolvConf": str(_CONFIG / "resolv.conf"),
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        # The node shares its disk and memory with the developer's other work: it must not evict because of them.
        "evictionHard": {"memory.available": "50Mi"},
        "imageGCHighThresholdPercent": 100,
    }


def _proxy_configuration(node: Node) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": str(node.network.pods),
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(_kubeconfig("kube-proxy"))},
        # Zero means "leave it alone": these settings belong to the host's kernel.
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
