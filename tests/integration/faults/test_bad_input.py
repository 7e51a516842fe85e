"""What people get wrong, or what is not there yet: one sentence with field and remedy, and recovery by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from mlwright.constants import ANNOTATION_RUN
from mlwright.plan.resources import MODEL as MODEL_KIND
from mlwright.plan.resources import MODEL_DEPLOYMENT, TRAINING_PIPELINE
from mlwright.settings import Settings
from tests.support.apiserver import Json
from tests.support.campaign import Lab, Run
from tests.support.clocks import ShiftedClock
from tests.support.flows import (
    FIRST,
    TRAINING,
    Do,
    Flow,
    Holds,
    annotate,
    create,
    deployment,
    edit,
    pipeline,
    rejected,
    serves,
    trained,
    version,
)
from tests.support.objects import DECISION, GONE, MODEL, RUN, changed
from tests.support.operators import SETTINGS, FaultFree
from tests.support.podstates import Absent, CrashLoop, Ended, Running, State, Unscheduled, Waiting
from tests.support.scripts import Story, dataset_missing, user_error
from tests.support.world import Space

pytestmark = pytest.mark.asyncio(loop_scope="session")

RESYNCED = 0.5
"""Seconds after which everything is looked at again where a clock is set forward, which no event tells."""
SERVER = re.compile(r"churn-[0-9a-f]{8}-[0-9a-f]{10}-\d")
LOG = "(kubectl logs -n NAMESPACE job/churn-1-{}-0)"


@dataclass(frozen=True, slots=True)
class Told:
    """What an object says."""

    kind: str
    name: str
    condition: str
    state: str
    """Status and reason of the condition."""
    sentence: str
    """The object's summary; NAMESPACE and POD stand for the namespace and the pod of a server."""

    def holds(self, namespace: str) -> Holds:
        """Tell whether it is said."""

        def said(space: Space) -> bool:
            sentence = SERVER.sub("POD", space.summary(self.kind, self.name).replace(namespace, "NAMESPACE"))
            return (space.condition(self.kind, self.name, self.condition), sentence) == (self.state, self.sentence)

        return said


@dataclass(frozen=True, slots=True)
class Case:
    """Something wrong, what is said of it, what mends it, and what comes then."""

    what: str
    do: Do
    told: tuple[Told, ...]
    goal: Holds
    mend: Do | None = None
    """What people do; nothing where it mends itself with time."""
    story: Callable[[], Story] = Story
    shift: float = 0.0
    """How far ahead the operator's clock is from the beginning."""
    seconds: float = 0.0
    """How far it is set forward when all has been told."""
    settings: Settings = SETTINGS


def run_waits(sentence: str) -> tuple[Told, ...]:
    """Return what a run and its pipeline say while something is missing."""
    return (
        Told("TrainingRun", "churn-1", "Reconciling", "True/Waiting", sentence),
        Told("TrainingPipeline", "churn", "Ready", "False/Waiting", f"churn-1: {sentence}"),
    )


def run_failed(reason: str, sentence: str) -> tuple[Told, ...]:
    """Return what a run and its pipeline say when it failed."""
    return (
        Told("TrainingRun", "churn-1", "Failed", f"True/{reason}", sentence),
        Told("TrainingPipeline", "churn", "Stalled", "True/RunFailed", f"churn-1: {sentence}"),
    )


CLAIM = '0/1 nodes are available: persistentvolumeclaim "lake" not found.'
SECRET = 'secret "lake-key" not found'  # noqa: S105  # the kubelet's words, no password
PULL = 'failed to pull and unpack image "example/trainer:1": not found'
FIRST_RUN, SECOND_RUN = trained("churn-1", "Succeeded"), trained("churn-2", "Succeeded")
NO_COLUMN = user_error("validate", "spec.dataset.target", "there is no column churned", "choose one of age, left")
ONE_CLASS = user_error("train", "spec.dataset.target", "churned has one value only", "choose rows with both")
POD = "pod churn-1-validate-0-0"
SOON_AGAIN: Json = {
    "name": "validate",
    "type": "BuiltIn",
    "builtIn": {"uses": "Validate"},
    "retries": {"limit": 2, "backoff": "1s"},
}
"""A step whose next attempt no clock has to be set forward for: what a pod said is awaited by the same clock."""


