"""Everything that people get wrong: one clear sentence with field and remedy, nothing else touched, and recovery.

All mistakes are made at once, in one namespace in which a model is served all along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.apiserver import Json
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, LOGISTIC, claim, config_map, deployment, model, pipeline, version
from tests.support.release import Release
from tests.support.shelf import Shelf

TABLE: Final = "configmap://tables/customers.csv"
TYPING: Final = "sklearn.linear_model.LogisticRegresion"
NO_IMAGE: Final = "localhost/mlwright/nothing:1"
NO_DIGEST: Final = "sha256:" + "0" * 64
ANCIENT: Final = {"column": "seen", "last": "24h", "until": {"type": "Time", "time": "1990-01-01T00:00:00Z"}}


def wrong(name: str, uri: str = TABLE, estimator: str = LOGISTIC, **spec: Json) -> Json:
    """Return a pipeline with a mistake in it."""
    return pipeline(name, uri, estimator, artifacts={"uri": "pvc://store/models"}, **spec)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A pipeline that cannot train, and what its author reads."""

    pipeline: Json
    sentence: str
    remedy: str


MISTAKES: Final[Mapping[str, Mistake]] = {
    mistake.pipeline["metadata"]["name"]: mistake
    for mistake in (
        Mistake(
            wrong("unknown-estimator", estimator=TYPING),
            f"spec.training.estimator.class: '{TYPING}' is not an estimator that may be trained",
            f"did you mean {LOGISTIC} or",
        ),
        Mistake(
            wrong("disallowed-estimator", estimator="subprocess.Popen"),
            "spec.training.estimator.class: 'subprocess.Popen' is not an estimator that may be trained",
            "",
        ),
        Mistake(
            wrong("missing-column", dataset={"target": "churnd"}),
            "spec.dataset.target: the data has no column 'churnd'",
            "did you mean 'churned'?",
        ),
        Mistake(
            wrong("empty-dataset", "configmap://tables/empty.csv"),
            "spec.dataset.uri: the data has no rows",
            "write the data again",
        ),
        Mistake(
            wrong("unreadable-dataset", "configmap://tables/noise.parquet"),
            "spec.dataset.uri: noise.parquet cannot be read as Parquet",
            "write the file again, or correct spec.dataset.format",
        ),
        Mistake(
            wrong("one-class", "configmap://tables/loyal.csv"),
            "spec.dataset.target: column 'churned' holds one value only, in 200 rows",
            "there is nothing to learn: add rows with other values, or correct the column",
        ),
        Mistake(
            wrong("no-rows", dataset={"timeRange": ANCIENT}),
            "spec.dataset.timeRange: none of the 2,000 rows lies after 1989-12-31",
            "make `last` longer or choose another end",
        ),
    )
}


def tables() -> Json:
    """Return the data: a good table, one without rows, one of noise, one in which nobody ever leaves."""
    table = customers()
    loyal = table.filter([not left for left in table["churned"].to_pylist()]).slice(0, 200)
    files = {"customers.csv": csv(table), "empty.csv": csv(table.slice(0, 0)), "loyal.csv": csv(loyal)}
    return config_map("tables", {**files, "noise.parquet": b"\x00\x01 this is no table \xff" * 9})


def secret(name: str) -> Json:
    """Return pods that read a Secret."""
    return {"env": [{"name": "TOKEN", "secretRef": {"name": name, "key": "value"}}]}


@pytest.fixture(scope="module")
def shop(begin: Callable[[str], Live], release: Release) -> Iterator[Shelf]:
    """A namespace in which every mistake was made, and beside them a model is served."""
    shelf = Shelf.stocked(begin("bad-input"), release.images["trainer"])
    live = shelf.live
    live.apply(tables(), deployment("flights", "flights"))
    live.reaches("ModelDeployment", "flights", "Ready", "flights-v1 serves")
    shelf.serving = live.names("Pod", deployment="flights")
    live.apply(
        wrong("late-dataset", "pvc://store/later.csv"),
        wrong("missing-claim", "pvc://elsewhere/customers.csv"),
        wrong("missing-secret", pod=secret("token")),
        *(mistake.pipeline for mistake in MISTAKES.values()),
        *(model("forged"), version("forged", 1, FLIGHTS, NO_DIGEST), deployment("forged", "forged")),
        deployment("imageless", "flights", server={"image": NO_IMAGE}),
        deployment("keyless", "flights", pod=secret("key")),
    )
    yield shelf
    live.end()


@pytest.fixture(autouse=True)
def nothing_else_is_touched(shop: Shelf) -> Iterator[None]:
    """What is served all along goes on being served, by the same pod."""
    yield
    said = "flights-v1 serves with 1 of 1 pods ready"
    shop.live.reaches("ModelDeployment", "flights", "Ready", said, seconds=5)
    (pod,) = shop.live.all("Pod", deployment="flights")
    assert [pod["metadata"]["name"]] == shop.serving
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_name_that_is_taken_is_left_to_its_owner(shop: Shelf) -> None:
    """Somebody else's Service stays as it is; when it is gone, the deployment gets its address."""
    shop.live.kubectl("create", "service", "clusterip", "taken", "--tcp=80:80")
    foreign = shop.live.there("Service", "taken")
    shop.live.apply(deployment("taken", "flights"))
    said = shop.live.reaches("ModelDeployment", "taken", "Stalled", "Service taken was not made by mlwright")
    assert "is left alone; delete or rename it (kubectl get service" in said
    assert shop.live.there("Service", "taken") == foreign

    shop.live.kubectl("delete", "service", "taken")

    shop.live.reaches("ModelDeployment", "taken", "Ready", "flights-v1 serves with 1 of 1 pods ready", seconds=120)


