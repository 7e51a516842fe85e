"""ModelDeployment: gather, decide, render."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.builders import serving
from mlwright.constants import (
    ANNOTATION_ABORT,
    ANNOTATION_APPROVE,
    ANNOTATION_ASKED,
    ANNOTATION_PROMOTE,
    ANNOTATION_REFRESH,
    ANNOTATION_RETRY,
    LABEL_OWN_PREFLIGHT,
    LABEL_PREFLIGHT,
    LABEL_REVISION,
    SERVER_CONTAINER,
    STEP_CONTAINER,
)
from mlwright.controller.kinds import jobs, parsing
from mlwright.controller.kinds.traffic import selected, traffic_seen
from mlwright.controller.kinds.versions import newest_versions
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.loads import Answer, Question
from mlwright.plan.plan import Plan
from mlwright.plan.pods import PodSeen, moment, pod_seen
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    DECISION,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    JOB,
    MODEL,
    MODEL_DEPLOYMENT,
    POD,
    SERVICE,
    Body,
    Key,
    ResourceKind,
)
from mlwright.plan.rollout import progress_told
from mlwright.plan.serving import (
    DecisionSeen,
    DeploymentSeen,
    Handing,
    PreflightSeen,
    RevisionSeen,
    SharesSeen,
    VariantSeen,
)
from mlwright.plan.writes import Witness
from mlwright.planners import deployment
from mlwright.planners.decisions import before, chain
from mlwright.planners.load_questions import questions
from mlwright.settings import Settings


def gather(body: Body, cache: CacheView) -> DeploymentSeen:
    """Return a deployment, its revisions, variants, pods and decisions, and the model that it serves."""
    meta, spec = body["metadata"], parsing.spec(ModelDeploymentSpec, body)
    owner = Key(MODEL_DEPLOYMENT.name, meta["namespace"], meta["name"])
    model = cache.get(MODEL, owner.namespace, spec.model.ref.name)
    pods = tuple(pod_seen(pod, SERVER_CONTAINER) for pod in cache.children(POD, owner))
    service, budget = _namesake(cache, SERVICE, owner), _namesake(cache, DISRUPTION_BUDGET, owner)
    route = _namesake(cache, HTTP_ROUTE, owner)
    shown = ((MODEL_DEPLOYMENT, body), (SERVICE, service), (HTTP_ROUTE, route))
    of_model = (model or {}).get("spec") or {}
    aliases = {a["name"]: a["version"] for a in of_model.get("aliases") or ()}
    revisions = (_revision(child) for child in cache.children(CONTROLLER_REVISION, owner))
    decided = decisions(cache, body)
    return DeploymentSeen(
        namespace=owner.namespace,
        name=owner.name,
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        spec=spec,
        epoch=parsing.annotation(body, ANNOTATION_RETRY),
        refresh=parsing.annotation(body, ANNOTATION_REFRESH),
        approve=parsing.annotation(body, ANNOTATION_APPROVE),
        promote=parsing.annotation(body, ANNOTATION_PROMOTE),
        abort=parsing.annotation(body, ANNOTATION_ABORT),
        status=body.get("status") or {},
        model_exists=model is not None,
        model_uid=model["metadata"]["uid"] if model else "",
        model_resource_version=model["metadata"]["resourceVersion"] if model else "",
        aliases=aliases,
        handing=_handing(spec, owner, cache),
        verify_keys={key["name"]: key["pem"] for key in (of_model.get("verify") or {}).get("keys") or ()},
        versions=newest_versions(
            cache, owner.namespace, spec.model.ref.name, also=_asked(spec, aliases, body, decided)
        ),
        revisions=tuple(revision for revision in revisions if revision is not None),
        variants=tuple(_variant(child, pods) for child in cache.children(DEPLOYMENT, owner)),
        decisions=decided,
        shares=_shares(service),
        witnesses=tuple(_witness(kind, body) for kind, body in shown if body),
        answers=_answers(spec, owner, cache),
        glances=cache.glances(owner),
        memory=cache.memory(owner),
        preflights=tuple(_preflight(job, owner, cache) for job in cache.children(JOB, owner) if _asks(job)),
        budget_uid=budget["metadata"]["uid"] if budget else "",
        traffic=traffic_seen(cache, owner, service, route),
        measured=cache.measured(owner),
    )


def _handing(spec: ModelDeploymentSpec, owner: Key, cache: CacheView) -> tuple[Handing, ...]:
    """Return who else follows one alias of the model and sets another, if the deployment does so itself."""
    if not (spec.model.alias and spec.rollout.set_alias):
        return ()
    found = cache.related(MODEL_DEPLOYMENT, owner.namespace, "model", spec.model.ref.name)
    others = (body for body in found if body["metadata"]["name"] != owner.name)
    parts = ((body["metadata"]["name"], body["spec"]["model"], body["spec"].get("rollout") or {}) for body in others)
    return tuple(
        Handing(name, model["alias"], rollout["setAlias"])
        for name, model, rollout in parts
        if model.get("alias") and rollout.get("setAlias")
    )


def _answers(spec: ModelDeploymentSpec, owner: Key, cache: CacheView) -> dict[Question, Answer]:
    if spec.autoscaling is None:
        return {}
    asked = questions(spec.autoscaling, owner.namespace, owner.name)
    return {question: answer for question in asked if (answer := cache.answer(question)) is not None}


def decisions(cache: CacheView, body: Body) -> tuple[DecisionSeen, ...]:
    """Return what was decided about a deployment."""
    meta = body["metadata"]
    found = cache.related(DECISION, meta["namespace"], "subject", f"{MODEL_DEPLOYMENT.name}/{meta['name']}")
    return tuple(_decision(decision) for decision in found)


def _asked(
    spec: ModelDeploymentSpec, aliases: Mapping[str, int], body: Body, decided: Sequence[DecisionSeen]
) -> set[int]:
    """Return the numbers of the versions that the spec names, in an experiment too, that roll out, serve or served."""
    rolling = progress_told(body.get("status") or {})
    named = (spec.model.version, aliases.get(spec.model.alias or ""), rolling.version if rolling else None)
    prefix, promoted = f"{spec.model.ref.name}-v", (*chain(decided)[-1:], before(decided))
    served = {parsing.number_after(prefix, promotion.version) for promotion in promoted if promotion}
    compared = {variant.model.version for variant in spec.experiment.variants} if spec.experiment else set()
    return {number for number in named if number is not None} | compared | served


def _shares(service: Body | None) -> SharesSeen:
    """Return the shares of a deployment that is reached by its Service alone: all leads to one revision."""
    led = selected(service)
    shares = {led: 100} if led else {}
    return SharesSeen(requested=shares, verified=shares)


def _witness(kind: ResourceKind, body: Body) -> Witness:
    meta = body["metadata"]
    return Witness(kind, meta["namespace"], meta["name"], meta["resourceVersion"])


def _namesake(cache: CacheView, kind: ResourceKind, owner: Key) -> Body | None:
    """Return the child that bears the owner's name."""
    return next((child for child in cache.children(kind, owner) if child["metadata"]["name"] == owner.name), None)


