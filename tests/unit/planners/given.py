"""Snapshots for the tests of planners, told in a few words: what is there, and how it is.

a_deployment().following_latest().with_version(1).stable("v1", ready=2).candidate("v2", ready=1)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from mlwright.api.conditions import Verdict
from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.api.pipelines import TrainingPipelineSpec
from mlwright.api.runs import TrainingRunSpec
from mlwright.plan.frozen import Frozen
from mlwright.plan.jobs import JobSeen, JobState
from mlwright.plan.pipelines import PipelineSeen, RunBrief
from mlwright.plan.pods import PodSeen
from mlwright.plan.serving import (
    Decide,
    DecisionSeen,
    DeploymentSeen,
    Forget,
    KeepBudget,
    KeepCopies,
    KeepVariant,
    RecordRevision,
    RemoveBudget,
    RemoveVariant,
    RevisionSeen,
    ScaleVariant,
    ServingIntent,
    SetAlias,
    SharesSeen,
    ShareTraffic,
    StartVariant,
    VariantSeen,
)
from mlwright.plan.training import RunSeen
from mlwright.plan.versions import Approval, VersionSeen
from mlwright.planners.runs import GOING
from mlwright.planners.target import revision_name
from mlwright.planners.template import freeze
from mlwright.settings import Settings

NOW: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)
SETTINGS: Final = Settings(trainer_image="trainer:1", server_image="server:1", artifacts_uri="pvc://artifacts/runs")
LONG_AGO: Final = NOW - timedelta(hours=1)


WAITS: Final = (
    "waits for approval: evaluation.approvalPolicy was Manual; approve it with: kubectl annotate modelversion churn-v2"
    " mlwright.dev/approve=2"
)
AWAITED: Final = Approval("Awaited", WAITS)
DENIED: Final = Approval("Denied", "was denied by anna: it forgets the islands")


def a_version(number: int, *, passed: bool = True, model: str = "churn", **known: Any) -> VersionSeen:
    """Return a version of a model."""
    sentence = "all gates passed" if passed else "gate good failed: f1 is 0.7000, 0.1000 below the required 0.8"
    return VersionSeen(
        name=f"{model}-v{number}",
        number=number,
        passed=passed,
        run=known.pop("run", ""),
        sentence=sentence,
        uri=known.pop("uri", f"pvc://artifacts/{model}/{number}"),
        digest="sha256:" + f"{number:064d}",
        **known,
    )


def a_pod(name: str = "churn-1", *, ready: bool = False, **state: Any) -> PodSeen:
    """Return a pod whose container has run for long, unless it is told that it did not start."""
    state = {"phase": "Running", "deleting": False, "labels": {}, "created": NOW, "started": LONG_AGO, **state}
    return PodSeen(name=name, ready=ready, **state)


def a_refusing_pod(code: int = 64, said: str = "the digest is another one") -> PodSeen:
    """Return a pod whose container ended and waits to be started again."""
    return a_pod(waiting_reason="CrashLoopBackOff", exit_code=code, exit_reason="Error", exit_message=said, restarts=3)


@dataclass(slots=True)
class Snapshot:
    """What is told of a snapshot, whatever its kind."""

    seen: dict[str, Any] = field(default_factory=dict)

    def knowing(self, **seen: Any) -> Self:
        """Set fields of the snapshot."""
        self.seen |= seen
        return self


@dataclass(slots=True)
class Asked(Snapshot):
    """What is told of something that people ask for, and whose model has versions."""

    spec: dict[str, Any] = field(default_factory=dict)
    versions: list[VersionSeen] = field(default_factory=list)

    def asking(self, **spec: Any) -> Self:
        """Set fields of the spec, in camelCase."""
        self.spec |= spec
        return self

    def with_version(self, number: int, *, passed: bool = True, **known: Any) -> Self:
        """Let a version of the model exist."""
        self.versions.append(a_version(number, passed=passed, **known))
        return self


@dataclass(slots=True)
class Deployment(Asked):
    """Tells a DeploymentSeen."""

    revisions: list[RevisionSeen] = field(default_factory=list)
    variants: list[VariantSeen] = field(default_factory=list)
    decisions: list[DecisionSeen] = field(default_factory=list)
    shares: dict[str, int] = field(default_factory=dict)
    applied: dict[str, int] | None = None

    def pinned(self, number: int) -> Self:
        """Ask for one version."""
        return self.asking(model={"ref": {"name": "churn"}, "type": "Version", "version": number})

    def following(self, alias: str) -> Self:
        """Ask for what an alias names."""
        return self.asking(model={"ref": {"name": "churn"}, "type": "Alias", "alias": alias})

    def recorded(self, number: int) -> Self:
        """Let the revision of a version be frozen."""
        name = self.revision(number)
        version = next(v for v in self.versions if v.number == number)
        self.revisions.append(
            RevisionSeen(
                name=name,
                object=f"churn-{name}",
                uid=f"uid-{name}",
                number=len(self.revisions) + 1,
                version=version.name,
                digest=version.digest,
                template={"metadata": {"labels": {"mlwright.dev/model": "churn", "mlwright.dev/revision": name}}},
            )
        )
        return self

    def running(self, number: int, *, ready: int, of: int | None = None, **state: Any) -> Self:
        """Let a revision have a Deployment."""
        name = self.revision(number)
        wanted = self._model().replicas if of is None else of
        state = {"observed": True, "deleting": False, "created": LONG_AGO, "wanted": wanted, **state}
        self.variants.append(
            VariantSeen(
                revision=name,
                object=f"churn-{name}",
                uid=f"uid-{name}",
                resource_version="7",
                replicas=wanted,
                ready=ready,
                **state,
            )
        )
        return self

    def promoted(self, number: int, *, created: datetime = LONG_AGO) -> Self:
        """Let a promotion be recorded, after the last one."""
        after = next((d.name for d in reversed(self.decisions) if d.type == "Promote"), "")
        return self._decided("Promote", number, after=after, created=created)

    def rejected(self, number: int, *, epoch: str = "", created: datetime = LONG_AGO) -> Self:
        """Let a rejection be recorded."""
        return self._decided("Reject", number, epoch=epoch, created=created)

    def _decided(self, type_: str, number: int, **known: Any) -> Self:
        name = f"churn-{type_.lower()}-{len(self.decisions)}"
        sentence = f"churn-v{number} is rejected: it broke" if type_ == "Reject" else f"churn-v{number} takes over"
        known = {"epoch": "", "after": "", **known}
        self.decisions.append(
            DecisionSeen(
                name=name,
                uid=f"uid-{name}",
                type=type_,
                revision=self.revision(number),
                version=f"churn-v{number}",
                sentence=sentence,
                **known,
            )
        )
        return self

    def leading_to(self, number: int) -> Self:
        """Let all traffic go to a revision."""
        self.shares = {self.revision(number): 100}
        return self

    def stable(self, number: int, *, ready: int, **state: Any) -> Self:
        """Let a version exist, be promoted and serve."""
        return (
            self.with_version(number)
            .recorded(number)
            .running(number, ready=ready, **state)
            .promoted(number)
            .leading_to(number)
        )

    def candidate(self, number: int, *, ready: int, created: datetime = NOW, **state: Any) -> Self:
        """Let a newer version exist and be started."""
        return self.with_version(number).recorded(number).running(number, ready=ready, created=created, **state)

    def revision(self, number: int) -> str:
        """Return the short name of the revision of a version."""
        return revision_name(self._shell(), next(v for v in self.versions if v.number == number))

    def _seen_shares(self) -> SharesSeen:
        return SharesSeen(requested=self.shares, verified=self.shares if self.applied is None else self.applied)

    def _model(self) -> ModelDeploymentSpec:
        return ModelDeploymentSpec.model_validate({"model": {"ref": {"name": "churn"}}, "replicas": 2, **self.spec})

    def _shell(self) -> DeploymentSeen:
        known = {"epoch": "", "refresh": "", "status": {}, "model_exists": True, **self.seen}
        return DeploymentSeen(
            namespace="demo", name="churn", uid="uid-churn", generation=1, spec=self._model(), **known
        )

    def done(self) -> DeploymentSeen:
        """Return the snapshot."""
        return replace(
            self._shell(),
            versions=tuple(self.versions),
            revisions=tuple(self.revisions),
            variants=tuple(self.variants),
            decisions=tuple(self.decisions),
            shares=self._seen_shares(),
        )


def a_deployment() -> Deployment:
    """Begin to tell a deployment of the model churn, with two pods."""
    return Deployment()


PIPELINE: Final[dict[str, Any]] = {
    "dataset": {"uri": "pvc://lake/churn.csv", "target": "churned"},
    "training": {"task": "Classification", "estimator": {"class": "sklearn.linear_model.LogisticRegression"}},
    "evaluation": {
        "metrics": ["roc_auc"],
        "gates": [{"name": "good", "type": "Threshold", "threshold": {"metric": "f1", "min": 0.8}}],
    },
}


@dataclass(slots=True)
class Pipeline(Asked):
    """Tells a PipelineSeen."""

    spec: dict[str, Any] = field(default_factory=lambda: dict(PIPELINE))
    runs: list[RunBrief] = field(default_factory=list)

    def with_run(self, number: int, state: Any, sentence: str = "", **known: Any) -> Self:
        """Let a run exist that froze the spec as it is now."""
        frozen = freeze(self.done(), SETTINGS, run=f"churn-{number}", uid=f"uid-{number}", at=NOW)
        ended = None if state in GOING else LONG_AGO + timedelta(minutes=10)
        given = {"version": "", "frozen": frozen, "created": LONG_AGO, "ended": ended}
        known = {"token": known.pop("answering", ""), **given, **known}
        self.runs.append(RunBrief(name=f"churn-{number}", number=number, state=state, sentence=sentence, **known))
        return self

    def done(self) -> PipelineSeen:
        """Return the snapshot."""
        known: dict[str, Any] = {"request": "", "status": {}, "created": LONG_AGO}
        known |= {"model_exists": True, "model_artifacts": "", **self.seen}
        return PipelineSeen(
            namespace="demo",
            name="churn",
            uid="uid-churn",
            generation=1,
            spec=TrainingPipelineSpec.model_validate(self.spec),
            model="churn",
            next_number=max((run.number for run in self.runs), default=0) + 1,
            runs=tuple(self.runs),
            versions=tuple(self.versions),
            **known,
        )


def a_pipeline() -> Pipeline:
    """Begin to tell a pipeline of the model churn."""
    return Pipeline()


RESULTS: Final[dict[str, dict[str, Any]]] = {
    "validate": {"dataset": {"digest": "sha256:d", "rows": 100, "trainRows": 80, "testRows": 20}},
    "tune": {
        "tuning": {
            "trials": 4,
            "finished": 3,
            "failed": 1,
            "best": {"trial": 2, "values": {"good": 0.9}, "parameters": {"C": 0.5}},
        }
    },
    "train": {
        "bundle": {"uri": "pvc://artifacts/b", "digest": "sha256:b", "format": "ONNX"},
        "environment": {"python": "3.11"},
    },
    "evaluate": {"metrics": {"f1": 0.9, "roc_auc": 0.95}},
}


@dataclass(slots=True)
class Run(Snapshot):
    """Tells a RunSeen."""

    jobs: list[JobSeen] = field(default_factory=list)
    frozen: Frozen | None = None
    pipeline: PipelineSeen | None = field(default_factory=lambda: a_pipeline().done())

    def without_pipeline(self) -> Self:
        """Let the pipeline not exist."""
        self.pipeline = None
        return self

    def started(self, **evaluation: Any) -> Self:
        """Let the template be frozen, with other fields of the evaluation."""
        told = a_pipeline().asking(evaluation={**PIPELINE["evaluation"], **evaluation})
        self.frozen = freeze(told.done(), SETTINGS, run="churn-1", uid="uid-1", at=NOW)
        return self

    def of(self, pipeline: Pipeline) -> Self:
        """Let the template of another pipeline be frozen."""
        self.frozen = freeze(pipeline.done(), SETTINGS, run="churn-1", uid="uid-1", at=NOW)
        return self

    def active(self, step: str, attempt: int = 0, *pods: PodSeen, **known: Any) -> Self:
        """Let a Job go on."""
        return self._job(step, attempt, JobState.ACTIVE, pods or (a_pod(f"{step}-pod"),), **known)

    def succeeded(self, *steps: str, attempt: int = 0, **known: Any) -> Self:
        """Let steps have succeeded, and their pods tell what they reported."""
        for step in steps:
            words = said("Succeeded", f"{step} is done", results=RESULTS[step])
            self._job(step, attempt, JobState.COMPLETE, (_ended(0, words),), **known)
        return self

    def unread(self, step: str, attempt: int = 0, **known: Any) -> Self:
        """Let a step have succeeded without that anybody heard of what it reported."""
        return self._job(step, attempt, JobState.COMPLETE, (_ended(0, ""),), **known)

    def refused(
        self, step: str, attempt: int = 0, *, reason: str = "", where: str = "spec.dataset.target", **known: Any
    ) -> Self:
        """Let a step have found an error of the user's."""
        words = said("UserError", "no column churned", field=where, remedy="name one", reason=reason)
        return self._job(step, attempt, JobState.FAILED, (_ended(64, words),), by_user=True, **known)

    def crashed(self, step: str, attempt: int = 0, code: int = 70, **known: Any) -> Self:
        """Let an attempt of a step have crashed."""
        return self._job(step, attempt, JobState.FAILED, (_ended(code, "Traceback"),), **known)

    def without_pods(self, step: str) -> Self:
        """Let a Job have no pod."""
        return self._job(step, 0, JobState.ACTIVE, ())

    def reported(self, step: str, results: Mapping[str, Any]) -> Self:
        """Let a step have succeeded and reported something."""
        return self.said(step, said("Succeeded", "done", results=results))

    def measured(self, **metrics: float) -> Self:
        """Let the last step have measured something."""
        return self.reported("evaluate", {"metrics": metrics})

    def said(self, step: str, message: str) -> Self:
        """Let a step have succeeded and left a message."""
        return self._job(step, 0, JobState.COMPLETE, (_ended(0, message),))

    def podless(self) -> Self:
        """Let the pods of the last Job be gone."""
        self.jobs[-1] = replace(self.jobs[-1], pods=())
        return self

    def disturbed(self) -> Self:
        """Let only that pod of the last Job be heard of which was evicted before the one that ended it."""
        self.jobs[-1] = replace(self.jobs[-1], pods=(_ended(137, ""),))
        return self

    def remembering(self, *steps: str) -> Self:
        """Let the status tell of steps whose Jobs are gone."""
        entries = [{"name": s, "state": "Succeeded", "attempt": 0, "results": RESULTS[s]} for s in steps]
        return self.knowing(status={"steps": entries})

    def _job(self, step: str, attempt: int, state: JobState, pods: tuple[PodSeen, ...], **known: Any) -> Self:
        reads = known.pop("collects", False)
        over = state is not JobState.ACTIVE
        known = dict[str, Any](by_user=False, crashes=0, message="", ended=NOW if over else None) | known
        self.jobs.append(
            JobSeen(
                name=f"churn-1-{step}-{attempt}{'-read' if reads else ''}",
                uid=f"uid-{step}-{attempt}",
                step=step,
                attempt=attempt,
                collects=reads,
                state=state,
                started=LONG_AGO,
                pods=pods,
                **known,
            )
        )
        return self

    def done(self) -> RunSeen:
        """Return the snapshot."""
        known: dict[str, Any] = {"status": {}, **self.seen}
        return RunSeen(
            namespace="demo",
            name="churn-1",
            uid="uid-1",
            generation=1,
            created=LONG_AGO,
            spec=TrainingRunSpec.model_validate({"pipelineRef": {"name": "churn"}}),
            pipeline=self.pipeline if self.frozen is None else None,
            frozen=self.frozen,
            jobs=tuple(self.jobs),
            **known,
        )


