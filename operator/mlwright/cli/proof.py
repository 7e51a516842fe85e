"""Whether the records of a deployment hold together, found out without the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlwright.cli.answers import Answer, Code
from mlwright.cli.kubectl import Body
from mlwright.cli.reports import brief, in_order
from mlwright.constants import LABEL_REVISION
from mlwright.plan.pods import moment
from mlwright.plan.serving import DecisionSeen
from mlwright.planners import experiment_outcome
from mlwright.planners.decisions import chain, decision_question, record_name
from mlwright.planners.evidence import differences


@dataclass(frozen=True, slots=True)
class Records:
    """What is looked at."""

    deployment: Body
    decisions: Sequence[Body]
    """About the deployment."""
    versions: Mapping[str, Body]
    """ModelVersions by name."""
    revisions: Mapping[str, Body]
    """ControllerRevisions by the short name of the revision."""


def verify(records: Records) -> Answer:
    """Recompute what can be recomputed; the answer's code is 1 when anything differs."""
    found = [(decision, tuple(_differences(records, decision))) for decision in in_order(records.decisions)]
    chained = tuple(_of_chain(records))
    lines = [
        f"{'differs' if wrong else 'holds  '}  {one['metadata']['name']}: {one['spec']['sentence']}"
        for one, wrong in found
    ]
    lines += [f"  {sentence}" for _, wrong in found for sentence in wrong]
    lines += [f"differs  the chain of promotions: {sentence}" for sentence in chained]
    wrong = bool(chained) or any(wrong for _, wrong in found)
    lines.append(f"{len(found)} decisions, {'differences found' if wrong else 'all hold'}")
    data = {"decisions": [{"name": one["metadata"]["name"], "differences": wrong} for one, wrong in found]}
    return Answer(
        "\n".join(lines),
        brief(records.deployment) | data | {"chain": chained},
        Code.NOT_SO if wrong else Code.DONE,
    )


def _differences(records: Records, decision: Body) -> Iterator[str]:
    """Return in what a decision contradicts itself or what it speaks of."""
    spec, meta = decision["spec"], decision["metadata"]
    owner = records.deployment["metadata"]
    name = record_name(owner["namespace"], owner["name"], spec["type"], _question(spec))
    if name != meta["name"]:
        yield f"{meta['name']} answers another question than its name says; that would be {name}"
    digest = (spec.get("evidence") or {}).get("digest")
    version, revision = records.versions.get(spec.get("version", "")), records.revisions.get(spec.get("revision", ""))
    if version is not None and digest and version["spec"]["bundle"]["digest"] != digest:
        yield f"it judged the bundle {digest}, {spec['version']} has {version['spec']['bundle']['digest']}"
    if revision is not None and digest and (revision.get("data") or {}).get("digest") != digest:
        yield f"it judged the bundle {digest}, revision {spec['revision']} holds another"
    yield from _recounted(spec)


def _recounted(spec: Mapping[str, Any]) -> Iterator[str]:
    """Return in which verdicts the counts that were kept say something else."""
    evidence = spec.get("evidence") or {}
    try:
        if evidence.get("analysis"):
            yield from differences(evidence["analysis"])
        if spec["type"] == "ExperimentOutcome":
            yield from experiment_outcome.differences(evidence)
    except (KeyError, TypeError, ValueError) as error:
        yield f"its counts cannot be judged again: {error}"


def _question(spec: Mapping[str, Any]) -> list[str]:
    return decision_question(spec["type"], *(spec.get(key, "") for key in ("after", "revision", "epoch", "experiment")))


def _of_chain(records: Records) -> Iterator[str]:
    """Return what is wrong with the chain of promotions, whose end serves."""
    promotions = chain(_seen(decision) for decision in records.decisions)
    stable = ((records.deployment.get("status") or {}).get("stable") or {}).get("revision", "")
    if promotions and stable and promotions[-1].revision != stable:
        yield f"its end is revision {promotions[-1].revision}, and status.stable is {stable}"
    known = {decision.name for decision in promotions}
    for promotion in promotions[1:]:
        if promotion.after not in known:
            yield f"{promotion.name} follows {promotion.after}, which is gone"


def _seen(decision: Body) -> DecisionSeen:
    spec, meta = decision["spec"], decision["metadata"]
    return DecisionSeen(
        name=meta["name"],
        uid=meta.get("uid", ""),
        type=spec["type"],
        revision=spec.get("revision", ""),
        version=spec.get("version", ""),
        epoch=spec.get("epoch", ""),
        after=spec.get("after", ""),
        sentence=spec["sentence"],
        created=moment(meta.get("creationTimestamp")),
    )


def by_revision(bodies: Sequence[Body]) -> dict[str, Body]:
    """Return ControllerRevisions by the short name of their revision."""
    return {body["metadata"]["labels"].get(LABEL_REVISION, ""): body for body in bodies}
