"""Objects of serving: revisions with their rendered pods, Deployments, Service, budget, decisions, alias entries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.fields import parse_duration
from mlwright.api.kinds import API_VERSION
from mlwright.builders import access, keeping, meta, own_server
from mlwright.builders.artifacts import Fetcher, Stored, mounts, with_bundles
from mlwright.builders.decisions import Told, decision
from mlwright.builders.gateways import http_route
from mlwright.builders.payloads import with_sender
from mlwright.builders.pods import merged, pod_spec
from mlwright.builders.preflight import preflight
from mlwright.builders.recording import log_of, recording
from mlwright.builders.routers import (
    ROUTER_PODS,
    router_account,
    router_binding,
    router_budget,
    router_labels,
    router_pods,
    router_service,
)
from mlwright.constants import (
    ANNOTATION_ROUTE,
    LABEL_DEPLOYMENT,
    LABEL_MODEL,
    LABEL_PREFLIGHT,
    LABEL_REVISION,
    LABEL_VERSION,
    SERVER_CONTAINER,
    SERVER_PORT,
)
from mlwright.plan.digests import canonical, child_name
from mlwright.plan.resources import BY_NAME, DEPLOYMENT, DISRUPTION_BUDGET, JOB, Key, ResourceKind
from mlwright.plan.serving import (
    ALL,
    Decide,
    DeploymentSeen,
    Forget,
    KeepBackend,
    KeepBudget,
    KeepCopies,
    KeepGuard,
    KeepHTTPRoute,
    KeepRouterAccount,
    KeepRouterBinding,
    KeepRouterBudget,
    KeepRouterPods,
    KeepRouterService,
    KeepVariant,
    RecordRevision,
    RemoveBudget,
    RemovePreflight,
    RemoveVariant,
    RevisionSeen,
    ScaleVariant,
    ServingIntent,
    SetAlias,
    ShareTraffic,
    StartPreflight,
    StartRouterPods,
    StartVariant,
)
from mlwright.plan.writes import Apply, ApplyEntry, Create, Delete, Scale, Tell, Witness, Write
from mlwright.planners import traffic
from mlwright.planners.decisions import decision_question, record_name
from mlwright.planners.template import dump
from mlwright.settings import Settings

RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
"""What a serving pod gets where the deployment says nothing."""
SHADOW_FILE: Final = "shadow.json"
"""Key of the ConfigMap, and name of the file that serving pods read."""
MEGABYTE: Final = 1024 * 1024


def renderer(seen: DeploymentSeen, settings: Settings) -> Callable[[ServingIntent], Write]:
    """Return the renderer of a deployment's intents."""
    of = _Of(seen, Key("ModelDeployment", seen.namespace, seen.name), settings)
    return lambda intent: _RENDERED[type(intent)](of, intent)


@dataclass(frozen=True, slots=True)
class _Of:
    """Whose objects are built."""

    seen: DeploymentSeen
    owner: Key
    settings: Settings

    def delete(self, kind: ResourceKind, name: str, uid: str) -> Write:
        return Delete(kind, self.seen.namespace, name, uid)

    def remove(self, intent: RemoveVariant) -> Write:
        variant = intent.variant
        return Delete(DEPLOYMENT, self.seen.namespace, variant.object, variant.uid, self.seen.witnesses)

    def scale(self, intent: ScaleVariant) -> Write:
        variant = intent.variant
        return Scale(DEPLOYMENT, self.seen.namespace, variant.object, intent.replicas, variant.resource_version)


