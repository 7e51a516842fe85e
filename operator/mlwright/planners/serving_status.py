"""The status of a ModelDeployment, as it follows from its situation: conditions, sentences and fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlwright.api.conditions import StatusDraft, Verdict, ready, reconciling, timestamp
from mlwright.api.reasons import Reason
from mlwright.constants import LABEL_DEPLOYMENT
from mlwright.plan.analysis import Judgement, Outcome
from mlwright.plan.rollout import Onward, Progress
from mlwright.plan.serving import RevisionSeen, Target
from mlwright.plan.traffic import Provider
from mlwright.planners import traffic
from mlwright.planners.health import Health
from mlwright.planners.leaving import health_of
from mlwright.planners.situation import Situation
from mlwright.planners.stages import pods
from mlwright.planners.target import awaited, variant
from mlwright.planners.upkeep import lead


def url(namespace: str, name: str, stable: RevisionSeen | None = None) -> str:
    """Return where predictions of a deployment are asked for, inside the cluster; with TLS as soon as that serves."""
    scheme = "https" if stable and _encrypts(stable) else "http"
    return f"{scheme}://{name}.{namespace}.svc.cluster.local/v2/models/{name}"


def _encrypts(revision: RevisionSeen) -> bool:
    """Tell whether the pods of a revision speak TLS: then the kubelet does so with them."""
    containers = (revision.template.get("spec") or {}).get("containers") or ()
    probes = [(container.get("readinessProbe") or {}).get("httpGet") or {} for container in containers]
    return any(probe.get("scheme") == "HTTPS" for probe in probes)


def serving(at: Situation) -> str:
    """Return who serves and how, in words."""
    if at.stable is None:
        return "nothing serves yet"
    if not at.seen.spec.replicas:
        wakes = "; the first request wakes it" if at.seen.traffic.provider is Provider.ROUTER else ""
        sleeps = at.seen.spec.autoscaling is not None and at.seen.spec.autoscaling.min_replicas == 0
        why = "sleeps (spec.autoscaling.minReplicas is 0)" if sleeps else "is scaled to zero (spec.replicas)"
        return f"{at.stable.version} {why}{wakes}"
    trouble = f"; {at.stable_health.trouble}" if at.stable_health.trouble else ""
    served = f"{at.stable.version} serves with {at.stable_health.counted}{trouble}{_instead(at, at.stable)}"
    return "; ".join(filter(None, (served, traffic.trouble(at.seen))))


def _instead(at: Situation, stable: RevisionSeen) -> str:
    """Say so when another revision still answers because the stable one lacks pods."""
    answering = lead(at.seen, stable)
    other = next((r for r in at.seen.revisions if r.name == answering and r.name != stable.name), None)
    return f"; {other.version} still answers" if other else ""


def beside(at: Situation) -> str:
    """Return how the stable revision is while another one is about to take over, in words."""
    shares = at.seen.shares.requested
    if at.stable is None or not shares or shares.get(at.stable.name):
        return serving(at)
    trouble = f"; {at.stable_health.trouble}" if at.stable_health.trouble else ""
    return f"{at.stable.version} is warm with {at.stable_health.counted}{trouble}"


def stable_conditions(at: Situation) -> tuple[Verdict, ...]:
    """Return Ready, and what is wrong with the pods that serve."""
    sentence, state = beside(at) if at.progress else serving(at), at.stable_health
    if at.stable is None:
        return (ready(Reason.STARTING, sentence, "Unknown"),)
    if state.trouble:
        return unhealthy(sentence)
    if traffic.trouble(at.seen):
        return unrouted(at, sentence)
    if not state.complete:
        return ready(Reason.SCALING, sentence, "True" if state.ready else "False"), reconciling(
            Reason.SCALING, sentence
        )
    return (ready(Reason.SERVING, sentence),)


def unrouted(at: Situation, sentence: str) -> tuple[Verdict, ...]:
    """Return the conditions while who divides requests is not as it should be."""
    through_gateway = at.seen.traffic.provider is Provider.GATEWAY
    reason = Reason.GATEWAY_UNREADY if through_gateway else Reason.ROUTER_UNREADY
    return ready(reason, sentence, "False" if traffic.blocked(at.seen) else "True"), reconciling(reason, sentence)


def awaiting(at: Situation) -> tuple[Verdict, ...]:
    """Return the condition that a newer version waits for approval, none when none does."""
    sentence = awaited(at.seen, at.goal)
    return (Verdict("AwaitingApproval", "True", Reason.AWAITING_APPROVAL, sentence),) if sentence else ()


def unhealthy(sentence: str) -> tuple[Verdict, ...]:
    """Return the conditions of pods that fail."""
    told = Verdict("PodsHealthy", "False", Reason.PODS_UNHEALTHY, sentence)
    return ready(Reason.PODS_UNHEALTHY, sentence, "False"), reconciling(Reason.PODS_UNHEALTHY, sentence), told


def moving(at: Situation, sentence: str, progress: Progress | None = None) -> StatusDraft:
    """Return the status while a revision is about to take over; Ready goes on speaking of the one that serves."""
    reason = Reason.ROLLING_OUT if at.stable else Reason.STARTING
    now = [c for c in stable_conditions(at) if c.type != "Reconciling"]
    return draft(at, sentence, *now, reconciling(reason, sentence), candidate=at.candidate, progress=progress)


def rolling(at: Situation, step: Onward, judgement: Judgement | None = None) -> StatusDraft:
    """Return the status while a candidate passes its stages; what is queued behind it is said as well."""
    sentence = f"{step.sentence}; {beside(at)}{_queued(at)}"
    told = [c for c in stable_conditions(at) if c.type != "Reconciling"]
    told += [reconciling(step.reason, sentence), Verdict("RolloutProgressing", "True", step.reason, sentence)]
    if step.reason is Reason.AWAITING_APPROVAL:
        told.append(Verdict("AwaitingApproval", "True", step.reason, sentence))
    if judgement is not None and judgement.outcome is Outcome.ERROR:
        told.append(Verdict("MetricsAvailable", "False", Reason.METRICS_UNAVAILABLE, judgement.sentence))
    found = draft(at, sentence, *told, candidate=at.candidate, progress=step.progress)
    return found if judgement is None else _with_checks(found, judgement)


def _queued(at: Situation) -> str:
    """Return why what is aimed at is not what the spec asks for; empty when it is."""
    if at.returns is not None:
        return f"; {at.returns.sentence}"
    later = at.asked.version.name if isinstance(at.asked, Target) and at.asked != at.goal else ""
    return f"; {later} waits until that is decided" if later else ""


def _with_checks(found: StatusDraft, judgement: Judgement) -> StatusDraft:
    """Return the status with what each check says of the candidate."""
    checks = [
        {
            "name": verdict.check,
            "type": verdict.type,
            "verdict": verdict.outcome.value,
            "sentence": verdict.sentence,
            "numbers": {name: float(number) for name, number in verdict.numbers.items()},
        }
        for verdict in judgement.verdicts
    ]
    return replace(found, fields={**found.fields, "candidate": {**found.fields["candidate"], "checks": checks}})


def waiting(at: Situation, candidate: RevisionSeen, state: Health, outlook: str = "") -> StatusDraft:
    """Return the status while the candidate's pods are not ready: how far they are, and what is wrong if anything.

    `outlook`: how long the rollout will take, where somebody knows.
    """
    trouble = f": {state.trouble}" if state.trouble else ""
    sentence = f"{candidate.version} is starting, {state.counted}{trouble}{f'; {outlook}' if outlook else ''}"
    if at.stable is not None:
        return moving(at, f"{sentence}; {serving(at)}{f'; {at.returns.sentence}' if at.returns else ''}")
    return draft(at, sentence, *unhealthy(sentence), candidate=candidate) if state.trouble else moving(at, sentence)


def draft(
    at: Situation,
    sentence: str,
    *conditions: Verdict,
    candidate: RevisionSeen | None = None,
    progress: Progress | None = None,
) -> StatusDraft:
    """Return a status with the fields that every situation has."""
    return StatusDraft(sentence, conditions, fields(at, candidate, progress))


def fields(at: Situation, candidate: RevisionSeen | None, progress: Progress | None) -> dict[str, Any]:
    """Return url, stable, candidate, rollout, variants, and what the scale subresource reads."""
    seen = at.seen
    wanted = pods(progress.now, seen.spec.replicas) if progress else max(1, seen.spec.replicas)
    roles = (("stable", at.stable, seen.spec.replicas), ("candidate", candidate, wanted))
    variants = [variant_told(at, role, revision, size) for role, revision, size in roles if revision is not None]
    step = {"step": progress.now.name} if progress else {}
    return {
        "url": url(seen.namespace, seen.name, at.stable),
        "stable": _stable(at),
        "candidate": _served(candidate) | step if candidate else None,
        "rollout": progress.told() if progress else None,
        "variants": variants,
        "replicas": sum(v.replicas for v in seen.variants),
        "selector": f"{LABEL_DEPLOYMENT}={seen.name}",
    }


def _stable(at: Situation) -> dict[str, Any] | None:
    if at.stable is None:
        return None
    leads = at.since is not None and at.seen.shares.whole == at.stable.name
    return _served(at.stable) | ({"since": timestamp(at.since)} if leads and at.since else {})


def _served(revision: RevisionSeen) -> dict[str, Any]:
    return {"version": revision.version, "revision": revision.name, "digest": revision.digest}


def variant_told(at: Situation, role: str, revision: RevisionSeen, wanted: int) -> dict[str, Any]:
    """Return a revision as status.variants tells it."""
    running = variant(at.seen, revision.name)
    state, verified = health_of(at.seen, revision.name, wanted), at.seen.shares.verified
    return {
        "name": role,
        "version": revision.version,
        "revision": revision.name,
        "weight": at.seen.shares.requested.get(revision.name, 0),
        **({"verifiedWeight": verified.get(revision.name, 0)} if verified else {}),
        "replicas": running.replicas if running else 0,
        "ready": running.ready if running else 0,
        "sentence": state.trouble or state.counted,
    }