def test_a_dataset_that_comes_later_is_picked_up(shop: Shelf) -> None:
    """The run waits, says for which file, and goes on by itself."""
    said = shop.live.reaches("TrainingPipeline", "late-dataset", "Reconciling", "tried again by itself", seconds=180)
    assert "spec.dataset.uri: there is no file at pvc://store/later.csv" in said
    assert "put the data there or correct the address" in said

    shop.porter.carry({"later.csv": csv(customers())})

    shop.live.until("the run goes on", lambda: validated(shop.live, "late-dataset-1"), seconds=180)


def test_a_missing_secret_is_named_until_it_exists(shop: Shelf) -> None:
    """The pod waits, the run says for what, and goes on when the Secret is there."""
    said = shop.live.reaches(
        "TrainingPipeline", "missing-secret", "Reconciling", 'secret "token" not found', seconds=120
    )
    assert "create it, the pod starts by itself" in said

    shop.live.kubectl("create", "secret", "generic", "token", "--from-literal=value=none")

    shop.live.until("the run goes on", lambda: validated(shop.live, "missing-secret-1"), seconds=180)


def test_a_missing_claim_is_named_until_it_exists(shop: Shelf) -> None:
    """The pod finds no node, the run says why; with the claim it starts, and looks for the file on it."""
    what = 'persistentvolumeclaim "elsewhere" not found'
    said = shop.live.reaches("TrainingPipeline", "missing-claim", "Reconciling", what, seconds=120)
    assert "create it, the pod starts by itself" in said

    shop.live.apply(claim("elsewhere"))

    file = "there is no file at pvc://elsewhere/customers.csv"
    shop.live.reaches("TrainingPipeline", "missing-claim", "Reconciling", file, seconds=180)


def validated(live: Live, run: str) -> bool:
    """Tell whether a run is past its first step."""
    return bool(live.status("TrainingRun", run)["steps"][0]["state"] == "Succeeded")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_pipeline_that_cannot_train_says_why(shop: Shelf, name: str) -> None:
    """Field, sentence, remedy and the command that shows the log, on pipeline and run; it is not tried twice."""
    mistake = MISTAKES[name]

    said = shop.live.reaches(
        "TrainingPipeline", name, "Stalled", f"{name}-1: validate: {mistake.sentence}", mistake.remedy, seconds=180
    )

    assert said.endswith(f"(kubectl logs -n {shop.live.name} job/{name}-1-validate-0)")
    assert shop.live.status("TrainingRun", f"{name}-1")["summary"] == said.removeprefix(f"{name}-1: ")
    assert shop.live.names("Job", pipeline=name) == [f"{name}-1-validate-0"]


def test_an_image_that_does_not_start_is_named_until_the_spec_is_corrected(shop: Shelf) -> None:
    """The sentence holds the kubelet's words and the remedy; the corrected spec serves."""
    said = shop.live.reaches("ModelDeployment", "imageless", "Reconciling", "cannot be fetched", NO_IMAGE)
    assert "correct the image's name" in said

    shop.live.apply(deployment("imageless", "flights"))

    shop.live.reaches("ModelDeployment", "imageless", "Ready", "flights-v1 serves with 1 of 1 pods ready", seconds=120)


def test_a_secret_that_serving_needs_is_named_until_it_exists(shop: Shelf) -> None:
    """The pod waits, the deployment says for what, and serves when the Secret is there."""
    said = shop.live.reaches("ModelDeployment", "keyless", "Reconciling", 'secret "key" not found')
    assert "create it, the pod starts by itself" in said

    shop.live.kubectl("create", "secret", "generic", "key", "--from-literal=value=none")

    shop.live.reaches("ModelDeployment", "keyless", "Ready", "flights-v1 serves with 1 of 1 pods ready", seconds=120)


def test_a_wrong_digest_is_never_served(shop: Shelf) -> None:
    """Nothing is ready before the files are those that the version records; a right version serves."""
    said = shop.live.reaches("ModelDeployment", "forged", "Reconciling", "exit code 64: pvc://store/flights")
    assert (
        f"the bundle has the digest {shop.digest}, expected was {NO_DIGEST} (ModelVersion forged-v1 spec.bundle.digest)"
        in said
    )
    assert "bring the files back, or use another version: one recorded with the right digest" in said

    shop.live.apply(version("forged", 2, FLIGHTS, shop.digest))

    shop.live.reaches("ModelDeployment", "forged", "Ready", "forged-v2 serves with 1 of 1 pods ready", seconds=120)


def test_an_unknown_metric_is_refused_at_once(shop: Shelf) -> None:
    """The answer to kubectl apply names the field and lists the metrics that there are."""
    said = shop.live.refused(wrong("typing", evaluation=gate("roc_acu")))

    assert 'spec.evaluation.gates[0].threshold.metric: Unsupported value: "roc_acu"' in said
    assert '"roc_auc"' in said


def test_a_metric_of_the_other_task_is_refused_at_once(shop: Shelf) -> None:
    """The answer to kubectl apply lists the metrics of the task."""
    said = shop.live.refused(wrong("misplaced", evaluation=gate("r2")))

    assert "evaluation.gates: a Classification has the metrics accuracy, balanced_accuracy" in said


def test_an_address_of_another_kind_is_refused_at_once(shop: Shelf) -> None:
    """The answer to kubectl apply says where data may lie."""
    said = shop.live.refused(wrong("share", "nfs://lake/customers.csv"))

    assert "dataset.uri must be pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path" in said


def gate(metric: str) -> Json:
    """Return an evaluation with a gate on a metric."""
    return {"gates": [{"name": "good", "type": "Threshold", "threshold": {"metric": metric, "min": 0.8}}]}