_RENDERED: Final[Mapping[type[ServingIntent], Callable[[_Of, Any], Write]]] = {
    RecordRevision: lambda of, intent: Create(_revision(of.seen, of.owner, intent, of.settings)),
    StartVariant: lambda of, intent: Create(_deployment(of.seen, of.owner, intent.revision, intent.replicas)),
    KeepVariant: lambda of, intent: Apply(_deployment(of.seen, of.owner, intent.revision, None)),
    ScaleVariant: lambda of, intent: of.scale(intent),
    RemoveVariant: lambda of, intent: of.remove(intent),
    ShareTraffic: lambda of, intent: Apply(_service(of.seen, of.owner, intent)),
    KeepBackend: lambda of, intent: Apply(_backend(of.seen, of.owner, intent.revision)),
    KeepHTTPRoute: lambda of, intent: Apply(http_route(of.seen, of.owner, intent)),
    KeepCopies: lambda of, intent: Tell(_copies(of.seen, of.owner, intent), of.seen.witnesses),
    KeepGuard: lambda of, intent: Apply(_guard(of.seen, of.owner, of.settings, gateways=intent.gateways)),
    KeepRouterAccount: lambda of, intent: Apply(router_account(of.seen.namespace, intent.users)),
    KeepRouterBinding: lambda of, intent: Apply(router_binding(of.seen.namespace, intent.users, of.settings)),
    KeepRouterService: lambda of, intent: Apply(router_service(of.seen.namespace, intent.users)),
    StartRouterPods: lambda of, intent: Create(router_pods(of.seen.namespace, intent.users, of.settings, ROUTER_PODS)),
    KeepRouterPods: lambda of, intent: Apply(router_pods(of.seen.namespace, intent.users, of.settings, None)),
    KeepRouterBudget: lambda of, intent: Apply(router_budget(of.seen.namespace, intent.users)),
    StartPreflight: lambda of, intent: Create(preflight(of.seen, of.owner, intent)),
    RemovePreflight: lambda of, intent: of.delete(JOB, intent.job.name, intent.job.uid),
    KeepBudget: lambda of, _: Apply(_budget(of.seen, of.owner)),
    RemoveBudget: lambda of, intent: of.delete(DISRUPTION_BUDGET, of.seen.name, intent.uid),
    Decide: lambda of, intent: Create(_decision(of.seen, of.owner, intent), _against(of.seen, intent)),
    SetAlias: lambda of, intent: ApplyEntry(_alias(of.seen, intent), manager=f"mlwright-alias-{of.seen.name}"),
    Forget: lambda of, intent: of.delete(BY_NAME[intent.kind], intent.name, intent.uid),
}
"""How each intent becomes a write; a test asserts that none is missing."""


def _labels(seen: DeploymentSeen, revision: str) -> dict[str, str]:
    return {LABEL_DEPLOYMENT: seen.name, LABEL_REVISION: revision}


def _revision(seen: DeploymentSeen, owner: Key, intent: RecordRevision, settings: Settings) -> dict[str, Any]:
    target = intent.target
    labels = {
        **_labels(seen, target.revision),
        LABEL_MODEL: seen.spec.model.ref.name,
        LABEL_VERSION: target.version.name,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": meta.child(child_name(seen.name, target.revision), owner, seen.uid, labels),
        "revision": intent.number,
        "data": {
            "version": target.version.name,
            "digest": target.version.digest,
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": _pod(seen, intent, settings),
            },
        },
    }


def _pod(seen: DeploymentSeen, intent: RecordRevision, settings: Settings) -> dict[str, Any]:
    own = seen.spec.runtime.container
    if own is None:
        return _server_pod(seen, intent, settings)
    return own_server.pod(seen.spec, own, intent.target.version, settings)


