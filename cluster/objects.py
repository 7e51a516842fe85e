"""The objects that every cluster has before anybody uses it: DNS, volumes and the rights of who serves them."""

from typing import Any

from cluster.api import Api
from cluster.network import Network
from cluster.nodeconfig import STORAGE_CLASS

Thing = dict[str, Any]

_RBAC = "/apis/rbac.authorization.k8s.io/v1"


def apply_all(api: Api, network: Network) -> None:
    """Create or repair them.

    Raises:
        ClusterError: the server refused one.
    """
    system = "/api/v1/namespaces/kube-system"
    slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
    for role in (_dns_role(), _volume_role()):
        api.apply(f"{_RBAC}/clusterroles", role)
        api.apply(f"{_RBAC}/clusterrolebindings", _binding(role["metadata"]["name"]))
    api.apply("/apis/storage.k8s.io/v1/storageclasses", _storage_class())
    api.apply(f"{system}/services", _dns_service(network))
    api.apply(slices, _dns_endpoints(network))


def _binding(role: str) -> Thing:
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [user],
    }


def _role(name: str, rules: list[Thing]) -> Thing:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }


def _dns_role() -> Thing:
    read = ["list", "watch"]
    return _role(
        "mlwright:coredns",
        [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": read},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        ],
    )


def _volume_role() -> Thing:
    change = ["get", "list", "watch", "create", "delete"]
    return _role(
        "mlwright:provisioner",
        [
            {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": change},
            {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["list", "watch"]},
        ],
    )


def _storage_class() -> Thing:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "mlwright.dev/directory",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def _dns_service(network: Network) -> Thing:
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": str(network.dns), "ports": ports},
    }


def _dns_endpoints(network: Network) -> Thing:
    # The server runs beside the pods, not in one, so nobody writes its endpoints but we.
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [str(network.node)], "conditions": {"ready": True}}],
        "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        ],
    }
