"""The page `docs/states.md` is true: every row of its tables, played in a world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mlwright.plan.analysis import Failed
from mlwright.plan.experiments import Survey, Surveyed
from mlwright.plan.loads import Answer
from mlwright.plan.measuring import Measure, Measured, Phase, Side
from mlwright.plan.pods import moment
from mlwright.plan.resources import Body, Key
from mlwright.planners.load_questions import REQUESTS
from mlwright.settings import Settings
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.counts import Rows
from tests.support.replay.operator import Operator
from tests.support.replay.people import edit, train_with
from tests.support.replay.world import World

PAGE = Path(__file__).parents[3] / "docs" / "states.md"
SOON = timedelta(seconds=20)
ASK = {"strategy": "BlueGreen", "steps": [{"name": "ask", "type": "Approval"}]}

pytestmark = pytest.mark.timeout(20)


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    kind: str
    situation: str
    conditions: tuple[str, ...]


def rows() -> Iterator[Row]:
    """Read the tables of the page."""
    kind = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        kind = line.removeprefix("## ") if line.startswith("## ") else kind
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "situation":
            yield Row(kind, cells[0], tuple(cells[1:]))


ROWS = {f"{row.kind}: {row.situation}": row for row in rows()}


def trained(operator: Operator) -> None:
    """Let the pipeline have made v1."""
    operator.world.add(people.pipeline())
    operator.settle()


def running(operator: Operator) -> None:
    """Let a run be at work."""
    operator.until(lambda: operator.world.objects.get("Job", {}) != {})
    operator.until(lambda: "is running" in people.summary(operator.world, "TrainingRun", newest(operator.world)))
    operator.until(lambda: "is running" in people.summary(operator.world, "TrainingPipeline"))


def newest(world: World) -> str:
    """Return the name of the newest run."""
    return str(world.all("TrainingRun")[-1]["metadata"]["name"])


def training(operator: Operator) -> None:
    """Let the first run be at work."""
    operator.world.add(people.pipeline())
    running(operator)


def retrained(operator: Operator, iterations: int = 300) -> None:
    """Let a second run be at work."""
    trained(operator)
    train_with(operator.world, iterations)
    operator.until(lambda: len(operator.world.all("TrainingRun")) > 1)
    running(operator)


def rejected_next(operator: Operator) -> None:
    """Let v1 be good, and v2 rejected by a gate."""
    trained(operator)
    train_with(operator.world, 20)
    operator.settle()


def rejected_first(operator: Operator) -> None:
    """Let v1 be rejected by a gate."""
    operator.world.add(people.pipeline(20))
    operator.settle()


MANUAL = {"metrics": ["roc_auc"], "approvalPolicy": "Manual"}


def retained(operator: Operator) -> None:
    """Let a model keep one version, of two."""
    operator.world.add(people.model(retention={"keepVersions": 1}))
    for number in (1, 2):
        operator.world.add(people.version(number))
    operator.world.pass_time(timedelta(days=2))
    operator.settle()


def unswept(operator: Operator) -> None:
    """Let a model sweep, and nobody say where."""
    operator.settings = Settings(trainer_image="trainer:1")
    operator.world.add(people.model(retention={"keepVersions": 1, "artifacts": "Delete"}))
    operator.settle()


def held_first(operator: Operator) -> None:
    """Let v1 wait for approval."""
    operator.world.add(people.pipeline(evaluation=MANUAL))
    operator.settle()


def held_next(operator: Operator) -> None:
    """Let v1 be good, and v2 wait for approval."""
    trained(operator)
    edit(operator.world, "TrainingPipeline", "flights", lambda spec: spec.update(evaluation=MANUAL))
    train_with(operator.world, 300)
    operator.settle()


def denied_next(operator: Operator) -> None:
    """Let v1 be good, and v2 be denied by somebody."""
    held_next(operator)
    edit(operator.world, "ModelVersion", "flights-v2", lambda spec: spec.update(approval={"decision": "Denied"}))
    operator.settle()


def failed(operator: Operator) -> None:
    """Let v1 be good, and the next run fail."""
    trained(operator)
    operator.actors.around.user_error = "train"
    train_with(operator.world, 300)
    operator.settle()


def judged(outcome: str) -> Callable[[Operator], None]:
    """Return the story of a run whose data is checked."""

    def story(operator: Operator) -> None:
        operator.actors.around.checks = outcome
        operator.world.add(people.pipeline())
        operator.settle()

    return story


def after_failure(operator: Operator) -> None:
    """Let a run be at work after one that failed."""
    failed(operator)
    operator.actors.around.user_error = ""
    train_with(operator.world, 20)
    operator.until(lambda: len(operator.world.all("TrainingRun")) > 2)
    running(operator)


def without_data(operator: Operator) -> None:
    """Let a run wait for its data."""
    operator.actors.around.data = False
    operator.world.add(people.pipeline())
    operator.settle(SOON)


def unasked(operator: Operator) -> None:
    """Let nobody have asked for a run."""
    operator.world.add(people.pipeline(triggers={"specChange": False}))
    operator.settle()


def held(operator: Operator) -> None:
    """Let a changed spec come too soon after a run."""
    operator.world.add(people.pipeline(guard={"cooldown": "1h"}))
    operator.settle()
    train_with(operator.world, 300)
    operator.settle()


def queued(operator: Operator) -> None:
    """Let a queue be full."""
    operator.actors.around.queue = "closed"
    operator.world.add(people.pipeline(policy={"queueName": "team-a"}))
    operator.settle(SOON)


def unseen(operator: Operator) -> None:
    """Let the data of a trained pipeline go away."""
    operator.world.add(people.pipeline(triggers={"dataChange": {"checkEvery": "1m"}}))
    operator.settle(SOON)
    operator.actors.around.data = False
    operator.settle()


def mirrored(crashes: int) -> Callable[[Operator], None]:
    """Return the story of a version that is mirrored, after so many failures."""

    def given(operator: Operator) -> None:
        """Let the mirror be told."""
        operator.actors.around.crashes = {"mirror": crashes}
        operator.world.add(people.pipeline(mirror={"mlflow": {"uri": "https://mlflow.example.com"}}))
        operator.settle()

    return given


def paused_training(operator: Operator) -> None:
    """Let a good pipeline be paused."""
    trained(operator)
    edit(operator.world, "TrainingPipeline", "flights", lambda spec: spec.update(paused=True))
    operator.settle()


def impossible_training(operator: Operator) -> None:
    """Let the data lie where nobody can read it."""
    operator.world.add(people.pipeline(dataset={"uri": "gs://lake/x", "target": "y"}))
    operator.settle()


def crashing(operator: Operator) -> None:
    """Let a step crash."""
    operator.actors.around.crashes = {"validate": 1}
    operator.world.add(people.pipeline())
    operator.settle(timedelta(seconds=5))


def unfetched(operator: Operator) -> None:
    """Let the image of the steps be missing."""
    operator.actors.around.bad_images.add("trainer:1")
    operator.world.add(people.pipeline())
    operator.settle(SOON)


def suspended_training(operator: Operator) -> None:
    """Let a good pipeline be suspended."""
    trained(operator)
    edit(operator.world, "TrainingPipeline", "flights", lambda spec: spec.update(suspend=True))
    operator.settle()


def suspended_run(operator: Operator) -> None:
    """Let a pipeline be suspended whose run is at work."""
    training(operator)
    edit(operator.world, "TrainingPipeline", "flights", lambda spec: spec.update(suspend=True))
    operator.settle(SOON)


def aborted(operator: Operator) -> None:
    """Let somebody end a run."""
    training(operator)
    people.annotate(operator.world, "TrainingRun", "flights-1", abort="wrong data")
    operator.settle()


def ending(operator: Operator) -> None:
    """Let something run at the end of a run."""
    operator.actors.around.endless.add("on-exit")
    operator.world.add(people.pipeline(onExit={"container": {"image": "tidy:1"}}))
    operator.settle(SOON)


def timed_out(operator: Operator) -> None:
    """Let a run wait longer than it may."""
    operator.actors.around.data = False
    operator.world.add(people.pipeline(policy={"timeoutAfter": "10s"}))
    operator.settle(timedelta(minutes=1))


def superseded(operator: Operator) -> None:
    """Let a run have been replaced."""
    without_data(operator)
    operator.actors.around.data = True
    train_with(operator.world, 300)
    operator.settle()


def aliased(version: int) -> Callable[[Operator], None]:
    """Let an alias name a version; only v1 exists."""

    def given(operator: Operator) -> None:
        operator.world.add(people.version(1))
        operator.world.add(people.model(aliases=[{"name": "champion", "version": version}]))
        operator.settle()

    return given


def served(operator: Operator, **spec: object) -> None:
    """Let v1 be served."""
    operator.world.add(people.model())
    operator.world.add(people.version(1))
    body = people.deployment()
    body["spec"] |= spec
    operator.world.add(body)
    operator.settle()


def changed(**spec: object) -> Callable[[Operator], None]:
    """Let v1 be served and the spec be changed then."""

    def given(operator: Operator) -> None:
        served(operator)
        edit(operator.world, "ModelDeployment", "flights", lambda found: found.update(spec))
        operator.settle()

    return given


def replaced(how: str) -> Callable[[Operator], None]:
    """Let v1 be served and v2 come, whose pods are `slow` or `broken`."""

    def given(operator: Operator) -> None:
        served(operator)
        getattr(operator.actors.around, how).add("flights-v2")
        operator.world.add(people.version(2))
        operator.settle(SOON)

    return given


def pinned_rejected(operator: Operator) -> None:
    """Let v2 be pinned and broken."""
    replaced("broken")(operator)
    selector = {"type": "Version", "ref": {"name": "flights"}, "version": 2}
    edit(operator.world, "ModelDeployment", "flights", lambda spec: spec.update(model=selector))
    operator.settle()


def first_pods(how: str) -> Callable[[Operator], None]:
    """Let the pods of the first version be `slow` or `broken`."""

    def given(operator: Operator) -> None:
        getattr(operator.actors.around, how).add("flights-v1")
        served(operator)

    return given


def unrouted(operator: Operator) -> None:
    """Let v1 be served through a router whose pods do not become ready."""
    operator.actors.around.unrouted = True
    operator.world.add(people.version(1))
    operator.world.add(people.deployment(traffic={"provider": "Router"}))
    operator.settle()


def at_a_gateway(*, closed: bool) -> Callable[[Operator], None]:
    """Let v1 be served at a Gateway, which accepts nothing if it is closed."""

    def given(operator: Operator) -> None:
        operator.actors.around.closed = closed
        operator.world.add(people.version(1))
        operator.world.add(people.deployment(traffic={"gateway": {"parentRefs": [{"name": "public"}]}}))
        operator.settle()

    return given


def pods_fail(operator: Operator) -> None:
    """Let the pods that serve fail."""
    served(operator)
    operator.actors.around.broken.add("flights-v1")
    operator.actors.act(operator.world)
    operator.settle(SOON)


def scaling(operator: Operator) -> None:
    """Let more pods be wanted than are there."""
    served(operator)
    edit(operator.world, "ModelDeployment", "flights", lambda spec: spec.update(replicas=3))
    operator.until(lambda: "of 3" in people.summary(operator.world, "ModelDeployment"))


def nothing_approved(operator: Operator) -> None:
    """Let the only version be rejected by a gate."""
    operator.world.add(people.version(1, passed=False))
    operator.world.add(people.deployment())
    operator.settle()


def awaited_next(operator: Operator) -> None:
    """Let v1 be served and v2 wait for approval."""
    served(operator)
    operator.world.add(people.version(2, approvalPolicy="Manual"))
    operator.settle()


def awaited_first(operator: Operator) -> None:
    """Let the only version wait for approval."""
    operator.world.add(people.version(1, approvalPolicy="Manual"))
    operator.world.add(people.deployment())
    operator.settle()


def taken(operator: Operator) -> None:
    """Let somebody else have a Service of that name."""
    operator.world.add({"kind": "Service", "metadata": {"name": "flights"}, "spec": {}})
    served(operator)


def contested(operator: Operator) -> None:
    """Let somebody else own the alias."""
    operator.world.add(people.model(aliases=[{"name": "champion", "version": 7}]))
    operator.world.one("Model", "flights")["metadata"]["aliasOwners"] = {"champion": "kubectl"}
    operator.world.add(people.version(1))
    operator.world.add(people.deployment(rollout={"setAlias": "champion"}))
    operator.settle(SOON)


def waiting_for_version(operator: Operator) -> None:
    """Let the deployment be there before the model."""
    operator.world.add(people.deployment())
    operator.settle()


def imageless(operator: Operator) -> None:
    """Let nobody say what serves."""
    operator.settings = Settings()
    operator.world.add(people.version(1))
    operator.world.add(people.deployment())
    operator.settle()


def rolling(**rollout: object) -> Callable[[Operator], None]:
    """Let v1 be served and v2 pass the stages of a rollout."""

    def given(operator: Operator) -> None:
        served(operator, rollout=rollout)
        operator.world.add(people.version(2))
        operator.settle(SOON)

    return given


def asked_first(operator: Operator) -> None:
    """Let v1 be served and v2 be asked for long."""
    operator.actors.around.endless.add("preflight")
    rolling(preflight={"replay": {}})(operator)


def canary(*, measured: bool = False, **traffic: str) -> Callable[[Operator], None]:
    """Let v1 be served and v2 get a share of the requests; `measured`: something is watched, and nobody counts."""

    def given(operator: Operator) -> None:
        steps = [{"name": "half", "type": "Weight", "weight": {"percent": 50, "hold": "5m"}}]
        rollout: dict[str, object] = {"strategy": "Canary", "steps": steps}
        if measured:
            rollout["analysis"] = {"checks": [{"name": "errors", "type": "ErrorRate"}]}
            operator.settings = replace(operator.settings, prometheus_url="https://prometheus.example.com")
            operator.world.measured = unanswered(operator.world)  # type: ignore[method-assign, assignment]  # of this world alone
        served(operator, rollout=rollout, traffic=traffic)
        operator.world.add(people.version(2))
        operator.settle(SOON)

    return given


def unwatched(operator: Operator) -> None:
    """Let a monitor name a deployment that does not exist."""
    operator.world.add(people.monitor())
    operator.settle()


def watched_for(time: timedelta, **rows: Any) -> Callable[[Operator], None]:
    """Return the story of a monitor that watches a serving deployment for some time, whose rows are like that."""

    def given(operator: Operator) -> None:
        operator.world.rows = Rows(**rows)
        served(operator)
        operator.world.add(people.monitor())
        operator.settle(time)

    return given


def stored_for(time: timedelta, **around: Any) -> Callable[[Operator], None]:
    """Return the story of a monitor of stored rows, some time after it was made."""

    def given(operator: Operator) -> None:
        served(operator)
        for name, value in around.items():
            setattr(operator.actors.around, name, value)
        operator.world.add(people.stored_monitor())
        operator.settle(time)

    return given


def sent_back(operator: Operator) -> None:
    """Let v2 take over from v1, and answer oddly while what is asked stays as it was."""
    served(operator)
    operator.world.strange.add("flights-v2")
    operator.world.add(people.version(2))
    operator.world.add(people.guarding_monitor())
    operator.settle(timedelta(minutes=20))


def drifted(operator: Operator) -> None:
    """Let other rows be asked than before."""
    watched_for(timedelta(minutes=9))(operator)
    operator.world.drift()
    operator.settle(timedelta(minutes=20))


def paused_monitor(operator: Operator) -> None:
    """Let a monitor be paused that has found something."""
    drifted(operator)
    edit(operator.world, "DriftMonitor", "flights", lambda spec: spec.update(paused=True))
    operator.settle(timedelta(minutes=20))


def broken(operator: Operator) -> None:
    """Let rows come without their hour, where a check looks after that."""
    served(operator)
    operator.world.add(people.monitor(checks=[*people.CHECKS, people.QUALITY]))
    operator.settle(timedelta(minutes=9))
    operator.world.rows.broken = 0.3
    operator.settle(timedelta(minutes=20))


def repaired(operator: Operator) -> None:
    """Let them come with it again."""
    broken(operator)
    operator.world.rows.broken = 0.0
    operator.settle(timedelta(minutes=30))


def sparse_quality(operator: Operator) -> None:
    """Let nothing but broken values be looked for, in few rows."""
    operator.world.rows = Rows(rows=30)
    served(operator)
    operator.world.add(people.monitor(checks=[people.QUALITY]))
    operator.settle(timedelta(minutes=9))


def labelled(*labels: tuple[int, int], checks: tuple[Body, ...] = (people.TRUTH,)) -> Callable[[Operator], None]:
    """Return the story of a version whose answers are labelled, so many right and wrong ones in each span."""

    def given(operator: Operator) -> None:
        operator.world.add(people.model())
        operator.world.add(people.evaluated(1))
        operator.world.add(people.deployment(feedback={"enabled": True, "keySecretRef": {"name": "keys"}}))
        operator.settle()
        operator.world.add(people.monitor(checks=list(checks)))
        for each in labels:
            operator.world.rows.labels = each
            operator.settle(timedelta(minutes=9))

    return given


def answering(operator: Operator, **spec: object) -> None:
    """Let a batch prediction exist beside a deployment that serves v1."""
    served(operator)
    operator.world.add(people.batch("flights", **spec))
    operator.settle()


def at_work(operator: Operator, **spec: object) -> None:
    """Let shards of a batch prediction go on and on."""
    operator.actors.around.endless.add("predict")
    answering(operator, **spec)


def answered(operator: Operator) -> None:
    """Let a run of a batch prediction be complete."""
    answering(operator)


def failed_batch(operator: Operator) -> None:
    """Let a run of a batch prediction have failed."""
    operator.actors.around.user_error = "predict"
    answering(operator)


def again_after(first: Callable[[Operator], None]) -> Callable[[Operator], None]:
    """Return the story of a later run that goes on."""

    def given(operator: Operator) -> None:
        """Let rows elsewhere be answered."""
        first(operator)
        operator.actors.around.user_error = ""
        operator.actors.around.endless.add("predict")
        change = {"input": {"uri": "pvc://data/tomorrow"}}
        edit(operator.world, "BatchPrediction", "flights", lambda spec: spec.update(change))
        operator.settle()

    return given


def unanswered(world: World) -> Callable[[Key], Measured | None]:
    """Return a reading that failed, of whatever is to be counted."""

    def measured(_: Key) -> Measured | None:
        told = people.status(world, "ModelDeployment").get("rollout") or {}
        phases = tuple(Phase(phase["stage"], moment(phase["since"]).timestamp()) for phase in told.get("phases", ()))
        if not phases:
            return None
        wanted = Measure("demo", "flights", Side(told["revision"], ()), Side("", ()), phases, (), timedelta(0))
        return Measured(wanted, {"errors": Failed("Prometheus does not answer")})

    return measured


def scheduled(operator: Operator) -> None:
    """Let the first slot be to come."""
    answering(operator, schedule={"cron": "0 12 1 6 *"})


def unserved(operator: Operator) -> None:
    """Let the deployment of a batch prediction not exist."""
    operator.world.add(people.batch("flights"))
    operator.settle()


def of_version(version: Body) -> Callable[[Operator], None]:
    """Return the story of a batch prediction that names such a version."""

    def given(operator: Operator) -> None:
        """Let it be named."""
        operator.world.add(version)
        named = {"type": "Version", "version": {"name": "flights-v1"}}
        operator.world.add(people.batch("flights", source=named))
        operator.settle()

    return given


def unfetched_batch(operator: Operator) -> None:
    """Let the image of a batch prediction be missing."""
    operator.actors.around.bad_images.add("trainer:1")
    answering(operator)


def without_claim(operator: Operator) -> None:
    """Let the claim of the answers be missing."""
    answering(operator, output={"uri": "pvc://nowhere/answers"})


def suspended_batch(operator: Operator) -> None:
    """Let a batch prediction be suspended whose run is complete."""
    answering(operator)
    edit(operator.world, "BatchPrediction", "flights", lambda spec: spec.update(suspend=True))
    operator.settle()


FOLLOWING = {"type": "Alias", "ref": {"name": "flights"}, "alias": "blue"}


def outnumbered(operator: Operator) -> None:
    """Let an autoscaler set five pods."""
    served(operator)
    for body in operator.world.all("Deployment"):
        operator.world.scale_by("kube-controller-manager", body, 5)
    operator.settle()


def loaded(trouble: str) -> Callable[[Operator], None]:
    """Let a deployment be scaled by its requests, of which Prometheus knows, or tells why not."""

    def play(operator: Operator) -> None:
        served(operator)
        rate = {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}
        edit(
            operator.world,
            "ModelDeployment",
            "flights",
            lambda spec: spec.update(autoscaling={"maxReplicas": 5, "metrics": [rate]}),
        )
        operator.settle()
        pods = {("demo", pod["metadata"]["name"]): 5.0 for pod in operator.world.all("Pod")}
        answer = Answer(operator.world.now.timestamp() + 1, {} if trouble else pods, trouble=trouble)
        operator.world.loads.take({REQUESTS: answer})
        operator.look_at_all()
        operator.settle()

    return play


def experimenting(how: str = "", **change: object) -> Callable[[Operator], None]:
    """Let v1 be served and v2 be compared with it; `how`: nothing is counted, or it waits for v2."""

    def play(operator: Operator) -> None:
        variants = [{"name": "b", "model": {"version": 2}, "weight": 50}]
        goal = {"type": "Reward", "reward": {"effect": 0.02}}
        compared = {"name": "pricing", "variants": variants, "goal": goal}
        feedback = {"enabled": True, "keySecretRef": {"name": "keys"}}
        pinned = {"type": "Version", "ref": {"name": "flights"}, "version": 1}
        served(operator, traffic={"provider": "Router"}, feedback=feedback, model=pinned, experiment=compared)
        if how != "lacks":
            operator.world.add(people.version(2))
        if how == "silent":
            operator.world.measured = lambda _: None  # type: ignore[method-assign, assignment]  # of this world alone
        if how == "unread":
            operator.world.measured = unread(operator.world)  # type: ignore[method-assign, assignment]  # of this world
        edit(operator.world, "ModelDeployment", "flights", lambda spec: spec.update(change))
        operator.settle()

    return play


def unread(world: World) -> Callable[[Key], Surveyed | None]:
    """Return a reading of an experiment that failed."""

    def measured(key: Key) -> Surveyed | None:
        survey = world.meter.wanted.get(key)
        return (
            Surveyed(survey, survey.since, trouble="Prometheus does not answer") if isinstance(survey, Survey) else None
        )

    return measured


GIVEN: dict[str, Callable[[Operator], None]] = {
    "TrainingPipeline: the first run goes on": training,
    "TrainingPipeline: a later run goes on after a good one": retrained,
    "TrainingPipeline: a later run goes on after one that failed": after_failure,
    "TrainingPipeline: the last run made a version that passed": trained,
    "TrainingPipeline: the last version was rejected, an older one is good": rejected_next,
    "TrainingPipeline: the only version was rejected": rejected_first,
    "TrainingPipeline: the last version waits for approval, an older one is good": held_next,
    "TrainingPipeline: the only version waits for approval": held_first,
    "TrainingPipeline: the last version was denied, an older one is good": denied_next,
    "TrainingPipeline: the last run failed, whether or not an older version is good": failed,
    "TrainingPipeline: a run waits for something that does not exist yet": without_data,
    "TrainingPipeline: nobody asked for a run": unasked,
    "TrainingPipeline: a run is due, and the guard holds it": held,
    "TrainingPipeline: a queue has not admitted the first run": queued,
    "TrainingRun: a queue has not admitted the Job of a step": queued,
    "TrainingPipeline: the last look at the data failed": unseen,
    "TrainingPipeline: the mirror shows everything": mirrored(0),
    "TrainingPipeline: the mirror could not be told": mirrored(4),
    "TrainingPipeline: paused": paused_training,
    "TrainingPipeline: suspended": suspended_training,
    "TrainingPipeline: the spec is impossible": impossible_training,
    "TrainingRun: a step is at work": training,
    "TrainingRun: a step is tried again": crashing,
    "TrainingRun: it waits for data, a claim, a Secret or its pipeline": without_data,
    "TrainingRun: the pod of a step does not start": unfetched,
    "TrainingRun: its pipeline is suspended": suspended_run,
    "TrainingRun: its steps are over, and what runs at its end is at work": ending,
    "TrainingRun: somebody ended it": aborted,
    "TrainingRun: it took longer than it may": timed_out,
    "TrainingRun: it made a version": trained,
    "TrainingRun: it failed": failed,
    "TrainingRun: it made a version of data that passed its checks": judged("Passed"),
    "TrainingRun: it made a version of data that fails checks, with onFailure Warn": judged("Warned"),
    "TrainingRun: its data fails checks, with onFailure Fail": judged("Failed"),
    "TrainingRun: it was stuck or is to be replaced, and a newer run took its place": superseded,
    "Model: every alias names a good version": aliased(1),
    "Model: the last sweep of the folders of runs failed or was refused": unswept,
    "Model: old versions were kept or removed, and nothing is left to remove": retained,
    "Model: an alias names a version that does not exist or did not pass": aliased(2),
    "ModelDeployment: the first pods are starting": first_pods("slow"),
    "ModelDeployment: the first pods fail": first_pods("broken"),
    "ModelDeployment: it serves and has nothing to do": served,
    "ModelDeployment: a newer version is about to take over": replaced("slow"),
    "ModelDeployment: following, a newer version was rejected": replaced("broken"),
    "ModelDeployment: following, a monitor has sent the newest version back to the one before": sent_back,
    "ModelDeployment: the pinned version was rejected": pinned_rejected,
    "ModelDeployment: no version passed its gates, so there is nothing to serve": nothing_approved,
    "ModelDeployment: following, a newer version waits for approval": awaited_next,
    "ModelDeployment: a newer version is asked golden rows and recorded requests (`rollout.preflight`)": asked_first,
    "ModelDeployment: a newer version waits at a step for approval": rolling(**ASK),
    "ModelDeployment: a newer version answers a share of the requests": canary(provider="Router"),
    "ModelDeployment: what it is judged by cannot be counted": canary(measured=True, provider="Router"),
    "ModelDeployment: a canary, and nothing divides requests": canary(provider="Service"),
    "ModelDeployment: variants of an experiment answer": experimenting("silent"),
    "ModelDeployment: what variants are compared by cannot be counted": experimenting("unread"),
    "ModelDeployment: an experiment waits for its turn, or has ended": experimenting("lacks"),
    "ModelDeployment: an experiment, and nothing divides requests": experimenting(traffic={"provider": "Service"}),
    "ModelDeployment: a newer version has all traffic and bakes": rolling(bake="30m"),
    "ModelDeployment: the only version, or the one that is asked for, waits for approval": awaited_first,
    "ModelDeployment: pods that serve fail": pods_fail,
    "ModelDeployment: the number of pods is being changed": scaling,
    "ModelDeployment: it is scaled by a load that is known": loaded(""),
    "ModelDeployment: it is scaled by a load that is not known": loaded("Prometheus did not answer"),
    "ModelDeployment: model, version or alias does not exist yet": waiting_for_version,
    "ModelDeployment: the alias that it sets belongs to somebody else": contested,
    "ModelDeployment: somebody else set the number of pods of its Deployment in the last ten minutes": outnumbered,
    "ModelDeployment: its router has no ready pod": unrouted,
    "ModelDeployment: its Gateway has accepted the HTTPRoute": at_a_gateway(closed=False),
    "ModelDeployment: its Gateway does not accept the HTTPRoute": at_a_gateway(closed=True),
    "ModelDeployment: suspended": changed(suspend=True),
    "ModelDeployment: paused": changed(paused=True),
    "ModelDeployment: the spec is impossible": imageless,
    "ModelDeployment: it follows the alias that it sets, itself or by others": changed(
        model=FOLLOWING, rollout={"setAlias": "blue"}
    ),
    "ModelDeployment: a name that it needs is taken": taken,
    "DriftMonitor: the deployment does not exist yet, or serves nothing yet": unwatched,
    "DriftMonitor: the first window is counted": watched_for(timedelta(minutes=1)),
    "DriftMonitor: nothing has moved farther than allowed": watched_for(timedelta(minutes=9)),
    "DriftMonitor: it has drifted": drifted,
    "DriftMonitor: values are broken, and it lasts": broken,
    "DriftMonitor: values are whole again": repaired,
    "DriftMonitor: there are too few rows to tell whether values are broken, and nothing else is asked": sparse_quality,
    "DriftMonitor: labels prove that answers are worse": labelled((180, 20), (150, 50)),
    "DriftMonitor: labels do not prove that answers are worse": labelled((180, 20)),
    "DriftMonitor: no answer is labelled": labelled((0, 0)),
    "DriftMonitor: no answer is labelled, and distributions are as they were": labelled(
        (0, 0), checks=(*people.CHECKS, people.TRUTH)
    ),
    "DriftMonitor: there are too few rows to tell": watched_for(timedelta(minutes=9), rows=50),
    "DriftMonitor: stored rows are looked at for the first time, or will be": stored_for(timedelta(0)),
    "DriftMonitor: the first look at stored rows failed": stored_for(timedelta(minutes=10), user_error="count"),
    "DriftMonitor: the pods of the first look cannot start": stored_for(
        timedelta(minutes=10), bad_images={"trainer:1"}
    ),
    "DriftMonitor: the model came without distributions": watched_for(timedelta(minutes=9), learned=False),
    "DriftMonitor: Prometheus cannot be asked": watched_for(timedelta(minutes=9), trouble="Prometheus is away"),
    "DriftMonitor: paused": paused_monitor,
    "BatchPrediction: the first run goes on": at_work,
    "BatchPrediction: a later run goes on after a good one": again_after(answered),
    "BatchPrediction: a later run goes on after one that failed": again_after(failed_batch),
    "BatchPrediction: the last run is complete": answered,
    "BatchPrediction: the last run failed": failed_batch,
    "BatchPrediction: the first slot of its schedule is to come": scheduled,
    "BatchPrediction: the deployment or the version does not exist yet, or serves nothing yet": unserved,
    "BatchPrediction: the version waits for approval": of_version(people.version(1, approvalPolicy="Manual")),
    "BatchPrediction: the version was rejected or denied": of_version(people.version(1, passed=False)),
    "BatchPrediction: its pods do not start": unfetched_batch,
    "BatchPrediction: its pods need something that does not exist": without_claim,
    "BatchPrediction: suspended": suspended_batch,
    "BatchPrediction: the spec is impossible": lambda operator: answering(operator, schedule={"cron": "0 0 31 2 *"}),
}


def test_every_row_is_played() -> None:
    """A row without a story would be a claim."""
    assert sorted(GIVEN) == sorted(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_the_conditions_are_as_the_page_says(name: str) -> None:
    """Ready, Reconciling and Stalled, with the reasons that the page names, and nothing else but what it names."""
    row = ROWS[name]
    operator = Operator(World(), Actors(Surroundings()))
    GIVEN[name](operator)
    if row.kind == "TrainingRun":
        first = "took its place" in row.situation
        object_name = "flights-1" if first else newest(operator.world)
    else:
        object_name = "flights"

    assert shown(operator.world, row.kind, object_name, row.conditions) == row.conditions


def shown(world: World, kind: str, name: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the conditions of an object in the words of the page; reasons only where the page has one."""
    found = {c["type"]: c for c in people.status(world, kind, name).get("conditions", ())}
    cells = []
    for type_, cell in zip(("Ready", "Reconciling", "Stalled"), wanted[:3], strict=True):
        condition = found.pop(type_, None)
        with_reason = "," in cell and condition is not None
        told = "-" if condition is None else condition["status"]
        cells.append(f"{told}, {condition['reason']}" if with_reason and condition is not None else told)
    own = ", ".join(f"{type_}={condition['status']}" for type_, condition in sorted(found.items()))
    return (*cells, own or "-")