def _server_pod(seen: DeploymentSeen, intent: RecordRevision, settings: Settings) -> dict[str, Any]:
    spec, version = seen.spec, intent.target.version
    grace = spec.termination_grace_period_seconds
    drain = min(int(parse_duration(spec.server.drain).total_seconds()), max(0, grace - 5))
    variables = {
        "MLWRIGHT_MODEL_NAME": seen.name,
        "MLWRIGHT_MODEL": spec.model.ref.name,
        "MLWRIGHT_MODEL_VERSION": str(version.number),
        "MLWRIGHT_REVISION": intent.target.revision,
        "MLWRIGHT_BUNDLE_URI": version.uri,
        "MLWRIGHT_BUNDLE_DIGEST": version.digest,
        "MLWRIGHT_PORT": str(SERVER_PORT),
        "MLWRIGHT_DRAIN": str(drain),
        "MLWRIGHT_TIMEOUT": str(int(parse_duration(spec.server.timeout).total_seconds())),
        "MLWRIGHT_MAX_BODY_BYTES": str(spec.server.max_body_megabytes * MEGABYTE),
        **access.variables(spec.server),
        **keeping.variables(spec.server),
    }
    if spec.runtime.allow_unsafe_formats:
        variables["MLWRIGHT_ALLOW_UNSAFE_FORMATS"] = "true"
    if seen.verify_keys:
        variables["MLWRIGHT_VERIFY_KEYS"] = canonical(dict(seen.verify_keys))
    told = recording(seen)
    variables |= told.variables
    scheme = access.scheme(spec.server)
    container = {
        "name": SERVER_CONTAINER,
        "image": spec.server.image or settings.server_image,
        "imagePullPolicy": settings.image_pull_policy,
        "ports": access.container_ports(spec.server),
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "resources": RESOURCES,
        "startupProbe": _probe("live", scheme, periodSeconds=1, failureThreshold=60),
        "readinessProbe": _probe("ready", scheme, periodSeconds=1, failureThreshold=1),
        "livenessProbe": _probe("live", scheme, periodSeconds=10, failureThreshold=6),
        "terminationMessagePolicy": "File",
    }
    stored = Stored(version.uri, f"ModelVersion {version.name} spec.bundle", version.storage)
    pod = pod_spec(
        container,
        dump(spec.pod),
        merged(
            (*mounts(stored, read_only=True), *told.mounts, *access.mounts(spec.server), *keeping.mounts(spec.server))
        ),
    )
    fetcher = Fetcher(
        settings.trainer_image,
        settings.image_pull_policy,
        keeping.known(version.uri, version.digest, spec.server),
        keeping.mounts(spec.server, read_only=True),
    )
    if spec.server.payload_log:
        whose = {"namespace": seen.namespace, "deployment": seen.name, "revision": intent.target.revision}
        log = log_of(spec.server.payload_log)
        pod = with_sender(pod, log, whose, settings.trainer_image, settings.image_pull_policy)
    fetched = with_bundles(pod, (stored,), dump(spec.pod), fetcher)
    return {"terminationGracePeriodSeconds": grace, **fetched}


def _probe(path: str, scheme: str, **timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": f"/v2/health/{path}", "port": "http", "scheme": scheme}, "timeoutSeconds": 5, **timing}


def _deployment(seen: DeploymentSeen, owner: Key, revision: RevisionSeen, replicas: int | None) -> dict[str, Any]:
    """Return the Deployment of a revision; its number of pods only when it is created.

    It names the model that its pods serve: the spec may name another by now.
    """
    of_pods = (revision.template.get("metadata") or {}).get("labels") or {}
    shown = {key: of_pods[key] for key in (LABEL_MODEL, LABEL_VERSION) if key in of_pods}
    labels = {**_labels(seen, revision.name), **shown}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta.child(child_name(seen.name, revision.name), owner, seen.uid, labels),
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "revisionHistoryLimit": 0,  # the ControllerRevisions are the history
            "progressDeadlineSeconds": 2147483647,  # the operator judges progress; "no deadline" in the API's words
            "selector": {"matchLabels": _labels(seen, revision.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": dict(revision.template),
        },
    }


def _direct(seen: DeploymentSeen, weights: Mapping[str, int]) -> str:
    """Return the revision that a Service leads to by itself: the one that has everything.

    Where requests are to be divided and the router does not follow yet, nothing moves until it does.
    """
    whole = next((revision for revision, percent in weights.items() if percent == ALL), "")
    return whole or seen.traffic.selects or max(weights, key=weights.__getitem__)


def _service(seen: DeploymentSeen, owner: Key, intent: ShareTraffic) -> dict[str, Any]:
    """Return the Service; the route in its annotation is what the router follows."""
    metadata = meta.child(seen.name, owner, seen.uid, {LABEL_DEPLOYMENT: seen.name})
    if intent.route is not None:
        metadata["annotations"] = {ANNOTATION_ROUTE: traffic.document(seen, intent.route)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": "ClusterIP",
            "ports": access.service_ports(seen.spec.server),
            "selector": router_labels() if intent.through_router else _labels(seen, _direct(seen, intent.weights)),
        },
    }


def copies_name(deployment: str) -> str:
    """Return the name of the ConfigMap that tells serving pods what to ask again of whom."""
    return f"{deployment}-traffic"


