"""Artifacts in an object store on the real cluster: from training to what a sweep removes, without any claim."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.fs
import pytest

from mlwright.api.kinds import API_VERSION
from tests.support.apiserver import Json
from tests.support.customers import csv, customers, parquet
from tests.support.live import Live, host_of
from tests.support.manifests import config_map, deployment, model, pipeline
from tests.support.s3server import ACCESS, PASSWORD, S3Server, free_port, serving

KEYS = "store-keys"


@dataclass(slots=True)
class Shop:
    """A namespace whose artifacts lie in an object store on this machine, which comes and goes."""

    live: Live
    folder: Path
    host: str
    port: int
    running: ExitStack = field(default_factory=ExitStack)
    store: S3Server | None = None

    @property
    def storage(self) -> Json:
        """How the store is reached."""
        return {"endpointURL": f"http://{self.host}:{self.port}", "secretRef": {"name": KEYS}}

    @property
    def buckets(self) -> Path:
        """Where the server keeps buckets, as folders."""
        return self.folder / "buckets"

    def open(self) -> None:
        """Let the store answer."""
        self.store = self.running.enter_context(serving(self.folder, host=self.host, port=self.port))

    def close(self) -> None:
        """Let it be away."""
        self.running.close()

    def secret(self, password: str) -> None:
        """Let the Secret hold this password."""
        literals = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": password}
        self.live.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEYS}, "stringData": literals})

    def churn(self, strength: float) -> Json:
        """The pipeline with this setting; each trains another version. It keeps its newest run only."""
        return pipeline(
            "churn",
            "configmap://customers/customers.csv",
            parameters={"C": strength},
            artifacts={"uri": "s3://models/mlwright", "storage": self.storage},
            policy={"keepSucceeded": 1},
        )

    def runs(self) -> list[str]:
        """The names of the folders of runs in the store, each without its hash."""
        place = self.buckets / f"models/mlwright/{self.live.name}/churn/runs"
        return sorted(folder.name.rpartition("-")[0] for folder in place.iterdir())

    def write(self, file: Path, text: str) -> None:
        """Write an object anew, as somebody who has the keys."""
        system = pyarrow.fs.S3FileSystem(
            access_key=ACCESS,
            secret_key=PASSWORD,
            scheme="http",
            endpoint_override=f"{self.host}:{self.port}",
            region="us-east-1",
        )
        with system.open_output_stream(str(file.relative_to(self.buckets))) as stream:
            stream.write(text.encode())

    def pods(self) -> list[str]:
        """The names of the pods that serve."""
        return self.live.names("Pod", deployment="churn")

    def swept(self) -> Json:
        """Let the folders be swept now: the Job of this slot is gone, so another is made. Return what it found."""
        before = (self.live.status("Model", "churn").get("artifacts") or {}).get("checkedAt")
        self.live.kubectl("delete", "job", "--selector=mlwright.dev/owner-kind=Model", "--wait=true")

        def told() -> Json | None:
            found: Json = self.live.status("Model", "churn").get("artifacts") or {}
            return found if found.get("checkedAt") not in {None, before} else None

        return self.live.until("a sweep", told, seconds=300)


@pytest.fixture(scope="module")
def shop(begin: Callable[[str], Live], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A namespace in which the first version serves; all that its pods share lies in the store."""
    live = begin("artifacts")
    host = host_of(live.api)
    shop = Shop(live, tmp_path_factory.mktemp("s3") / "server", host, free_port(host))
    shop.open()
    for bucket in ("models", "lake"):
        (shop.buckets / bucket).mkdir()
    (shop.buckets / "lake/rows.parquet").write_bytes(parquet(customers().drop_columns(["churned"])))
    keeping = model("churn")
    keeping["spec"] = {"retention": {"keepVersions": 1, "artifacts": "Delete", "gracePeriod": "1h"}}
    live.apply(config_map("customers", {"customers.csv": csv(customers())}), keeping)
    shop.secret(PASSWORD)
    live.apply(shop.churn(1.0), deployment("churn", "churn"))
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves", seconds=600)
    yield shop
    shop.close()
    live.end()


