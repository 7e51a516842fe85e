"""What has been decided about a deployment: pure look-ups in its Decisions.

Promotions are a chain: each names the one that it follows, and the name of a promotion is made of the one that it
follows, so two that follow the same cannot both exist. The end of the chain is what serves, whatever timestamps say:
they are new after a restore from a backup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlwright.plan.digests import child_name, short
from mlwright.plan.serving import DecisionSeen, DeploymentSeen


def chain(decisions: Iterable[DecisionSeen]) -> tuple[DecisionSeen, ...]:
    """Return the promotions, each behind the one that it follows; the last one counts.

    Were one in the middle deleted by hand, there are two chains; the one that begins with a first promotion is older.
    """
    promotions = [decision for decision in decisions if decision.type == "Promote"]
    names = {decision.name for decision in promotions}
    by_before = {decision.after: decision for decision in sorted(promotions, key=_age) if decision.after in names}
    heads = sorted((d for d in promotions if d.after not in names), key=lambda d: (d.after != "", *_age(d)))
    return tuple(decision for head in heads for decision in _followers(head, by_before))


def _followers(head: DecisionSeen, by_before: dict[str, DecisionSeen]) -> list[DecisionSeen]:
    found = [head]
    while (following := by_before.get(found[-1].name)) is not None and following not in found:
        found.append(following)
    return found


def _age(decision: DecisionSeen) -> tuple[object, str]:
    return decision.created, decision.name


def promotion(seen: DeploymentSeen) -> DecisionSeen | None:
    """Return the promotion that counts, None before the first."""
    promotions = chain(seen.decisions)
    return promotions[-1] if promotions else None


def before(decisions: Iterable[DecisionSeen]) -> DecisionSeen | None:
    """Return the newest promotion of another revision than the one that counts, None without one."""
    promotions = chain(decisions)
    return next((d for d in reversed(promotions) if d.revision != promotions[-1].revision), None)


def rejection(seen: DeploymentSeen, revision: str) -> DecisionSeen | None:
    """Return the rejection of a revision that still counts: one of another value of the retry annotation does not."""
    return next((d for d in rejections(seen, revision) if d.epoch == seen.epoch), None)


def outcome(seen: DeploymentSeen) -> DecisionSeen | None:
    """Return how the experiment ended that the spec asks for, None while it has not."""
    name = seen.spec.experiment.name if seen.spec.experiment else ""
    return next((d for d in seen.decisions if name and d.type == "ExperimentOutcome" and d.experiment == name), None)


def rejections(seen: DeploymentSeen, revision: str) -> tuple[DecisionSeen, ...]:
    """Return all rejections of a revision, also by sending it back, and also those that do not count any more."""
    return tuple(d for d in seen.decisions if d.type in {"Reject", "Rollback"} and d.revision == revision)


def decision_question(type_: str, after: str, revision: str, epoch: str, experiment: str) -> list[str]:
    """Return the question that a Decision of that type answers, from its fields."""
    questions = {"Promote": [after], "Rollback": [after], "ExperimentOutcome": [experiment]}
    return questions.get(type_, [revision, epoch])


def record_name(namespace: str, name: str, type_: str, question: Sequence[str]) -> str:
    """Return the name of a Decision about a deployment, by the question that it answers."""
    return child_name(name, type_.lower(), short([f"{namespace}/{name}", type_, *question], 10))
