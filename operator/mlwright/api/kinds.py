"""The kinds of the API group: names, columns, subresources. The generator and the operator read the same table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mlwright.api.batches import BatchPredictionSpec, BatchPredictionStatus
from mlwright.api.decisions import DecisionSpec
from mlwright.api.deployment_status import ModelDeploymentStatus
from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.api.drift import DriftMonitorSpec
from mlwright.api.drift_status import DriftMonitorStatus
from mlwright.api.fields import Column, Schema
from mlwright.api.models import ModelSpec, ModelStatus, ModelVersionSpec
from mlwright.api.parts import READY_COLUMNS, Status
from mlwright.api.pipelines import TrainingPipelineSpec, TrainingPipelineStatus
from mlwright.api.runs import TrainingRunSpec, TrainingRunStatus

GROUP = "mlwright.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "mlwright"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind as people and the API server know it."""

    name: str
    plural: str
    short: str
    spec: type[Schema]
    description: str
    status: type[Status] | None = None
    columns: tuple[Column, ...] = ()
    scale: bool = False
    written_by_people: bool = False
    """People choose its name: at most 40 characters, so that the names of children fit."""


_AGE = READY_COLUMNS[-1]


def _condition(title: str, type_: str, description: str) -> Column:
    """Return the column that shows whether a condition holds."""
    return Column(title, "string", f'.status.conditions[?(@.type=="{type_}")].status', description)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(
                name="TrainingPipeline",
                plural="trainingpipelines",
                short="tp",
                spec=TrainingPipelineSpec,
                status=TrainingPipelineStatus,
                description="How a model is made and what it must prove before it may be served.",
                columns=(
                    READY_COLUMNS[0],
                    Column("Run", "string", ".status.lastRun.name", "The newest run."),
                    Column("State", "string", ".status.lastRun.state", "Where that run stands."),
                    Column(
                        "Latest",
                        "string",
                        ".status.latestVersion",
                        "The newest version that may be served.",
                    ),
                    Column("Next", "string", ".status.nextRun", "The next slot of its schedules."),
                    *READY_COLUMNS[1:],
                ),
                written_by_people=True,
            ),
            Kind(
                name="TrainingRun",
                plural="trainingruns",
                short="run",
                spec=TrainingRunSpec,
                status=TrainingRunStatus,
                description="One run of a TrainingPipeline: its steps, what was read, what was measured.",
                columns=(
                    Column("Pipeline", "string", ".spec.pipelineRef.name", "The pipeline."),
                    Column("Progress", "string", ".status.progress", "Finished and all steps."),
                    _condition("Complete", "Complete", "Whether it ended well."),
                    Column("Version", "string", ".status.modelVersionRef.name", "The version it made."),
                    *READY_COLUMNS[1:],
                ),
            ),
            Kind(
                name="Model",
                plural="models",
                short="mdl",
                spec=ModelSpec,
                status=ModelStatus,
                description="What is common to all versions of a model: its aliases and where its artifacts lie.",
                columns=(
                    Column("Versions", "integer", ".status.versions", "How many versions exist."),
                    Column(
                        "Latest",
                        "string",
                        ".status.latestPassed",
                        "The newest version that may be served.",
                    ),
                    *READY_COLUMNS[1:],
                ),
                written_by_people=True,
            ),
            Kind(
                name="ModelVersion",
                plural="modelversions",
                short="mv",
                spec=ModelVersionSpec,
                description="The record of one version of a model; nothing but its approval can change.",
                columns=(
                    Column("Model", "string", ".spec.modelRef.name", "The model."),
                    Column("Version", "integer", ".spec.version", "Number of the version."),
                    Column("Verdict", "string", ".spec.verdict.outcome", "What its gates said."),
                    Column("Approval", "string", ".spec.approval.decision", "What a person said."),
                    Column("Format", "string", ".spec.bundle.format", "Format of its model."),
                    Column("Run", "string", ".spec.lineage.run", "The run that made it.", priority=1),
                    _AGE,
                ),
            ),
            Kind(
                name="ModelDeployment",
                plural="modeldeployments",
                short="md",
                spec=ModelDeploymentSpec,
                status=ModelDeploymentStatus,
                description="How a model is served and how a new version replaces the old one.",
                columns=(
                    READY_COLUMNS[0],
                    Column("Version", "string", ".status.stable.version", "The version that serves."),
                    Column(
                        "Candidate",
                        "string",
                        ".status.candidate.version",
                        "The version that is about to take over.",
                    ),
                    Column("Replicas", "integer", ".status.replicas", "Pods that exist."),
                    Column("URL", "string", ".status.url", "Where predictions are asked for.", priority=1),
                    *READY_COLUMNS[1:],
                ),
                scale=True,
                written_by_people=True,
            ),
            Kind(
                name="BatchPrediction",
                plural="batchpredictions",
                short="bp",
                spec=BatchPredictionSpec,
                status=BatchPredictionStatus,
                description="A version answers stored rows, once or by a schedule.",
                columns=(
                    READY_COLUMNS[0],
                    Column("Version", "string", ".status.lastRun.version", "The version of the newest run."),
                    Column("State", "string", ".status.lastRun.state", "Where the newest run stands."),
                    Column("Shards", "string", ".status.lastRun.progress", "Its done and all shards."),
                    Column("Rows", "integer", ".status.lastRun.rows", "Rows it has answered."),
                    Column("Next", "string", ".status.schedule.next", "The next slot of its schedule."),
                    *READY_COLUMNS[1:],
                ),
                written_by_people=True,
            ),
            Kind(
                name="DriftMonitor",
                plural="driftmonitors",
                short="dm",
                spec=DriftMonitorSpec,
                status=DriftMonitorStatus,
                description="Whether requests and answers are still as the served model learned them.",
                columns=(
                    READY_COLUMNS[0],
                    Column("Version", "string", ".status.version", "The version that is watched."),
                    _condition("Drifted", "Drifted", "Whether a distribution has moved too far."),
                    _condition("Broken", "QualityDegraded", "Whether too many values are broken."),
                    _condition("Worse", "PerformanceDegraded", "Whether answers are worse than evaluated."),
                    _condition("Enough", "EnoughData", "Whether there are enough rows to tell."),
                    Column("Rows", "integer", ".status.window.rows", "Rows of the newest window."),
                    *READY_COLUMNS[1:],
                ),
                written_by_people=True,
            ),
            Kind(
                name="Decision",
                plural="decisions",
                short="dec",
                spec=DecisionSpec,
                description="Who or what decided what, on which evidence; written before it was acted upon.",
                columns=(
                    Column("Subject", "string", ".spec.subjectRef.name", "What it is about."),
                    Column("Type", "string", ".spec.type", "What was decided."),
                    Column("Version", "string", ".spec.version", "The version."),
                    Column("Sentence", "string", ".spec.sentence", "The decision, in words."),
                    _AGE,
                ),
            ),
        )
    }
)
