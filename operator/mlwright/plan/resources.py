"""Which kinds of Kubernetes objects mlwright deals with, and how one object is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

Body = dict[str, Any]
"""A Kubernetes object as plain JSON values."""


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind of object: what a URL and a body need to name it."""

    group: str
    version: str
    plural: str
    name: str
    owned: bool
    """True for children, which carry our labels; False for the kinds that are ours."""

    @property
    def api_version(self) -> str:
        """`group/version`, or just the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """First part of the URL path."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names one object that is reconciled."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def _ours(plural: str, name: str) -> ResourceKind:
    return ResourceKind("mlwright.dev", "v1alpha1", plural, name, owned=False)


TRAINING_PIPELINE: Final = _ours("trainingpipelines", "TrainingPipeline")
TRAINING_RUN: Final = _ours("trainingruns", "TrainingRun")
MODEL: Final = _ours("models", "Model")
MODEL_VERSION: Final = _ours("modelversions", "ModelVersion")
MODEL_DEPLOYMENT: Final = _ours("modeldeployments", "ModelDeployment")
BATCH_PREDICTION: Final = _ours("batchpredictions", "BatchPrediction")
DRIFT_MONITOR: Final = _ours("driftmonitors", "DriftMonitor")
DECISION: Final = _ours("decisions", "Decision")

JOB: Final = ResourceKind("batch", "v1", "jobs", "Job", owned=True)
POD: Final = ResourceKind("", "v1", "pods", "Pod", owned=True)
SERVICE: Final = ResourceKind("", "v1", "services", "Service", owned=True)
DEPLOYMENT: Final = ResourceKind("apps", "v1", "deployments", "Deployment", owned=True)
CONTROLLER_REVISION: Final = ResourceKind("apps", "v1", "controllerrevisions", "ControllerRevision", owned=True)
NETWORK_POLICY: Final = ResourceKind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", owned=True)
SERVICE_ACCOUNT: Final = ResourceKind("", "v1", "serviceaccounts", "ServiceAccount", owned=True)
ROLE_BINDING: Final = ResourceKind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", owned=True)
CONFIG_MAP: Final = ResourceKind("", "v1", "configmaps", "ConfigMap", owned=True)
"""Written, and never read: whoever may read one may read all."""
DISRUPTION_BUDGET: Final = ResourceKind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", owned=True)
HTTP_ROUTE: Final = ResourceKind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", owned=True)

KINDS: Final = (
    TRAINING_PIPELINE,
    TRAINING_RUN,
    MODEL,
    MODEL_VERSION,
    MODEL_DEPLOYMENT,
    BATCH_PREDICTION,
    DRIFT_MONITOR,
    DECISION,
    JOB,
    POD,
    SERVICE,
    DEPLOYMENT,
    CONTROLLER_REVISION,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    SERVICE_ACCOUNT,
    ROLE_BINDING,
)
"""Kinds that are watched."""
WRITTEN: Final = (CONFIG_MAP,)
"""Kinds that are written and not watched."""
WHERE_SERVED: Final = (HTTP_ROUTE,)
"""Kinds that are watched where the cluster has them: not every one has the Gateway API."""
BY_NAME: Final = {kind.name: kind for kind in (*KINDS, *WRITTEN, *WHERE_SERVED)}
RECONCILED: Final = (TRAINING_PIPELINE, TRAINING_RUN, MODEL, MODEL_DEPLOYMENT, BATCH_PREDICTION, DRIFT_MONITOR)

_ENTRY: Final = re.compile(r"([a-z0-9.-]+)/(v[a-z0-9]+)/([a-z0-9]+)/([A-Z][A-Za-z0-9]*)")


def foreign(text: str) -> tuple[ResourceKind, ...]:
    """Return the kinds of other controllers that steps may use, as an installation lists them.

    >>> [kind.api_version for kind in foreign("jobset.x-k8s.io/v1alpha2/jobsets/JobSet")]
    ['jobset.x-k8s.io/v1alpha2']

    Raises:
        ValueError: an entry is not of the form GROUP/VERSION/PLURAL/KIND, or its kind has the name of one that is ours.
    """
    found: dict[str, ResourceKind] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            example = "jobset.x-k8s.io/v1alpha2/jobsets/JobSet"
            raise ValueError(f"training.resources: {entry!r} is no GROUP/VERSION/PLURAL/KIND, such as {example}")
        group, version, plural, name = match.groups()
        if name in BY_NAME or name in found:
            raise ValueError(f"training.resources: {entry!r} has the name of another kind; take one of them out")
        found[name] = ResourceKind(group, version, plural, name, owned=True)
    return tuple(found.values())
