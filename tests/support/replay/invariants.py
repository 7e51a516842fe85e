"""What must hold at every write of the operator, whatever went wrong before."""

from __future__ import annotations

import json
import math

from mlwright.builders.routers import router_labels
from mlwright.constants import (
    ANNOTATION_ROUTE,
    LABEL_OWN_PREFLIGHT,
    LABEL_OWNER,
    LABEL_PREFLIGHT,
    LABEL_REVISION,
    LABEL_VERSION,
)
from mlwright.plan.resources import Body
from mlwright.plan.traffic import BUCKETS
from mlwright.plan.writes import Apply, Create, Delete, Scale, Write
from tests.support.replay.actors import Actors, Surroundings, ready_pods
from tests.support.replay.operator import Operator
from tests.support.replay.world import World, is_shared


class BrokenInvariantError(AssertionError):
    """The operator did what it never may."""


def watch(operator: Operator) -> None:
    """Check every write of an operator before it has effect."""
    operator.world.watchers.append(lambda write: check(operator.world, write))


def watched() -> Operator:
    """Return an operator in an empty world, watched for what it never may do."""
    operator = Operator(World(), Actors(Surroundings()))
    watch(operator)
    return operator


def check(world: World, write: Write) -> None:
    """Raise when a write does what no write may do.

    Raises:
        BrokenInvariantError: with what would have happened.
    """
    if isinstance(write, Create | Apply) and write.body["kind"] == "Service":
        _service(world, write.body)
        _shares(world, write.body)
        _asked(world, write.body)
    if isinstance(write, Create | Apply) and write.body["kind"] == "HTTPRoute":
        _divided(world, write.body)
    if isinstance(write, Scale):
        _size(world, write)
    if isinstance(write, Delete) and write.kind.name == "Deployment":
        _removal(world, write)
    if isinstance(write, Create) and write.body["kind"] == "Deployment":
        _third(world, write.body)
    if isinstance(write, Delete) and write.kind.name == "ModelVersion":
        _retired(world, write)
    if isinstance(write, Apply) and write.body["kind"] == "Deployment" and "replicas" in write.body["spec"]:
        raise BrokenInvariantError("an apply sets the number of pods")


def _service(world: World, wanted: Body) -> None:
    """The Service never moves from a revision with ready pods to one without."""
    held = world.objects.get("Service", {}).get(wanted["metadata"]["name"])
    if held is None:
        return
    old, new = (body["spec"]["selector"] for body in (held, wanted))
    if old != new and ready_pods(world, old) and not ready_pods(world, new):
        raise BrokenInvariantError(f"the Service leaves {old}, which answers, for {new}, which does not")


def _shares(world: World, wanted: Body) -> None:
    """No revision without ready pods gets a larger share, unless none has any."""
    held = world.objects.get("Service", {}).get(wanted["metadata"]["name"])
    before, after = _route(held), _route(wanted)
    for revision in after if before else ():
        labels = {LABEL_OWNER: wanted["metadata"]["labels"][LABEL_OWNER], LABEL_REVISION: revision}
        others = any(ready_pods(world, labels | {LABEL_REVISION: other}) for other in before)
        if after[revision] > before.get(revision, 0) and others and not ready_pods(world, labels):
            raise BrokenInvariantError(f"{revision} gets {after[revision]} instead of {before.get(revision, 0)}")


def _divided(world: World, wanted: Body) -> None:
    """An HTTPRoute that leads somewhere never names a Service that is not there, nor gives more to who has no pods."""
    before, after = _weights(world.objects.get("HTTPRoute", {}).get(wanted["metadata"]["name"])), _weights(wanted)
    services = world.objects.get("Service", {})
    if before and (missing := after.keys() - services.keys()):
        raise BrokenInvariantError(f"a Gateway is told of Services that are not there: {sorted(missing)}")
    answers = {
        name: bool(ready_pods(world, services[name]["spec"]["selector"]))
        for name in {*before, *after} & services.keys()
    }
    for name in after if before else ():
        if after[name] > before.get(name, 0) and not answers[name] and any(answers.get(other) for other in before):
            raise BrokenInvariantError(f"{name} gets {after[name]} % at a Gateway instead of {before.get(name, 0)}")


def _weights(route: Body | None) -> dict[str, int]:
    """Return the weights in the first rule of an HTTPRoute, by name of the Service; empty without one."""
    rules = ((route or {}).get("spec") or {}).get("rules") or [{"backendRefs": []}]
    return {ref["name"]: ref["weight"] for ref in rules[0]["backendRefs"]}


def _asked(world: World, wanted: Body) -> None:
    """Where a preflight is asked for, no revision gains a share before its pods were asked and answered as expected."""
    owner = wanted["metadata"]["labels"][LABEL_OWNER]
    held = world.objects.get("Service", {}).get(owner)
    deployment = world.objects.get("ModelDeployment", {}).get(owner)
    if held is None or deployment is None or wanted["metadata"]["name"] != owner:
        return
    asked = deployment["spec"].get("rollout", {}).get("preflight") or {}
    before, after = _led(held), _led(wanted)
    promoted = {body["spec"]["revision"] for body in world.all("Decision") if body["spec"]["type"] == "Promote"}
    passed = {_asking(job) for job in world.all("Job") if _complete(job)}
    ran = {d["metadata"]["labels"].get(LABEL_REVISION): d["metadata"]["uid"] for d in world.all("Deployment")}
    for revision in after.keys() - promoted:
        gains = after[revision] > before.get(revision, 0)
        if gains and (lacks := [by for by in asked if (ran.get(revision), by) not in passed]):
            raise BrokenInvariantError(f"{revision} gets a share before it was asked by {lacks}")


