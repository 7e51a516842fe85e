"""The stories that are replayed with faults."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from mlwright.constants import ANNOTATION_ROUTE, ANNOTATION_WAKES, ROUTER_NAME
from mlwright.plan.resources import Body, Key
from mlwright.plan.scaling import Calm, Memory, Wish
from mlwright.planners.load_questions import COUNTED, REQUESTS
from tests.support.replay import people
from tests.support.replay.actors import Surroundings
from tests.support.replay.people import annotate, edit, take_back, train_with
from tests.support.replay.story import Act, Story
from tests.support.replay.world import COUNTED_ONCE, NAMESPACE, World, owner_named

LONG: Final = timedelta(minutes=15)


def _serve(world: World) -> None:
    world.add(people.model())
    world.add(people.version(1))
    world.add(people.deployment())


def _serve_rolling(*, traffic: str = "Auto", **rollout: Any) -> Act:
    def serve(world: World, _: Surroundings) -> None:
        world.add(people.model())
        world.add(people.version(1))
        asked = {"setAlias": "champion", **rollout}
        through = {"gateway": _GATEWAY, "headerOverride": "X-Variant"} if traffic == "Gateway" else {}
        world.add(people.deployment(rollout=asked, traffic={"provider": traffic, **through}, replicas=4))

    return Act("serve v1", serve)


_GATEWAY: Final = {"parentRefs": [{"name": "public", "namespace": "infra"}], "hostnames": ["flights.example.com"]}


def _route(spec: Body) -> None:
    spec["traffic"] = {"provider": "Router"}


def _weight(name: str, percent: int) -> Body:
    return {"name": name, "type": "Weight", "weight": {"percent": percent, "hold": "5m"}}


_CANARY: Final[dict[str, Any]] = {
    "strategy": "Canary",
    "steps": [_weight("five", 5), {"name": "ask", "type": "Approval"}, _weight("half", 50)],
}
_QUIET: Final[dict[str, Any]] = {
    "strategy": "Canary",
    "steps": [
        {"name": "quiet", "type": "Shadow", "shadow": {"percent": 25, "duration": "10m"}},
        _weight("half", 50),
    ],
}
_JUDGED: Final[dict[str, Any]] = {
    "strategy": "Canary",
    "steps": [_weight("five", 5), _weight("all", 100)],
    "analysis": {"checks": [{"name": "errors", "type": "ErrorRate"}]},
}
_ASKED_FIRST: Final[dict[str, Any]] = {"preflight": {"replay": {"requests": 100}}}
_ASKED_BY_BOTH: Final[dict[str, Any]] = {
    "preflight": {"replay": {"requests": 100}, "container": {"image": "example/asks:1"}}
}
_ASK: Final[dict[str, Any]] = {"strategy": "BlueGreen", "steps": [{"name": "ask", "type": "Approval"}]}


def _compare(**settings: Any) -> Act:
    variants = [{"name": "b", "model": {"version": 2}, "weight": 50}]
    goal = {"type": "Reward", "reward": {"effect": 0.02}}
    asked = {"name": "pricing", "variants": variants, "goal": goal, **settings}
    return _set("compare v2 with v1", experiment=asked)


def _serve_told(world: World, _: Surroundings) -> None:
    """Serve v1 by its alias, where v2 exists as well and feedback comes."""
    world.add(people.model(aliases=[{"name": "live", "version": 1}]))
    world.add(people.version(1))
    world.add(people.version(2))
    follows = {"type": "Alias", "ref": {"name": "flights"}, "alias": "live"}
    feedback = {"enabled": True, "keySecretRef": {"name": "keys"}}
    world.add(people.deployment(model=follows, feedback=feedback, traffic={"provider": "Router"}, replicas=4))


def _open_gateways(_: World, around: Surroundings) -> None:
    around.closed = False


def _command(**value: str) -> Act:
    [(name, version)] = value.items()
    return Act(f"{name} v{version}", lambda world, _: annotate(world, "ModelDeployment", "flights", **value), LONG)


def _serve_routed(world: World, _: Surroundings) -> None:
    world.add(people.version(1))
    world.add(people.deployment(traffic={"provider": "Router", "headerOverride": "X-Mlwright-Variant"}))
    world.add(people.version(1, model="spend"))
    world.add(people.deployment("spend", "spend", traffic={"provider": "Router"}))


_LAZY: Final[dict[str, Any]] = {
    "minReplicas": 0,
    "maxReplicas": 3,
    "metrics": [{"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}],
}


def _break(world: World, _: Surroundings) -> None:
    world.rows.broken = 0.3
    world.drift()


def _serve_evaluated(world: World, _: Surroundings) -> None:
    world.rows.labels = (180, 20)
    world.add(people.evaluated(1))
    world.add(people.deployment(feedback={"enabled": True, "keySecretRef": {"name": "keys"}}))


def _worsen(world: World, _: Surroundings) -> None:
    world.rows.labels = (150, 50)


def _repair(world: World, _: Surroundings) -> None:
    world.rows.broken = 0.0


def _serve_lazily(world: World, _: Surroundings) -> None:
    world.add(people.model())
    world.add(people.version(1))
    world.add(people.deployment(replicas=1, autoscaling=_LAZY, traffic={"provider": "Router"}))


def _long_calm(world: World, _: Surroundings) -> None:
    """Let nobody have asked for a long time, as the operator remembers."""
    key, at = Key("ModelDeployment", NAMESPACE, "flights"), world.now.timestamp()
    pods = [pod["metadata"]["name"] for pod in world.all("Pod") if owner_named(pod) == ("ModelDeployment", "flights")]
    calm = Calm(at - 3600, dict.fromkeys(pods, COUNTED_ONCE))
    world.loads.want(key, (COUNTED, REQUESTS), Memory((Wish(at - 3600, 1),), calm=calm))
    annotate(world, "ModelDeployment", "flights", looked=str(at))


def _request(world: World, _: Surroundings) -> None:
    """Let a pod of the router say that it holds a request for the sleep that it knows of."""
    sleep = json.loads(world.one("Service", "flights")["metadata"]["annotations"][ANNOTATION_ROUTE])["sleep"]
    pods = [name for name in world.objects["Pod"] if name.startswith(ROUTER_NAME)]
    said = {f"{ANNOTATION_WAKES}{pods[0]}": json.dumps({"flights": sleep})}
    world.edit(world.one("Service", ROUTER_NAME), lambda body: body["metadata"]["annotations"].update(said))


_EAGER: Final[dict[str, Any]] = {
    "minReplicas": 1,
    "maxReplicas": 6,
    "metrics": [{"name": "busy", "type": "Concurrency", "concurrency": {"target": 10}}],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}


def _serve_eagerly(world: World, _: Surroundings) -> None:
    """Serve with as many pods as what is under way at the routers asks for; another version bakes before it stays."""
    world.add(people.model())
    world.add(people.version(1))
    rollout = {**_CANARY, "approvedVersions": [2]}
    world.add(people.deployment(replicas=1, autoscaling=_EAGER, rollout=rollout, traffic={"provider": "Router"}))


def _under_way(requests: float, name: str, within: timedelta = timedelta(minutes=2)) -> Act:
    """Let so many requests be under way at the routers, which wakes who scales by them."""

    def come(world: World, _: Surroundings) -> None:
        world.under_way = requests
        annotate(world, "ModelDeployment", "flights", looked=str(world.now.timestamp()))

    return Act(name, come, within)


def _scaled(replicas: int) -> Act:
    """Let an autoscaler set the number of pods of the Deployments of flights."""

    def scale(world: World, _: Surroundings) -> None:
        for body in world.all("Deployment"):
            world.scale_by("kube-controller-manager", body, replicas)

    return Act(f"somebody else wants {replicas}", scale)


def _serve_keeping_one(world: World, _: Surroundings) -> None:
    world.add(people.model(retention={"keepVersions": 1, "gracePeriod": "1h"}))
    world.add(people.version(1))
    world.add(people.deployment())


def _train_and_sweep(world: World, _: Surroundings) -> None:
    world.add(people.model(retention={"keepVersions": 1, "artifacts": "Delete", "gracePeriod": "2h"}))
    world.add(people.pipeline())


def _verify(spec: Body) -> None:
    spec["verify"] = {"keys": [{"name": "team", "pem": people.PEM}]}


def _alias(name: str, number: int) -> Act:
    entry = {"name": name, "version": number}
    return Act(
        f"{name} names v{number}",
        lambda world, _: edit(world, "Model", "flights", lambda spec: spec.update(aliases=[entry])),
    )


def _pin(number: int) -> Act:
    selector = {"type": "Version", "ref": {"name": "flights"}, "version": number}
    change = {"model": selector}
    return Act(
        f"pin v{number}", lambda world, _: edit(world, "ModelDeployment", "flights", lambda spec: spec.update(change))
    )


def _set(name: str, **change: object) -> Act:
    return Act(name, lambda world, _: edit(world, "ModelDeployment", "flights", lambda spec: spec.update(change)))


def _add_version(world: World, number: int, of: str) -> None:
    """Add a version, as one that was recorded at another time if that is told."""
    world.add(people.version(number))
    if of:
        world.one("ModelVersion", f"flights-v{number}")["metadata"]["creationTimestamp"] = of


def _add_strange(world: World, _: Surroundings) -> None:
    world.strange.add("flights-v2")
    _add_version(world, 2, "")


def _new_version(number: int, of: str = "") -> Act:
    return Act(f"v{number} appears", lambda world, _: _add_version(world, number, of), LONG)


def _follow_alias(world: World, _: Surroundings) -> None:
    world.add(people.model(aliases=[{"name": "blue", "version": 1}]))
    world.add(people.version(1))
    world.add(people.version(2))
    world.add(people.deployment(model={"type": "Alias", "ref": {"name": "flights"}, "alias": "blue"}))


def _train_and_serve(world: World, _: Surroundings) -> None:
    world.add(people.pipeline())
    world.add(people.deployment(rollout={"setAlias": "champion"}))


def _mirror_and_serve(world: World, _: Surroundings) -> None:
    world.add(people.pipeline(mirror={"mlflow": {"uri": "https://mlflow.example.com"}}))
    world.add(people.deployment(rollout={"setAlias": "champion"}))


def _answer_with(number: int) -> dict[str, Any]:
    """Return what names a version as the one that answers."""
    return {"source": {"type": "Version", "version": {"name": f"flights-v{number}"}}}


def _batch(name: str, **change: object) -> Act:
    return Act(name, lambda world, _: edit(world, "BatchPrediction", "scores", lambda spec: spec.update(change)))


def _serve_and_answer(world: World, _: Surroundings) -> None:
    _serve(world)
    world.add(people.batch())


def _graph() -> Body:
    """Return a pipeline whose runs do more than the built-in steps."""

    def own(name: str, **more: object) -> Body:
        return {"name": name, "type": "Container", "container": {"image": f"{name}:1"}, **more}

    validate = {"name": "validate", "type": "BuiltIn", "builtIn": {"uses": "Validate"}}
    steps = [
        own("features", outputs=[{"name": "data", "type": "Dataset"}], retries={"limit": 1, "backoff": "20s"}),
        validate | {"inputs": [{"name": "data", "from": "features.data"}]},
        own("audit", dependsOn=["validate"], when={"metric": "rows", "min": 50}, shards=2),
        own("large", dependsOn=["validate"], when={"metric": "rows", "min": 1000}),
        own("notice", dependsOn=["evaluate", "audit", "large"]),
    ]
    return people.pipeline(steps=steps, onExit={"container": {"image": "tidy:1"}})


def _tuned() -> Body:
    """Return a pipeline that looks for the number of iterations."""
    pipeline = people.pipeline()
    space = [{"name": "max_iter", "type": "Int", "int": {"low": 20, "high": 300}}]
    tuning = {"trials": 4, "objectives": [{"name": "good", "metric": "roc_auc"}], "space": space}
    pipeline["spec"]["training"]["tuning"] = tuning
    return pipeline


def _hourly(overlap: str = "Queue", **schedule: str) -> Act:
    schedules = [{"name": "hourly", "cron": "0 * * * *", **schedule}]
    spec: dict[str, Any] = {"triggers": {"schedules": schedules}, "policy": {"overlap": overlap}}
    return Act("train every hour", lambda world, _: world.add(people.pipeline(**spec)), timedelta(minutes=90))


_LASTS: Final = Act("training lasts", lambda _, around: around.endless.add("train"), timedelta(minutes=130))
_ENDS: Final = Act("it ends", lambda _, around: around.endless.clear(), timedelta(minutes=5))

_ON_NEW_DATA: Final = {"dataChange": {"checkEvery": "5m", "minNewRows": 10}}


_OFTEN: Final = {"name": "often", "cron": "*/10 * * * *"}
_GUARDED: Final[dict[str, Any]] = {"triggers": {"schedules": [_OFTEN]}, "guard": {"maxConsecutiveFailures": 2}}


def _mend_and_ask(world: World, around: Surroundings) -> None:
    around.user_error = ""
    annotate(world, "TrainingPipeline", "flights", run="mended")


def _grow(around: Surroundings, revision: str, rows: int) -> None:
    around.revision, around.rows = revision, rows


def _let(around: Surroundings, queue: str, endless: Collection[str] = ()) -> None:
    around.queue, around.endless = queue, set(endless)


_SERVE: Final = Act("serve v1", lambda world, _: _serve(world))
_TRAIN: Final = Act("train", lambda world, _: world.add(people.pipeline()))


def _mended(world: World, around: Surroundings) -> None:
    around.user_error = ""
    annotate(world, "TrainingRun", "flights-1", retry="1")


def _waits(world: World, around: Surroundings) -> None:
    around.data = False
    train_with(world, 300)


def _suspended(world: World, *, iterations: int, suspend: bool) -> None:
    train_with(world, iterations)
    edit(world, "TrainingPipeline", "flights", lambda spec: spec.update(suspend=suspend))


def _goes_on(world: World, around: Surroundings) -> None:
    around.data = True
    edit(world, "TrainingPipeline", "flights", lambda spec: spec.update(suspend=False))


def _challenge(world: World, _: Surroundings) -> None:
    gate = {"name": "no-worse", "type": "Champion", "champion": {"metric": "roc_auc", "confidence": 0.95}}
    world.add(people.pipeline(evaluation={"metrics": ["roc_auc"], "gates": [gate]}))
    world.add(people.deployment(rollout={"setAlias": "champion"}))


def _approved_ahead(world: World, _: Surroundings) -> None:
    annotate(world, "TrainingPipeline", "flights", approve="3")
    train_with(world, 20)


def _right_again(world: World, around: Surroundings) -> None:
    around.user_error = ""
    annotate(world, "ModelDeployment", "flights", retry="mended")


def _asking_lasts(world: World, around: Surroundings) -> None:
    """Version 3 takes the place of version 2, which holds its first share."""
    around.lasts["preflight"] = timedelta(minutes=5)
    world.add(people.version(3))
    edit(world, "ModelDeployment", "flights", lambda spec: spec["rollout"].update(onNewVersion="Restart"))


def _another_asks(world: World, _: Surroundings) -> None:
    def corrected(spec: Body) -> None:
        spec["rollout"]["preflight"]["container"]["image"] = "example/asks:2"

    edit(world, "ModelDeployment", "flights", corrected)


def _deny(spec: Body) -> None:
    spec["approval"] = {"decision": "Denied", "by": "anna"}


STORIES: Final = {
    story.name: story
    for story in (
        Story("a model is trained", (_TRAIN,)),
        Story(
            "a model from elsewhere is taken in and served",
            (
                Act("take in", lambda world, _: world.add(people.imported())),
                Act("serve", lambda world, _: world.add(people.deployment())),
                Act("take in another", lambda world, _: world.add(people.imported("other"))),
            ),
            Surroundings(crashes={"import": 1}, silent={"import"}),
        ),
        Story(
            "versions are mirrored, and the alias that moves",
            (
                Act("train and serve", _mirror_and_serve),
                Act("a better one", lambda world, _: train_with(world, 300)),
            ),
        ),
        Story("a better version takes over", (_SERVE, _new_version(2))),
        Story("a broken version is rejected", (_SERVE, _new_version(2)), Surroundings(broken={"flights-v2"})),
        Story(
            "trained, served, replaced, protected",
            (
                Act("train and serve", _train_and_serve),
                Act("a better one", lambda world, _: train_with(world, 300)),
                Act("a worse one", lambda world, _: train_with(world, 20)),
                Act("back to the first", lambda world, _: train_with(world, 100)),
            ),
        ),
        Story(
            "compared with the champion, held, approved, approved ahead, denied",
            (
                Act("train and serve", _challenge),
                Act("another one is held", lambda world, _: train_with(world, 300)),
                Act("somebody approves", lambda world, _: annotate(world, "ModelVersion", "flights-v2", approve="2")),
                Act("the next is approved ahead", _approved_ahead),
                Act("somebody denies it", lambda world, _: edit(world, "ModelVersion", "flights-v3", _deny)),
            ),
            Surroundings(evidence={"no-worse": {"new": 0.75, "old": 0.75, "p": 0.01, "rows": 5000}}),
        ),
        Story(
            "crashes, a lost message and a request",
            (
                _TRAIN,
                Act("ask", lambda world, _: annotate(world, "TrainingPipeline", "flights", run="monday")),
            ),
            Surroundings(crashes={"train": 2}, silent={"evaluate"}),
        ),
        Story(
            "data that comes later, and a spec that is mended while it is missing",
            (
                Act("train", lambda world, _: world.add(people.pipeline()), timedelta(minutes=2)),
                Act("mend", lambda world, _: train_with(world, 300), timedelta(minutes=2)),
                Act("data appears", lambda _, around: setattr(around, "data", True), LONG),
            ),
            Surroundings(data=False),
        ),
        Story(
            "a tuning that is looked at while it goes on, and crashes",
            (Act("train", lambda world, _: world.add(_tuned()), timedelta(minutes=6)),),
            Surroundings(lasts={"tune": timedelta(seconds=100)}, crashes={"tune": 1, "progress": 1}),
        ),
        Story(
            "a graph of steps",
            (
                Act("train", lambda world, _: world.add(_graph())),
                Act("a better one", lambda world, _: train_with(world, 300)),
            ),
            Surroundings(crashes={"features": 1, "on-exit": 1}, silent={"notice"}),
        ),
        Story(
            "a schedule, and a step that crashes at its slot",
            (
                _hourly(timeZone="Asia/Kolkata"),
                Act("crash", lambda _, around: around.crashes.update(train=1), timedelta(minutes=75)),
            ),
        ),
        *(
            Story(
                f"a schedule, and a run that lasts longer than its period: {overlap}", (_hourly(overlap), _LASTS, _ENDS)
            )
            for overlap in ("Queue", "Skip", "Replace")
        ),
        Story(
            "data that changes, little by little",
            (
                Act("train", lambda world, _: world.add(people.pipeline(triggers=_ON_NEW_DATA)), timedelta(minutes=12)),
                Act("a few rows", lambda _, around: _grow(around, "r2", 104), timedelta(minutes=11)),
                Act("many rows", lambda _, around: _grow(around, "r3", 111), timedelta(minutes=11)),
                Act("it goes away", lambda _, around: setattr(around, "data", False), timedelta(minutes=11)),
            ),
        ),
        Story(
            "failures in a row hold slots until a person asks",
            (
                Act("train", lambda world, _: world.add(people.pipeline(**_GUARDED)), timedelta(minutes=2)),
                Act("break", lambda _, around: setattr(around, "user_error", "train"), timedelta(minutes=45)),
                Act("mend", _mend_and_ask, timedelta(minutes=15)),
            ),
        ),
        Story(
            "a queue admits, evicts and admits again",
            (
                Act("train", lambda world, _: world.add(people.pipeline(policy={"queueName": "team-a"}))),
                Act("room", lambda _, around: _let(around, "open", endless={"train"})),
                Act("no room", lambda _, around: _let(around, "closed")),
                Act("room again", lambda _, around: _let(around, "open")),
            ),
            Surroundings(queue="closed"),
        ),
        Story(
            "a run is tried again, one is ended by hand, one is suspended",
            (
                Act("train", lambda world, _: world.add(people.pipeline())),
                Act("mended and tried again", _mended),
                Act("one that waits for its data", _waits),
                Act("end it", lambda world, _: annotate(world, "TrainingRun", "flights-2", abort="ann")),
                Act("suspend the next", lambda world, _: _suspended(world, iterations=100, suspend=True)),
                Act("go on", _goes_on, LONG),
            ),
            Surroundings(user_error="train"),
        ),
        Story(
            "old versions go",
            (
                Act("serve v1 and keep one version", _serve_keeping_one),
                _new_version(2, of="2025-12-02T00:00:00Z"),
                _alias("blue", 1),
                _new_version(3, of="2025-12-03T00:00:00Z"),
                _alias("blue", 3),
                _new_version(4, of="2025-12-04T00:00:00Z"),
                Act("an hour and a half goes by", lambda world, _: world.pass_time(timedelta(minutes=90))),
            ),
        ),
        Story(
            "a signature is asked for, and v2 has one",
            (
                _SERVE,
                Act("ask for a signature", lambda world, _: edit(world, "Model", "flights", _verify), LONG),
                _new_version(2),
            ),
            Surroundings(unsigned={"flights-v1"}),
        ),
        Story(
            "folders are swept",
            (
                Act("train", _train_and_sweep, timedelta(minutes=100)),
                Act("a better one", lambda world, _: train_with(world, 300), timedelta(minutes=100)),
            ),
        ),
        Story(
            "a run is ended by hand, and the command is taken back while something runs at its end",
            (
                Act("train", lambda world, _: world.add(people.pipeline(onExit={"container": {"image": "tidy:1"}}))),
                Act("end it", lambda world, _: annotate(world, "TrainingRun", "flights-1", abort="ann")),
                Act("take that back", lambda world, _: take_back(world, "TrainingRun", "flights-1", "abort")),
                Act("what runs at the end is done", lambda _, around: around.endless.clear()),
            ),
            Surroundings(endless={"train", "on-exit"}),
        ),
        Story(
            "rows are answered once, and again when they lie elsewhere",
            (
                Act("serve and answer", _serve_and_answer),
                _new_version(2),
                _batch("other rows", input={"uri": "pvc://data/tomorrow"}),
                Act("again", lambda world, _: annotate(world, "BatchPrediction", "scores", run="1")),
            ),
        ),
        Story(
            "a shard fails, and is tried again",
            (
                _SERVE,
                Act("answer", lambda world, _: world.add(people.batch(shards=2))),
                Act("the disk has room again", lambda _, around: around.crashes.clear()),
                Act("retry", lambda world, _: annotate(world, "BatchPrediction", "scores", retry="1")),
                _batch("another version", **_answer_with(2)),
                _new_version(2),
            ),
            Surroundings(crashes={"predict": 9}),
        ),
        Story(
            "rows are answered every five minutes",
            (
                _SERVE,
                Act(
                    "a schedule",
                    lambda world, _: world.add(people.batch(schedule={"cron": "*/5 * * * *"}, keepRuns=1)),
                    timedelta(minutes=12),
                ),
                _batch("suspended", suspend=True),
                _batch("go on", suspend=False),
            ),
        ),
        Story(
            "what is asked drifts, and another version is compared with its own training",
            (
                _SERVE,
                Act("watch", lambda world, _: world.add(people.monitor()), timedelta(minutes=9)),
                Act("the season changes", lambda world, _: world.drift(), timedelta(minutes=21)),
                _new_version(2),
                Act("pause", lambda world, _: edit(world, "DriftMonitor", "flights", lambda s: s.update(paused=True))),
            ),
        ),
        Story(
            "what is asked drifts, a run is started, its version takes over and is watched",
            (
                Act("train and serve", _train_and_serve),
                Act("watch", lambda world, _: world.add(people.acting_monitor()), timedelta(minutes=9)),
                Act("the season changes", lambda world, _: world.drift(), timedelta(minutes=40)),
                Act("pause", lambda world, _: edit(world, "DriftMonitor", "flights", lambda s: s.update(paused=True))),
            ),
        ),
        Story(
            "a version answers oddly and is sent back, and the next one takes over",
            (
                _SERVE,
                Act("watch", lambda world, _: world.add(people.guarding_monitor()), timedelta(minutes=9)),
                Act("v2 appears, and is odd", _add_strange, timedelta(minutes=20)),
                _new_version(3),
                Act("pause", lambda world, _: edit(world, "DriftMonitor", "flights", lambda s: s.update(paused=True))),
            ),
        ),
        Story(
            "somebody is told of drift",
            (
                _SERVE,
                Act("watch", lambda world, _: world.add(people.telling_monitor()), timedelta(minutes=9)),
                Act("the season changes", lambda world, _: world.drift(), timedelta(minutes=21)),
                Act("pause", lambda world, _: edit(world, "DriftMonitor", "flights", lambda s: s.update(paused=True))),
            ),
            Surroundings(secrets={"hook"}),
        ),
        Story(
            "what is asked breaks and drifts, and a run is started when it is whole again",
            (
                Act("train and serve", _train_and_serve),
                Act(
                    "watch",
                    lambda world, _: world.add(people.acting_monitor(checks=[*people.CHECKS, people.QUALITY])),
                    timedelta(minutes=9),
                ),
                Act("a sender breaks and the season changes", _break, timedelta(minutes=20)),
                Act("it is repaired", _repair, timedelta(minutes=40)),
                Act("pause", lambda world, _: edit(world, "DriftMonitor", "flights", lambda s: s.update(paused=True))),
            ),
        ),
        Story(
            "labels come late, and tell that answers are worse than they were",
            (
                Act("serve a version that was evaluated", _serve_evaluated),
                Act("watch", lambda world, _: world.add(people.monitor(checks=[people.TRUTH])), timedelta(minutes=9)),
                Act("answers become worse", _worsen, timedelta(minutes=15)),
                Act("pause", lambda world, _: edit(world, "DriftMonitor", "flights", lambda s: s.update(paused=True))),
            ),
        ),
        Story("back and forth", (_SERVE, _new_version(2), _pin(1), _pin(2), _pin(1))),
        Story(
            "a model behind a router is replaced",
            (
                Act("serve v1 through the router", _serve_routed),
                _new_version(2),
                _set("no pod", replicas=0),
                _set("two pods", replicas=2),
            ),
        ),
        Story(
            "a provider is changed and changed back",
            (
                _SERVE,
                _set("through the router", traffic={"provider": "Router"}),
                _new_version(2),
                _set("plain", traffic={"provider": "Service"}),
            ),
        ),
        Story(
            "an alias moves",
            (
                Act("serve blue", _follow_alias),
                Act(
                    "move blue",
                    lambda world, _: edit(
                        world, "Model", "flights", lambda spec: spec.update(aliases=[{"name": "blue", "version": 2}])
                    ),
                ),
            ),
        ),
        Story(
            "a pinned version is rejected and tried again",
            (
                _SERVE,
                _new_version(2),
                _pin(2),
                Act("the bundle is repaired", lambda _, around: around.broken.clear()),
                Act("retry", lambda world, _: annotate(world, "ModelDeployment", "flights", retry="1")),
            ),
            Surroundings(broken={"flights-v2"}),
        ),
        Story(
            "a candidate is superseded",
            (_SERVE, Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=1)), _new_version(3)),
            Surroundings(slow={"flights-v2"}),
        ),
        Story(
            "a version is approved, bakes and takes over",
            (_serve_rolling(**_ASK, bake="10m"), _new_version(2), _command(approve="2")),
        ),
        Story(
            "a version is asked before anybody else asks it",
            (
                _serve_rolling(**_ASKED_FIRST, bake="10m"),
                _new_version(2),
                Act("it takes over", lambda *_: None, timedelta(hours=1)),
            ),
            Surroundings(crashes={"preflight": 2}),
        ),
        Story(
            "a canary answers otherwise than it must, is tried again, and the next one is asked while it waits",
            (
                _serve_rolling(**_CANARY | _ASKED_FIRST, approvedVersions=[2, 3], traffic="Router"),
                _new_version(2),
                Act("it is tried again", _right_again, timedelta(minutes=1)),
                Act("asking lasts", _asking_lasts, timedelta(minutes=3)),
                Act("v3 takes over", lambda *_: None, timedelta(hours=1)),
            ),
            Surroundings(user_error="preflight"),
        ),
        Story(
            "a version waits for the image of its preflight, and passes",
            (
                _serve_rolling(**_ASKED_BY_BOTH, bake="10m"),
                _new_version(2),
                Act("the image comes", lambda _, around: around.bad_images.clear(), timedelta(minutes=30)),
                Act("it takes over", lambda *_: None, timedelta(hours=1)),
            ),
            Surroundings(bad_images={"example/asks:1"}),
        ),
        Story(
            "a version waits for an image that never comes, until another one is named",
            (
                _serve_rolling(**_ASKED_BY_BOTH, bake="10m"),
                _new_version(2),
                Act("the container is corrected", _another_asks, timedelta(minutes=30)),
                Act("it takes over", lambda *_: None, timedelta(hours=1)),
            ),
            Surroundings(bad_images={"example/asks:1"}),
        ),
        Story(
            "the container of a preflight finds a fault in a canary, which is tried again and passes",
            (
                _serve_rolling(**_CANARY | _ASKED_BY_BOTH, approvedVersions=[2], traffic="Router"),
                _new_version(2),
                Act("it is tried again", _right_again, timedelta(minutes=1)),
                Act("it takes over", lambda *_: None, timedelta(hours=1)),
            ),
            Surroundings(user_error="own-preflight"),
        ),
        Story(
            "a canary gets growing shares, is approved, and takes over",
            (
                _serve_rolling(**_CANARY, bake="5m", traffic="Router"),
                _new_version(2),
                _command(approve="2"),
            ),
        ),
        Story(
            "a version answers copies, then a share",
            (
                _serve_rolling(**_QUIET, bake="5m", traffic="Router"),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=2)),
                _set("pause", paused=True),
                _set("go on", paused=False),
                Act("it takes over", lambda *_: None, timedelta(hours=1)),
                Act("v3", lambda world, _: world.add(people.version(3)), timedelta(minutes=2)),
                _command(abort="3"),
            ),
        ),
        Story(
            "a canary fails with half of the requests",
            (
                _serve_rolling(**_CANARY, approvedVersions=[2, 3], traffic="Router"),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=7)),
                Act("its pods fail", lambda _, around: around.broken.add("flights-v2"), LONG),
                Act("v3", lambda world, _: world.add(people.version(3)), timedelta(hours=1)),
            ),
        ),
        Story(
            "a canary meets a plain Service, then a router",
            (
                _serve_rolling(**_CANARY, approvedVersions=[2]),
                _new_version(2),
                Act("a router", lambda world, _: edit(world, "ModelDeployment", "flights", _route), timedelta(hours=1)),
            ),
        ),
        Story(
            "a canary gets growing shares at a Gateway that is closed for a while, fails, and the next one takes over",
            (
                _serve_rolling(**_CANARY, approvedVersions=[2, 3], bake="5m", traffic="Gateway"),
                Act("gateways open", _open_gateways),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=7)),
                Act("its pods fail", lambda _, around: around.broken.add("flights-v2"), LONG),
                Act("v3", lambda world, _: world.add(people.version(3)), timedelta(hours=1)),
            ),
            Surroundings(closed=True),
        ),
        Story(
            "a Gateway divides the requests of a deployment, then the router, then nobody",
            (
                _serve_rolling(**_CANARY, approvedVersions=[2], traffic="Gateway"),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=2)),
                _set("through the router", traffic={"provider": "Router"}),
                Act("it takes over", lambda *_: None, timedelta(hours=1)),
                _set("at a Gateway again", traffic={"gateway": _GATEWAY}),
                _set("plain", traffic={"provider": "Service"}),
            ),
        ),
        Story(
            "a canary that answers more errors goes back, and a good one takes over",
            (
                _serve_rolling(**_JUDGED, traffic="Router"),
                Act("v2 is worse", lambda world, _: world.worse.add("flights-v2")),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(hours=1)),
                Act("v3", lambda world, _: world.add(people.version(3)), timedelta(hours=1)),
            ),
        ),
        Story(
            "a version that answers more errors goes back from its bake",
            (
                _serve_rolling(bake="30m", analysis=_JUDGED["analysis"]),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=5)),
                Act("it gets worse", lambda world, _: world.worse.add("flights-v2"), LONG),
            ),
        ),
        Story(
            "an experiment finds the better version, which takes over",
            (
                Act("serve v1", _serve_told),
                replace(_compare(onWinner="Promote"), within=timedelta(minutes=20)),
                _set("another one", experiment=None),
            ),
        ),
        Story(
            "an experiment ends in time for a version that waits",
            (
                Act("serve v1", _serve_told),
                Act("v2 is worse", lambda world, _: world.worse.add("flights-v2")),
                _compare(),
                Act("v3", lambda world, _: world.add(people.version(3))),
                _alias("live", 3),
                _set("pause", paused=True),
                _set("go on", paused=False),
                Act("wait", lambda *_: None, timedelta(hours=1)),
            ),
        ),
        Story(
            "a variant whose pods fail ends its experiment",
            (
                Act("serve v1", _serve_told),
                Act("v2 breaks", lambda _, around: around.broken.add("flights-v2")),
                replace(_compare(), within=timedelta(minutes=20)),
            ),
        ),
        Story(
            "a version fails in its bake",
            (
                _serve_rolling(bake="30m"),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=5)),
                Act("its pods fail", lambda _, around: around.broken.add("flights-v2"), LONG),
                Act("v3", lambda world, _: world.add(people.version(3)), timedelta(hours=1)),
            ),
        ),
        Story(
            "a version waits until the bake of another one is over",
            (
                _serve_rolling(bake="10m"),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=2)),
                Act("v3", lambda world, _: world.add(people.version(3)), timedelta(hours=1)),
            ),
        ),
        Story(
            "a rollout is ended by hand, tried again, and hurried",
            (
                _serve_rolling(**_ASK, bake="10m", onFailure="Pause"),
                _new_version(2),
                _command(abort="2"),
                Act("take that back", lambda world, _: take_back(world, "ModelDeployment", "flights", "abort")),
                _command(retry="1"),
                _command(promote="2"),
            ),
        ),
        Story(
            "suspended and paused in a bake",
            (
                _serve_rolling(bake="20m"),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=2)),
                _set("pause", paused=True),
                _set("go on", paused=False),
                _set("three pods", replicas=3),
                _set("suspend", suspend=True),
                _set("resume", suspend=False),
                Act("wait", lambda *_: None, timedelta(hours=1)),
            ),
        ),
        Story(
            "asleep, woken by a request, asleep, woken by a version",
            (
                Act("serve", _serve_lazily),
                Act("nobody asks", _long_calm),
                Act("a request", _request),
                Act("nobody asks again", _long_calm),
                _new_version(2),
            ),
        ),
        Story(
            "a rush, another version in the midst of it, and the calm afterwards",
            (
                Act("serve", _serve_eagerly),
                _under_way(35, "a rush"),
                Act("v2", lambda world, _: world.add(people.version(2)), timedelta(minutes=7)),
                _under_way(58, "more of it while v2 has its share"),
                Act("v2 takes over", lambda *_: None, timedelta(hours=1)),
                _under_way(0, "the rush is over"),
            ),
        ),
        Story(
            "somebody else scales, again and again, and then no more",
            (
                _SERVE,
                _scaled(5),
                _scaled(4),
                _set("three pods", replicas=3),
                Act("the truce is over", lambda *_: None, timedelta(minutes=8)),
                _scaled(5),
                Act("nobody does so any more", lambda *_: None, LONG),
            ),
        ),
        Story(
            "suspended, paused, scaled",
            (
                _SERVE,
                _set("suspend", suspend=True),
                _new_version(2),
                _set("resume", suspend=False),
                _set("pause", paused=True),
                _new_version(3),
                _set("go on", paused=False),
                _set("one pod", replicas=1),
                _set("no pod", replicas=0),
                _new_version(4),
                _set("three pods", replicas=3),
            ),
        ),
    )
}
