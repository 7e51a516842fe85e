"""Data on the real cluster: an object store with keys from a Secret, and checks before training."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.apiserver import Json
from tests.support.customers import customers, parquet
from tests.support.live import Live, host_of
from tests.support.manifests import claim, pipeline
from tests.support.s3server import PASSWORD, S3Server, free_port, serving


@dataclass(slots=True)
class Shop:
    """A namespace whose data lies in an object store on this machine."""

    live: Live
    store: S3Server
    host: str

    def pipeline(self, name: str, **dataset: Json | str) -> Json:
        """A pipeline on the store's customers."""
        storage = {"endpointURL": self.store.endpoint, "secretRef": {"name": "lake-keys"}}
        data = {"storage": storage, **dataset}
        uri = str(data.pop("uri", "s3://lake/customers/*.parquet"))
        return pipeline(name, uri, dataset=data, artifacts={"uri": "pvc://store/models"})

    def secret(self, name: str, password: str) -> None:
        """Make a Secret with the keys of the store."""
        keys = {**self.store.keys, "AWS_SECRET_ACCESS_KEY": password}
        literals = [f"--from-literal={key}={value}" for key, value in keys.items()]
        self.live.kubectl("create", "secret", "generic", name, *literals)


@pytest.fixture(scope="module")
def shop(begin: Callable[[str], Live], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store that listens where the pods of the cluster can reach it."""
    live = begin("data")
    host = host_of(live.api)
    with serving(tmp_path_factory.mktemp("s3") / "server", host=host) as store:
        folder = store.bucket("lake") / "customers"
        folder.mkdir()
        (folder / "one.parquet").write_bytes(parquet(customers().slice(0, 1000)))
        (folder / "two.parquet").write_bytes(parquet(customers().slice(1000)))
        shop = Shop(live, store, host)
        live.apply(claim("store"))
        shop.secret("lake-keys", PASSWORD)
        yield shop
    live.end()


def test_a_model_is_trained_on_an_object_store(shop: Shop) -> None:
    """Address, Secret and nothing else; the lineage names what was read, and no object holds a key."""
    shop.live.apply(shop.pipeline("stored", checks={"minRows": 2000, "maxMissing": 0.2}))

    shop.live.reaches("TrainingPipeline", "stored", "Ready", "stored-v1", seconds=420)

    run = shop.live.status("TrainingRun", "stored-1")
    lineage = shop.live.there("ModelVersion", "stored-v1")["spec"]["lineage"]["dataset"]
    assert (lineage["uri"], lineage["rows"]) == ("s3://lake/customers/*.parquet", 2000)
    assert lineage["revision"].startswith("sha256:")
    assert run["checks"]["outcome"] == "Passed"
    said = "".join(
        str(thing) for kind in ("TrainingRun", "Job", "Pod", "ModelVersion") for thing in shop.live.all(kind)
    )
    assert PASSWORD not in said


def test_data_that_fails_its_checks_is_told_and_not_learned_from(shop: Shop) -> None:
    """All findings at once, in the status of the run; the report lies beside."""
    checks: Json = {"minRows": 5000, "columns": [{"name": "age", "max": 80}], "onFailure": "Fail"}
    shop.live.apply(shop.pipeline("picky", checks=checks))

    said = shop.live.reaches(
        "TrainingPipeline", "picky", "Stalled", "spec.dataset.checks.minRows: 2 data checks failed", seconds=300
    )

    assert "the worst: the data has 2,000 rows, at least 5,000 are needed" in said
    run = shop.live.status("TrainingRun", "picky-1")
    assert [finding.get("column") for finding in run["checks"]["findings"]] == [None, "age"]
    assert run["checks"]["findings"][1]["count"] > 100
    assert shop.live.names("Job", pipeline="picky") == ["picky-1-validate-0"]


def test_a_warning_trains_and_stays_visible(shop: Shop) -> None:
    """The condition DataChecks is False on a run that is complete."""
    shop.live.apply(shop.pipeline("lenient", checks={"minRows": 5000, "onFailure": "Warn"}))

    shop.live.reaches("TrainingPipeline", "lenient", "Ready", seconds=420)

    told = shop.live.reaches("TrainingRun", "lenient-1", "!DataChecks", "the data has 2,000 rows")
    assert told.endswith("the run went on")


def test_keys_that_are_refused_name_the_secret(shop: Shop) -> None:
    """The run fails with the field and the remedy, and is not tried again."""
    shop.secret("wrong-keys", "guessed")
    storage: Json = {"endpointURL": shop.store.endpoint, "secretRef": {"name": "wrong-keys"}}
    shop.live.apply(shop.pipeline("refused", storage=storage))

    said = shop.live.reaches(
        "TrainingPipeline", "refused", "Stalled", "refuses the keys of Secret 'wrong-keys'", seconds=300
    )

    assert "spec.dataset.storage.secretRef" in said
    assert "guessed" not in said


def test_a_store_that_is_away_is_waited_for(shop: Shop, tmp_path: Path) -> None:
    """When it is there, the run goes on by itself."""
    port = free_port(shop.host)
    storage: Json = {"endpointURL": f"http://{shop.host}:{port}", "secretRef": {"name": "lake-keys"}}
    shop.live.apply(shop.pipeline("patient", storage=storage))
    shop.live.reaches("TrainingPipeline", "patient", "Reconciling", "does not answer", "tried again", seconds=300)

    with ExitStack() as stack:
        late = stack.enter_context(serving(tmp_path / "late", host=shop.host, port=port))
        folder = late.bucket("lake") / "customers"
        folder.mkdir()
        (folder / "one.parquet").write_bytes(parquet(customers()))

        shop.live.until("the run goes on", lambda: _validated(shop.live, "patient-1"), seconds=300)


def test_the_drift_of_new_data_is_held_against_the_champion(shop: Shop) -> None:
    """The second run compares with what the champion was trained on, and says which feature has moved."""
    table = customers(8000)
    older = table.set_column(0, "age", pa.array([age + 25 for age in table["age"].to_pylist()]))
    for name, rows in (("then", table), ("now", older)):
        (shop.store.bucket("lake") / f"{name}.parquet").write_bytes(parquet(rows))
    checks: Json = {"againstChampion": {"maxDrift": 0.2}}
    shop.live.apply(shop.pipeline("drifting", uri="s3://lake/then.parquet", checks=checks))
    shop.live.reaches("TrainingPipeline", "drifting", "Ready", "drifting-v1", seconds=420)
    champion = json.dumps({"spec": {"aliases": [{"name": "champion", "version": 1}]}})
    shop.live.kubectl("patch", "models.mlwright.dev", "drifting", "--type=merge", f"--patch={champion}")

    shop.live.apply(shop.pipeline("drifting", uri="s3://lake/now.parquet", checks=checks))

    moved = "feature 'age' has moved from the data of the champion drifting-v1 by a distance of"
    shop.live.reaches("TrainingPipeline", "drifting", "Stalled", moved, "at most 0.2 is allowed", seconds=300)


def _validated(live: Live, run: str) -> bool:
    return bool(live.status("TrainingRun", run)["steps"][0]["state"] == "Succeeded")