def _asking(job: Body) -> tuple[str, str]:
    """Return which Deployment a Job asks, and by which part of a preflight."""
    labels = job["metadata"]["labels"]
    return labels.get(LABEL_PREFLIGHT, ""), "container" if LABEL_OWN_PREFLIGHT in labels else "replay"


def _led(service: Body) -> dict[str, int]:
    """Return the shares of a Service, through a router or not."""
    selected = service["spec"]["selector"].get(LABEL_REVISION)
    return _route(service) or ({selected: BUCKETS} if selected else {})


def _complete(job: Body) -> bool:
    return any(c["type"] == "Complete" for c in job.get("status", {}).get("conditions", ()))


def _route(service: Body | None) -> dict[str, int]:
    """Return the size of each revision's share in the route of a Service; empty without one."""
    text = ((service or {}).get("metadata", {}).get("annotations") or {}).get(ANNOTATION_ROUTE)
    shares = json.loads(text)["shares"] if text else ()
    return {share["revision"]: sum(last - first + 1 for first, last in share["ranges"]) for share in shares}


def _size(world: World, write: Scale) -> None:
    """The pods of a revision do not become fewer than its share needs."""
    held = world.objects.get(write.kind.name, {}).get(write.name)
    if held is None or is_shared(held) or held["metadata"]["resourceVersion"] != write.resource_version:
        return
    owner, revision = (held["metadata"]["labels"].get(label) for label in (LABEL_OWNER, LABEL_REVISION))
    spec = world.one("ModelDeployment", owner)["spec"]
    share = _route(world.objects.get("Service", {}).get(owner)).get(revision, 0)
    share += _weights(world.objects.get("HTTPRoute", {}).get(owner)).get(write.name, 0) * BUCKETS // 100
    least = spec["autoscaling"]["minReplicas"] if "autoscaling" in spec else spec["replicas"]
    needed = math.ceil(least * share / BUCKETS)
    if write.replicas < min(needed, held["spec"]["replicas"]) and not spec.get("suspend"):
        raise BrokenInvariantError(f"{write.name} is scaled to {write.replicas}, its share needs {needed}")


def _removal(world: World, write: Delete) -> None:
    """The pods that the Service leads to stay while they answer."""
    held = world.objects.get("Deployment", {}).get(write.name)
    if held is None or held["metadata"]["uid"] != write.uid or not _as_seen(world, write):
        return
    if is_shared(held):
        _unused(world)
        return
    owner = held["metadata"]["labels"][LABEL_OWNER]
    service, spec = world.objects.get("Service", {}).get(owner), world.one("ModelDeployment", owner)["spec"]
    pods = held["spec"]["template"]["metadata"]["labels"]
    leads = service is not None and (service["spec"]["selector"].items() <= pods.items() or _routed(service, pods))
    if leads and ready_pods(world, held["spec"]["selector"]["matchLabels"]) and not spec.get("suspend"):
        raise BrokenInvariantError(f"{write.name} is removed although the Service leads to it")
    asked = _weights(world.objects.get("HTTPRoute", {}).get(owner)).get(write.name)
    if asked and ready_pods(world, held["spec"]["selector"]["matchLabels"]) and not spec.get("suspend"):
        raise BrokenInvariantError(f"{write.name} is removed although a Gateway gives it {asked} % of the requests")


def _as_seen(world: World, write: Delete) -> bool:
    """Tell whether what a removal rests on is as it was; otherwise it has no effect."""
    found = ((witness, world.objects.get(witness.kind.name, {}).get(witness.name)) for witness in write.witnesses)
    return all(body is not None and body["metadata"]["resourceVersion"] == w.resource_version for w, body in found)


def _routed(service: Body, pods: Body) -> bool:
    """Tell whether a Service leads through the router to the pods of a revision."""
    if not service["spec"]["selector"].items() <= router_labels().items():
        return False
    route = json.loads(service["metadata"]["annotations"][ANNOTATION_ROUTE])
    return any(share["ranges"] for share in route["shares"] if share["revision"] == pods[LABEL_REVISION])


def _unused(world: World) -> None:
    """No Service leads to a router that is removed."""
    led = [body for body in world.all("Service") if body["spec"].get("selector") == router_labels()]
    if any(not is_shared(body) for body in led):
        raise BrokenInvariantError("the router is removed although a Service leads to it")


def _retired(world: World, write: Delete) -> None:
    """A version that has pods or an alias stays; a removal that was decided upon another world has no effect."""
    held = world.objects.get("ModelVersion", {}).get(write.name)
    if held is None or not _as_seen(world, write):
        return
    running = {body["metadata"]["labels"].get(LABEL_VERSION) for body in world.all("Deployment")}
    aliased = {alias["version"] for body in world.all("Model") for alias in body["spec"].get("aliases", ())}
    if write.name in running or held["spec"]["version"] in aliased:
        raise BrokenInvariantError(f"{write.name} is removed although it is in use")


def _third(world: World, wanted: Body) -> None:
    """Never more than two revisions of a deployment have pods."""
    owner = wanted["metadata"]["labels"][LABEL_OWNER]
    others = [
        body["metadata"]["name"]
        for body in world.all("Deployment")
        if body["metadata"]["labels"][LABEL_OWNER] == owner and body["metadata"]["name"] != wanted["metadata"]["name"]
    ]
    if len(others) > 1:
        raise BrokenInvariantError(f"{wanted['metadata']['name']} would be the third beside {others}")