def fails_at(step: str, *states: State) -> Callable[[], Story]:
    """Return the story in which the first attempts of a step go like that."""
    return lambda: Story(steps={step: list(states)})


def pinned(number: int) -> Json:
    """Return a deployment of one version."""
    return changed(deployment(), {"spec.model": {"type": "Version", "ref": {"name": "churn"}, "version": number}})


def asking(name: str, **evidence: object) -> Json:
    """Return a Decision made by hand that asks the pipeline for a run."""
    what = {"spec.type": "Retrain", "spec.subjectRef": {"kind": "TrainingPipeline", "name": "churn"}}
    return changed(DECISION, {"metadata.name": name, "spec.evidence": evidence, **what})


def following(alias: str) -> Json:
    """Return a deployment that follows an alias."""
    return changed(deployment(), {"spec.model": {"type": "Alias", "ref": {"name": "churn"}, "alias": alias}})


TRAINING_CASES = (
    Case(
        "a column is missing",
        create(pipeline()),
        run_failed(
            "UserError",
            "validate: spec.dataset.target: there is no column churned; choose one of age, left "
            + LOG.format("validate"),
        ),
        SECOND_RUN,
        mend=edit(TRAINING_PIPELINE, dataset={"target": "left"}),
        story=fails_at("validate", NO_COLUMN),
    ),
    Case(
        "the target has one value",
        create(pipeline()),
        run_failed(
            "UserError",
            "train: spec.dataset.target: churned has one value only; choose rows with both " + LOG.format("train"),
        ),
        SECOND_RUN,
        mend=annotate(TRAINING_PIPELINE, ANNOTATION_RUN, "with more rows"),
        story=fails_at("train", ONE_CLASS),
    ),
    Case(
        "the dataset is not there yet",
        create(pipeline()),
        run_waits(
            "validate: spec.dataset.uri: there is no file flights.csv on claim data; "
            "put it there, or correct the address " + LOG.format("validate") + "; tried again by itself"
        ),
        FIRST_RUN,
        story=fails_at("validate", dataset_missing()),
        seconds=16,
    ),
    Case(
        "a step crashes once",
        create(pipeline()),
        (
            Told(
                "TrainingRun",
                "churn-1",
                "Reconciling",
                "True/Retrying",
                f"evaluate: its container ended with exit code 70 {LOG.format('evaluate')}; tried again by itself",
            ),
        ),
        FIRST_RUN,
        story=fails_at("evaluate", Ended(70)),
        seconds=11,
    ),
    Case(
        "a step crashes always",
        create(pipeline(steps=[SOON_AGAIN])),
        run_failed(
            "StepFailed",
            "validate: its container ended with exit code 137, OOMKilled"
            " (kubectl logs -n NAMESPACE job/churn-1-validate-2) (attempt 3 of 3)",
        ),
        SECOND_RUN,
        mend=annotate(TRAINING_PIPELINE, ANNOTATION_RUN, "with more memory"),
        story=fails_at("validate", *(Ended(137, reason="OOMKilled"),) * 3),
    ),
    Case(
        "a claim is missing",
        create(pipeline()),
        run_waits(f"validate: {POD} waits: {CLAIM}; create it, the pod starts by itself"),
        FIRST_RUN,
        story=fails_at("validate", Unscheduled(CLAIM)),
    ),
    Case(
        "a Secret is missing",
        create(pipeline()),
        run_waits(f"validate: {POD} waits: {SECRET}; create it, the pod starts by itself"),
        FIRST_RUN,
        story=fails_at("validate", Waiting("CreateContainerConfigError", SECRET)),
    ),
    Case(
        "the image cannot be fetched",
        create(pipeline()),
        (
            Told(
                "TrainingRun",
                "churn-1",
                "Reconciling",
                "True/PodsUnhealthy",
                f"validate: the image of {POD} cannot be fetched: {PULL}; correct the image's name or the pull secret,"
                " or load the image; it is fetched again by itself",
            ),
        ),
        FIRST_RUN,
        story=fails_at("validate", Waiting("ImagePullBackOff", f"Back-off pulling image: ErrImagePull: {PULL}")),
    ),
    Case(
        "a quota forbids the pod",
        create(pipeline()),
        (
            Told(
                "TrainingRun",
                "churn-1",
                "Reconciling",
                "True/PodsUnhealthy",
                "validate: its pod could not be made yet; kubectl describe job/churn-1-validate-0 says why",
            ),
        ),
        FIRST_RUN,
        story=fails_at("validate", Absent()),
        shift=30,
    ),
    Case(
        "the pipeline of a run is missing",
        create(RUN),
        (
            Told(
                "TrainingRun",
                "churn-1",
                "Reconciling",
                "True/Waiting",
                "TrainingPipeline churn (spec.pipelineRef) does not exist; the run starts when it does",
            ),
        ),
        FIRST_RUN,
        mend=create(pipeline()),
    ),
    Case(
        "who asks for a run does not say until when the drift was seen",
        create(asking("churn-a", until="soon"), asking("churn-b", until=20), asking("churn-c"), pipeline()),
        (
            Told(
                "TrainingPipeline",
                "churn",
                "Ready",
                "True/RunSucceeded",
                "churn-1: made churn-v1, which passed its gates; Decision churn-a (and 2 more) asks for a run and is"
                " passed over, for spec.evidence.until is no time with its time zone, such as 2026-01-05T12:00:00Z;"
                " delete it and record another",
            ),
        ),
        SECOND_RUN,
        mend=create(asking("churn-d", until="2100-01-05T12:00:00Z")),
    ),
    Case(
        "nobody names an image",
        create(pipeline()),
        (
            Told(
                "TrainingPipeline",
                "churn",
                "Stalled",
                "True/InvalidSpec",
                "spec.image: no image trains: set it here, "
                "or for the whole installation with the chart's images.trainer",
            ),
        ),
        FIRST_RUN,
        mend=edit(TRAINING_PIPELINE, image="example/trainer:7"),
        settings=replace(SETTINGS, trainer_image=""),
    ),
    Case(
        "nobody says where artifacts go",
        create(pipeline()),
        (
            Told(
                "TrainingPipeline",
                "churn",
                "Stalled",
                "True/InvalidSpec",
                "spec.artifacts.uri: nobody says where runs are written: set it here, or in Model churn"
                " (spec.artifacts.uri), or for the whole installation with the chart's artifacts.uri, as pvc://CLAIM/path",
            ),
        ),
        FIRST_RUN,
        mend=edit(TRAINING_PIPELINE, artifacts={"uri": "pvc://store/mlwright"}),
        settings=replace(SETTINGS, artifacts_uri=""),
    ),
    Case(
        "a run is asked for and nobody says where artifacts go",
        create(changed(MODEL, {"spec.artifacts": GONE}), changed(pipeline(), {"spec.paused": True}), RUN),
        (
            Told(
                "TrainingRun",
                "churn-1",
                "Stalled",
                "True/InvalidSpec",
                "TrainingPipeline churn spec.artifacts.uri: nobody says where runs are written: set it here, or in"
                " Model churn (spec.artifacts.uri), or for the whole installation with the chart's artifacts.uri, as"
                " pvc://CLAIM/path",
            ),
        ),
        FIRST_RUN,
        mend=edit(MODEL_KIND, artifacts={"uri": "pvc://store/mlwright"}),
        settings=replace(SETTINGS, artifacts_uri=""),
    ),
)