def _copies(seen: DeploymentSeen, owner: Key, intent: KeepCopies) -> dict[str, Any]:
    asked = next(iter(intent.copies.items()), None)
    told = {SHADOW_FILE: canonical({"revision": asked[0], "percent": asked[1]})} if asked else {}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta.child(copies_name(seen.name), owner, seen.uid, {LABEL_DEPLOYMENT: seen.name}),
        "data": told,
    }


def _backend(seen: DeploymentSeen, owner: Key, revision: str) -> dict[str, Any]:
    """Return the headless Service of a revision; its EndpointSlices tell routers and Gateways where the pods are."""
    labels = _labels(seen, revision)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta.child(child_name(seen.name, revision), owner, seen.uid, labels),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "ports": [{"name": "http", "port": SERVER_PORT, "targetPort": "http", "protocol": "TCP"}],
            "selector": labels,
        },
    }


def _guard(seen: DeploymentSeen, owner: Key, settings: Settings, *, gateways: bool) -> dict[str, Any]:
    """Return the NetworkPolicy. Kubelets are never shut out, and pods of one deployment ask each other for shadows."""
    own = {LABEL_DEPLOYMENT: seen.name}
    router = [{"podSelector": {"matchLabels": router_labels()}}]
    through = json.loads(settings.network_policy_gateways) if gateways else router
    peers: list[Mapping[str, Any]] = [*through, {"podSelector": {"matchLabels": own}}]
    if seen.spec.rollout.preflight or seen.preflights:
        before = [{"key": LABEL_PREFLIGHT, "operator": "Exists"}]
        peers.append({"podSelector": {"matchLabels": meta.owner_labels(owner), "matchExpressions": before}})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta.child(seen.name, owner, seen.uid, {LABEL_DEPLOYMENT: seen.name}),
        "spec": {
            "podSelector": {"matchLabels": own},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [*peers, *json.loads(settings.network_policy_from)]}],
        },
    }


def _budget(seen: DeploymentSeen, owner: Key) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta.child(seen.name, owner, seen.uid, {LABEL_DEPLOYMENT: seen.name}),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {LABEL_DEPLOYMENT: seen.name}}},
    }


def _decision(seen: DeploymentSeen, owner: Key, intent: Decide) -> dict[str, Any]:
    labels = {**_labels(seen, intent.revision.name), LABEL_VERSION: intent.revision.version}
    experiment = {"experiment": intent.experiment} if intent.experiment else {}
    told = Told(
        type=intent.type,
        subject=owner,
        revision=intent.revision.name,
        version=intent.revision.version,
        sentence=intent.sentence,
        evidence=intent.evidence,
        by=intent.by,
        question={"epoch": intent.epoch, "after": intent.after, **experiment},
    )
    return decision(meta.child(decision_name(seen, intent), owner, seen.uid, labels), told)


def _against(seen: DeploymentSeen, intent: Decide) -> tuple[Witness, ...]:
    """Return what a rejection rests on: the candidate's pods, and that it is one. A promotion has its name as lock."""
    if intent.type != "Reject":
        return ()
    judged = (v for v in seen.variants if v.revision == intent.revision.name)
    pods = (Witness(DEPLOYMENT, seen.namespace, v.object, v.resource_version) for v in judged)
    return (*seen.witnesses, *pods)


def decision_name(seen: DeploymentSeen, intent: Decide) -> str:
    """Return the name of a Decision, made of the question that it answers, so that nothing is decided twice.

    Of a promotion that is: what comes after the last one? So of two that know of the same last one, only one is
    recorded. Of a rejection: was this revision tried, since somebody asked last to try again? Of an outcome: how
    did the experiment of that name end?
    """
    question = decision_question(intent.type, intent.after, intent.revision.name, intent.epoch, intent.experiment)
    return record_name(seen.namespace, seen.name, intent.type, question)


def _alias(seen: DeploymentSeen, intent: SetAlias) -> dict[str, Any]:
    """Return the entry, bound to the Model as it was seen: one that comes late must not set an alias back."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Model",
        "metadata": {
            "name": seen.spec.model.ref.name,
            "namespace": seen.namespace,
            "uid": seen.model_uid,
            "resourceVersion": seen.model_resource_version,
        },
        "spec": {"aliases": [{"name": intent.alias, "version": intent.version}]},
    }
