"""The objects of a namespace's router. All deployments that use it build the same ones, and all of them own it."""

from __future__ import annotations

from typing import Any, Final

from mlwright.api.kinds import API_VERSION
from mlwright.builders.pods import USER
from mlwright.constants import (
    LABEL_MANAGED_BY,
    LABEL_OWNER,
    LABEL_OWNER_KIND,
    MANAGED_BY,
    ROUTER,
    ROUTER_METRICS_PORT,
    ROUTER_NAME,
    SERVER_PORT,
)
from mlwright.plan.traffic import Users
from mlwright.settings import Settings

FOLDER: Final = "/run/mlwright"
TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  # a path
ROUTER_PODS: Final = 2
LEAVE_SECONDS: Final = 8
"""Between being told to go and closing the door: nodes were seen to follow two seconds late."""
GRACE_SECONDS: Final = 75
"""LEAVE_SECONDS, the minute that HAProxy gives to what is under way, and some to spare."""


def router_labels() -> dict[str, str]:
    """Return the labels by which the pods of a router are found."""
    return {LABEL_OWNER_KIND: ROUTER, LABEL_OWNER: ROUTER_NAME}


def _meta(namespace: str, users: Users) -> dict[str, Any]:
    """Return metadata whose owners are all users, none of them the controller: it goes when the last of them goes."""
    owners = [{"apiVersion": API_VERSION, "kind": "ModelDeployment", "name": name, "uid": uid} for name, uid in users]
    labels = {LABEL_MANAGED_BY: MANAGED_BY, **router_labels()}
    return {"name": ROUTER_NAME, "namespace": namespace, "labels": labels, "ownerReferences": owners}


def router_account(namespace: str, users: Users) -> dict[str, Any]:
    """Return the service account; its token is mounted into the agent only."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _meta(namespace, users),
        "automountServiceAccountToken": False,
    }


def router_binding(namespace: str, users: Users, settings: Settings) -> dict[str, Any]:
    """Return what gives the agent the rights of the chart's role, in its own namespace only."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _meta(namespace, users),
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": settings.router_role_kind,
            "name": settings.router_role,
        },
        "subjects": [{"kind": "ServiceAccount", "name": ROUTER_NAME, "namespace": namespace}],
    }


def router_service(namespace: str, users: Users) -> dict[str, Any]:
    """Return the Service of the router's metrics, in whose annotations its pods say what they follow."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(namespace, users),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "ports": [{"name": "metrics", "port": ROUTER_METRICS_PORT, "targetPort": "metrics", "protocol": "TCP"}],
            "selector": router_labels(),
        },
    }


def router_budget(namespace: str, users: Users) -> dict[str, Any]:
    """Return the disruption budget: of two pods one stays."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(namespace, users),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": router_labels()}},
    }


def router_pods(namespace: str, users: Users, settings: Settings, replicas: int | None) -> dict[str, Any]:
    """Return the Deployment: HAProxy and its agent, on two nodes where there are two.

    The number of pods is told only when it is created: people and autoscalers may change it.
    """
    labels = {LABEL_MANAGED_BY: MANAGED_BY, **router_labels()}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": router_labels()},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(namespace, users),
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": router_labels()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": ROUTER_NAME,
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": GRACE_SECONDS,
                    "topologySpreadConstraints": [spread],
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "fsGroup": USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [_haproxy(settings), _agent(settings)],
                    "volumes": [
                        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
                        {"name": "token", "projected": {"sources": _token()}},
                    ],
                },
            },
        },
    }


def _haproxy(settings: Settings) -> dict[str, Any]:
    """Return the container that carries the requests; it asks nobody for anything."""
    ready = {"httpGet": {"path": "/ready", "port": "metrics", "scheme": "HTTP"}, "timeoutSeconds": 5}
    return {
        **_container("haproxy", settings),
        "ports": [
            {"name": "http", "containerPort": SERVER_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": ROUTER_METRICS_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {**ready, "periodSeconds": 1, "failureThreshold": 2},
        "livenessProbe": {
            "tcpSocket": {"port": "metrics"},
            "timeoutSeconds": 5,
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_SECONDS}}},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [{"name": "run", "mountPath": FOLDER}],
    }


def _agent(settings: Settings) -> dict[str, Any]:
    """Return the container that follows the routes; when it is away, requests go on."""
    own = [
        {
            "name": "MLWRIGHT_NAMESPACE",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        },
        {"name": "MLWRIGHT_POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
    ]
    container = _container("agent", settings)
    return {
        **container,
        "env": [*container["env"], *own],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "volumeMounts": [
            {"name": "run", "mountPath": FOLDER},
            {"name": "token", "mountPath": TOKEN, "readOnly": True},
        ],
    }


def _container(name: str, settings: Settings) -> dict[str, Any]:
    return {
        "name": name,
        "image": settings.router_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": [name],
        "env": [{"name": "MLWRIGHT_ROUTER_FOLDER", "value": FOLDER}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _token() -> list[dict[str, Any]]:
    """Return the parts of a service account's token, which is mounted by hand because HAProxy must not have it."""
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