def _revision(body: Body) -> RevisionSeen | None:
    """Return a revision as seen; None for one of another make that merely bears our labels."""
    meta, data = body["metadata"], body.get("data") or {}
    name = meta["labels"].get(LABEL_REVISION, "")
    if not name or not data.keys() >= {"version", "digest", "template"}:
        return None
    return RevisionSeen(
        name=name,
        object=meta["name"],
        uid=meta["uid"],
        number=body["revision"],
        version=data["version"],
        digest=data["digest"],
        template=data["template"],
    )


def _variant(body: Body, pods: tuple[PodSeen, ...]) -> VariantSeen:
    meta, status = body["metadata"], body.get("status") or {}
    revision, created = meta["labels"].get(LABEL_REVISION, ""), moment(meta.get("creationTimestamp"))
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    setter: Body = next(iter(meta.get("managedFields") or ()), {})  # the cache keeps no other entry
    return VariantSeen(
        revision=revision,
        object=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        created=created,
        wanted=body["spec"].get("replicas", 1),
        replicas=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        observed=status.get("observedGeneration", 0) >= meta.get("generation", 0),
        deleting="deletionTimestamp" in meta,
        deleted=moment(meta["deletionTimestamp"]) if "deletionTimestamp" in meta else None,
        finalizers=tuple(meta.get("finalizers") or ()),
        generation=meta.get("generation", 0),
        set_by=setter.get("manager", ""),
        refused=conditions.get("ReplicaFailure", {}).get("message", ""),
        # pods of a Deployment of the same name that was deleted may still be there, and must not speak for this one
        pods=tuple(pod for pod in pods if pod.labels.get(LABEL_REVISION) == revision and pod.created >= created),
    )


def _asks(job: Body) -> bool:
    meta = job["metadata"]
    return LABEL_PREFLIGHT in (meta.get("labels") or {}) and "deletionTimestamp" not in meta


def _preflight(body: Body, owner: Key, cache: CacheView) -> PreflightSeen:
    meta, status = body["metadata"], body.get("status") or {}
    state, final = jobs.state(status)
    pods = (pod_seen(pod, STEP_CONTAINER) for pod in cache.children(POD, owner))
    return PreflightSeen(
        name=meta["name"],
        uid=meta["uid"],
        of=meta["labels"][LABEL_PREFLIGHT],
        state=state,
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        message=final.get("message", ""),
        pods=tuple(pod for pod in pods if jobs.made(pod, meta)),
        own=LABEL_OWN_PREFLIGHT in meta["labels"],
        asked=tuple((meta.get("annotations") or {}).get(ANNOTATION_ASKED, "").split()),
    )


def _decision(body: Body) -> DecisionSeen:
    meta, spec = body["metadata"], body["spec"]
    return DecisionSeen(
        name=meta["name"],
        uid=meta["uid"],
        type=spec["type"],
        revision=spec.get("revision", ""),
        version=spec.get("version", ""),
        epoch=spec.get("epoch", ""),
        after=spec.get("after", ""),
        sentence=spec["sentence"],
        created=moment(meta.get("creationTimestamp")),
        experiment=spec.get("experiment", ""),
    )


def plan(seen: DeploymentSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return deployment.decide(seen, settings, now).rendered(serving.renderer(seen, settings))


RECONCILER = Reconciler(kind=MODEL_DEPLOYMENT, gather=gather, plan=plan)