def md(condition: str, state: str, sentence: str) -> tuple[Told, ...]:
    """Return what the deployment says."""
    return (Told("ModelDeployment", "churn", condition, state, sentence),)


SERVING_CASES = (
    Case(
        "there is no version yet",
        create(MODEL, deployment()),
        md(
            "Reconciling",
            "True/Waiting",
            "Model churn (spec.model.ref) has no version yet; the first that passes its gates is served",
        ),
        serves(1),
        mend=create(version(1)),
    ),
    Case(
        "the pinned version does not exist",
        create(MODEL, version(1), pinned(2)),
        md(
            "Reconciling",
            "True/Waiting",
            "spec.model.version is version 2 of Model churn, which does not exist; it is served as soon as it does",
        ),
        serves(2),
        mend=create(version(2)),
    ),
    Case(
        "the alias does not exist",
        create(MODEL, version(1), following("tested")),
        md(
            "Reconciling",
            "True/Waiting",
            "Model churn has no alias tested (spec.model.alias); it is followed as soon as it is set",
        ),
        serves(1),
        mend=edit(MODEL_KIND, aliases=[{"name": "tested", "version": 1}]),
    ),
    Case(
        "the first version refuses its bundle",
        create(MODEL, version(1), deployment(replicas=1)),
        md(
            "PodsHealthy",
            "False/PodsUnhealthy",
            "churn-v1 is starting, 0 of 1 pods ready: pod POD ended with exit code 64: the digest is another",
        ),
        serves(2),
        mend=create(version(2)),
        story=lambda: Story(servers={"churn-v1": CrashLoop(64, "the digest is another")}),
    ),
    Case(
        "nobody names a server image",
        create(MODEL, version(1), deployment()),
        md(
            "Stalled",
            "True/InvalidSpec",
            "spec.server.image: no image serves: set it here, "
            "or for the whole installation with the chart's images.server",
        ),
        serves(1),
        mend=edit(MODEL_DEPLOYMENT, server={"image": "example/server:7"}),
        settings=replace(SETTINGS, server_image=""),
    ),
)


