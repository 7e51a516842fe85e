"""The registry on the real cluster: versions and folders that nothing uses go, what is not signed does not serve."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from examples.flights.errands import Porter
from tests.support.apiserver import Json
from tests.support.customers import csv, customers
from tests.support.keys import a_key
from tests.support.live import Live
from tests.support.manifests import claim, config_map, deployment, model, pipeline
from tests.support.release import Release

TEAM, OTHER = a_key(), a_key()
RUNS = "models/{namespace}/churn/runs"


def secret(name: str, pem: str) -> Json:
    """Return a Secret with a private key."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"private.pem": pem}}


def churn(strength: float, signing: str = "team") -> Json:
    """Return the pipeline with these settings; each trains another version. It keeps its newest run only."""
    return pipeline(
        "churn",
        "configmap://customers/customers.csv",
        parameters={"C": strength},
        artifacts={"uri": "pvc://store/models"},
        signing={"secretRef": {"name": signing, "key": "private.pem"}},
        policy={"keepSucceeded": 1},
    )


@pytest.fixture(scope="module")
def live(begin: Callable[[str], Live], release: Release) -> Iterator[Live]:
    """A namespace in which the third signed version serves, of a model that keeps one and asks for a signature."""
    live = begin("registry")
    live.apply(config_map("customers", {"customers.csv": csv(customers())}), claim("store"))
    live.apply(secret("team", TEAM.private), secret("other", OTHER.private))
    keeping = model("churn")
    keeping["spec"] = {
        "verify": {"keys": [{"name": "team", "pem": TEAM.public}]},
        "retention": {"keepVersions": 1, "artifacts": "Delete", "gracePeriod": "1h"},
    }
    live.apply(keeping, deployment("churn", "churn"))
    porter = Porter(live, "store")
    porter.start(release.images["trainer"])
    for number, strength in enumerate((1.0, 0.5, 0.25), start=1):
        live.apply(churn(strength))
        live.reaches("ModelDeployment", "churn", "Ready", f"churn-v{number} serves", seconds=600)
    yield live
    live.end()


def folders(live: Live) -> list[str]:
    """Return the names of the folders of runs, each without its hash."""
    found = Porter(live, "store").run(f"ls {RUNS.format(namespace=live.name)}").split()
    return [name.rpartition("-")[0] for name in found]


def swept(live: Live) -> Json:
    """Let the folders be swept now: the Job of this slot is gone, so another is made. Return what it found."""
    before = (live.status("Model", "churn").get("artifacts") or {}).get("checkedAt")
    live.kubectl("delete", "job", "--selector=mlwright.dev/owner-kind=Model", "--wait=true")

    def told() -> Json | None:
        found: Json = live.status("Model", "churn").get("artifacts") or {}
        return found if found.get("checkedAt") not in {None, before} else None

    return live.until("a sweep", told, seconds=300)


def test_versions_are_kept_that_somebody_may_need(live: Live) -> None:
    """What was recorded lately goes when it is an hour old, or by hand; the Model says what stays and why."""
    live.until("that", lambda: _summary_of(live, "churn-v1 because it was recorded less than 1h ago"))
    live.kubectl("delete", "modelversion", "churn-v1")
    kept = "2 versions, 2 of them may be served; kept beside the newest: churn-v2 because"
    assert live.until("what is left", lambda: _summary_of(live, kept))


def _summary_of(live: Live, words: str) -> str | None:
    found = str(live.status("Model", "churn").get("summary", ""))
    return found if words in found else None


def test_folders_that_nothing_uses_go_after_the_grace_period(live: Live) -> None:
    """The run of v1 is gone and so is v1: its folder is marked, and removed by a later sweep; the others stay."""
    live.until("old runs to go", lambda: live.names("TrainingRun") == ["churn-3"])
    live.until(
        "what they froze to go", lambda: "/churn-1\n" not in live.kubectl("get", "controllerrevisions", "-o", "name")
    )
    before = folders(live)
    first = swept(live)
    second = swept(live)
    mark = f"{RUNS.format(namespace=live.name)}/churn-1-*/.unused.json"
    Porter(live, "store").run(f"""sed -i 's/"since": "20/"since": "19/' {mark}""")  # a hundred years ago
    third = swept(live)

    assert before == ["churn-1", "churn-2", "churn-3"]
    assert [(found["waiting"], found.get("removed", 0)) for found in (first, second, third)] == [(1, 0), (1, 0), (0, 1)]
    assert (third["folders"], third["inUse"]) == (3, 2)
    assert third["removedBytes"] == first["waitingBytes"] > 10_000
    assert folders(live) == ["churn-2", "churn-3"]
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v3 serves")


def test_a_version_says_who_signed_it(live: Live) -> None:
    """By the fingerprint of the public key."""
    bundle = live.there("ModelVersion", "churn-v3")["spec"]["bundle"]

    assert bundle["signedBy"] == TEAM.fingerprint


def test_a_version_that_is_signed_with_another_key_never_serves(live: Live) -> None:
    """Whoever trained it: the one that serves goes on."""
    live.apply(churn(0.125, signing="other"))
    told = live.reaches("ModelDeployment", "churn", "CandidateRejected", "churn-v4 is rejected", seconds=600)

    assert f"it is signed with another key ({OTHER.fingerprint}), and the Model asks for one of the keys team" in told
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v3 serves")


def test_a_version_without_a_signature_never_serves(live: Live) -> None:
    """The digest in its record is right, and says nothing of who made it."""
    unsigned = churn(0.0625)
    del unsigned["spec"]["signing"]
    live.kubectl("delete", "trainingpipeline", "churn", "--wait=true")
    live.apply(unsigned)
    told = live.reaches("ModelDeployment", "churn", "CandidateRejected", "churn-v5 is rejected", seconds=600)

    assert "it carries no signature (model.sig), and the Model asks for one of the keys team (spec.verify.keys)" in told
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v3 serves")


FORGE = """
import hashlib, json, pathlib
manifest, golden = pathlib.Path("forged/manifest.json"), pathlib.Path("forged/golden.jsonl")
golden.write_bytes(b"".join(golden.read_bytes().splitlines(True)[:9]))
told = json.loads(manifest.read_text())
[entry] = [file for file in told["core"]["files"] if file["path"] == "golden.jsonl"]
entry.update(sha256=hashlib.sha256(golden.read_bytes()).hexdigest(), bytes=golden.stat().st_size)
text = json.dumps(told["core"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
told["digest"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
manifest.write_text(json.dumps(told))
print(told["digest"])
"""
"""Changes a file of a bundle, and manifest and digest with it."""


def test_files_that_were_changed_after_they_were_signed_never_serve(live: Live) -> None:
    """Not even with a digest that is right for the changed files, in a record that somebody made."""
    folder = f"{RUNS.format(namespace=live.name)}/churn-3-*/train-0/bundle"
    digest = Porter(live, "store").run(f"cp -r {folder} forged; python -c '{FORGE}'").strip()
    forged = json.loads(json.dumps(live.there("ModelVersion", "churn-v3")["spec"]))
    forged |= {"version": 6, "bundle": {"uri": "pvc://store/forged", "digest": digest, "format": "ONNX"}}
    body = {"apiVersion": "mlwright.dev/v1alpha1", "kind": "ModelVersion", "metadata": {"name": "churn-v6"}}
    live.apply(body | {"spec": forged})
    told = live.reaches("ModelDeployment", "churn", "CandidateRejected", "churn-v6 is rejected", seconds=300)

    assert "is not as it was signed with the key team, and the Model asks for one of the keys team" in told
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v3 serves")