def a_run() -> Run:
    """Begin to tell the run churn-1."""
    return Run()


def _ended(code: int, said: str) -> PodSeen:
    reason = "Completed" if code == 0 else "Error"
    return a_pod(
        "step-pod", phase="Succeeded" if code == 0 else "Failed", exit_code=code, exit_reason=reason, exit_message=said
    )


def said(outcome: str, sentence: str, **more: Any) -> str:
    """Return a termination message."""
    return json.dumps({"outcome": outcome, "sentence": sentence, **more})


def named(conditions: Iterable[Verdict]) -> dict[str, str]:
    """Return conditions as `type: status reason`."""
    return {c.type: f"{c.status} {c.reason.value}" for c in conditions}


def with_conditions(**conditions: str) -> Mapping[str, Any]:
    """Return a stored status with conditions, each told as `status reason`."""
    found = [(type_, *told.split()) for type_, told in conditions.items()]
    return {
        "conditions": [
            {
                "type": type_,
                "status": status,
                "reason": reason,
                "message": f"it is {reason}",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for type_, status, reason in found
        ]
    }


def words(seen: DeploymentSeen, intents: Iterable[ServingIntent]) -> list[str]:
    """Return what a deployment is about to do, in a few words each."""
    versions = {revision.name: revision.version.removeprefix("churn-") for revision in seen.revisions}
    return [_WORDS[type(intent)](versions, intent) for intent in intents]


def _shares(known: Mapping[str, str], weights: Mapping[str, int]) -> str:
    if len(weights) == 1:
        return f"point to {known[next(iter(weights))]}"
    return "share " + ", ".join(f"{known[revision]} {percent} %" for revision, percent in weights.items())


_WORDS: Final[dict[type[ServingIntent], Callable[[Mapping[str, str], Any], str]]] = {
    RecordRevision: lambda _, i: f"record {i.target.version.name.removeprefix('churn-')} as {i.number}",
    StartVariant: lambda known, i: f"start {known[i.revision.name]} with {i.replicas}",
    KeepVariant: lambda known, i: f"keep {known[i.revision.name]}",
    ScaleVariant: lambda known, i: f"scale {known[i.variant.revision]} to {i.replicas}",
    RemoveVariant: lambda known, i: f"remove {known.get(i.variant.revision, 'a stranger')}",
    KeepCopies: lambda known, i: f"copy to {', '.join(known[r] for r in i.copies) or 'nobody'}",
    ShareTraffic: lambda known, i: _shares(known, i.weights),
    KeepBudget: lambda _, __: "keep budget",
    RemoveBudget: lambda _, __: "remove budget",
    Decide: lambda known, i: f"{i.type.lower()} {known[i.revision.name]}",
    SetAlias: lambda _, i: f"let {i.alias} be {i.version}",
    Forget: lambda _, i: f"forget {i.kind} {i.name}",
}