def test_a_version_says_where_its_bundle_lies_and_no_object_holds_a_key(shop: Shop) -> None:
    """The address is that of what one pod has sent; servers have no keys at all."""
    bundle = shop.live.there("ModelVersion", "churn-v1")["spec"]["bundle"]
    said = "".join(
        str(thing) for kind in ("TrainingRun", "Job", "Pod", "ModelVersion") for thing in shop.live.all(kind)
    )
    [pod] = shop.live.all("Pod", deployment="churn")

    assert bundle["storage"] == shop.storage
    assert "/train-0/kept-" in bundle["uri"]
    assert (shop.buckets / bundle["uri"].removeprefix("s3://") / "manifest.json").exists()
    assert PASSWORD not in said
    assert KEYS not in str(pod["spec"]["containers"])


def test_stored_rows_are_answered_by_a_bundle_in_the_store(shop: Shop) -> None:
    """Rows, bundle and answers all lie there."""
    spec: Json = {
        "source": {"type": "Deployment", "deployment": {"name": "churn"}},
        "runOnce": True,
        "input": {"uri": "s3://lake/rows.parquet", "storage": shop.storage},
        "output": {"uri": "s3://lake/answers", "storage": shop.storage},
    }
    night: Json = {"apiVersion": API_VERSION, "kind": "BatchPrediction", "metadata": {"name": "night"}, "spec": spec}

    shop.live.apply(night)

    shop.live.reaches("BatchPrediction", "night", "Complete", "rows answered by churn-v1", seconds=300)


def test_a_store_that_is_away_is_told_and_waited_for(shop: Shop) -> None:
    """What serves goes on; a pod that starts says what is missing, and serves when the store answers again."""
    shop.close()
    before = shop.pods()
    shop.live.kubectl("delete", "pod", *before)
    told = shop.live.reaches("ModelDeployment", "churn", "!Ready", "cannot fetch its bundle", "does not answer")
    shop.open()

    shop.live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves", seconds=300)

    assert "ModelVersion churn-v1 spec.bundle.storage.endpointURL" in told
    assert set(shop.pods()).isdisjoint(before)


def test_keys_that_are_refused_or_missing_are_told_and_waited_for(shop: Shop) -> None:
    """The Secret is named; when it is right again, the pod serves by itself and the version is not rejected."""
    shop.secret("guessed")
    shop.live.kubectl("delete", "pod", *shop.pods())
    wrong = shop.live.reaches("ModelDeployment", "churn", "!Ready", f"refuses the keys of Secret '{KEYS}'")
    shop.live.kubectl("delete", "secret", KEYS)
    shop.live.kubectl("delete", "pod", *shop.pods())
    missing = shop.live.reaches("ModelDeployment", "churn", "!Ready", f'secret "{KEYS}" not found')
    shop.secret(PASSWORD)

    shop.live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves", seconds=300)

    assert "it is tried again by itself" in wrong
    assert "the pod starts by itself" in missing


def test_a_version_that_nobody_needs_leaves_the_store(shop: Shop) -> None:
    """Its run is gone and so is its record: the folder is marked, and removed by a later sweep; the others stay."""
    for number, strength in ((2, 0.5), (3, 0.25)):  # the one that served before the last may be needed again
        shop.live.apply(shop.churn(strength))
        shop.live.reaches("ModelDeployment", "churn", "Ready", f"churn-v{number} serves", seconds=600)
    shop.live.kubectl("delete", "batchprediction", "night", "--wait=true")
    shop.live.kubectl("delete", "modelversion", "churn-v1")
    shop.live.until("old runs to go", lambda: shop.live.names("TrainingRun") == ["churn-3"])
    shop.live.until(
        "what they froze to go",
        lambda: "/churn-1\n" not in shop.live.kubectl("get", "controllerrevisions", "-o", "name"),
    )
    before, first = shop.runs(), shop.swept()
    assert (first["waiting"], first.get("removed", 0), first["inUse"]) == (1, 0, 2)
    place = shop.buckets / f"models/mlwright/{shop.live.name}/churn/runs"
    [mark] = place.glob("*/.unused.json")
    told = json.loads(mark.read_text())
    shop.write(mark, json.dumps(told | {"since": told["since"].replace("20", "19", 1)}))  # a hundred years ago

    second = shop.swept()

    assert before == ["churn-1", "churn-2", "churn-3"]
    assert (second["removed"], second["removedBytes"]) == (1, first["waitingBytes"])
    assert shop.runs() == ["churn-2", "churn-3"]
    shop.live.reaches("ModelDeployment", "churn", "Ready", "churn-v3 serves")