@pytest.mark.parametrize("case", TRAINING_CASES + SERVING_CASES, ids=lambda case: case.what)
async def test_it_is_told_and_mended(lab: Lab, case: Case) -> None:
    """Every object that is concerned says it in the very words; afterwards the flow ends as ever, without an error."""
    namespace, clock = await lab.namespace(case.story()), ShiftedClock()
    clock.advance(case.shift)
    flow = Flow(case.what, ())
    settings = replace(case.settings, resync_seconds=RESYNCED) if case.seconds else case.settings
    options = {"clock": clock, "settings": settings}
    async with Run(lab, flow, namespace, FaultFree(), options) as run:
        await case.do(lab.kube, namespace)
        for told in case.told:
            await lab.world.until(namespace, told.holds(namespace), f"{told.kind} says: {told.sentence}")
        if not case.seconds:
            await run.quiet()  # a look that was due anyway must not stand in for one that the mend has to cause
        await lab.retell(namespace, Story())
        clock.advance(case.seconds)
        if case.mend is not None:
            await case.mend(lab.kube, namespace)
        await lab.world.until(namespace, case.goal, "all is well again")

        assert run.complaints == []


async def test_a_lost_result_is_read_again(lab: Lab) -> None:
    """A step that ended well without a message is not done again: another Job reads what it left in the store."""
    story = Story(steps={"train": [Ended(0)]})
    async with Run(lab, TRAINING, await lab.namespace(story), FaultFree()) as run:
        await run.through()

        assert [job["metadata"]["name"] for job in run.space.of("Job") if "train" in job["metadata"]["name"]] == [
            "churn-1-train-0",
            "churn-1-train-0-read",
        ]


async def test_a_candidate_has_until_its_deadline(lab: Lab) -> None:
    """While it is not ready the old version serves; when time is up it is rejected for good."""
    story, clock = Story(servers={"churn-v2": Running(ready=False)}), ShiftedClock()
    options = {"clock": clock, "settings": replace(SETTINGS, resync_seconds=RESYNCED)}
    async with Run(lab, FIRST, await lab.namespace(story), FaultFree(), options) as run:
        await run.through()
        await create(version(2))(lab.kube, run.namespace)
        waits = "churn-v2 is starting, 0 of 2 pods ready"
        await lab.world.until(run.namespace, says(waits), "it is told")
        serving = run.space.summary("ModelDeployment", "churn")
        clock.advance(601)
        await lab.world.until(run.namespace, rejected(2, stable=1), "it is rejected")
        sentence = run.space.summary("ModelDeployment", "churn")

        assert serving.endswith("; churn-v1 serves with 2 of 2 pods ready")
        assert sentence.startswith("churn-v2 is rejected: 0 of 2 pods ready after 10 min; ")
        assert sentence.endswith("; churn-v1 serves with 2 of 2 pods ready")
        assert run.complaints == []


def says(beginning: str) -> Holds:
    """Tell whether the deployment's sentence begins like that."""
    return lambda space: space.summary("ModelDeployment", "churn").startswith(beginning)
