"""What a server refuses to load, and why."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from mlwright.bundle import loading
from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import Core, Format
from mlwright.server.failures import UnservableError
from mlwright.server.loading import load
from mlwright.server.settings import Settings
from tests.support.bundles import FLIGHT, Bundle, seal


@pytest.fixture
def settings(bundle: Bundle) -> Settings:
    """Settings that ask for the flight bundle."""
    return Settings.from_env(
        {
            "MLWRIGHT_MODEL_NAME": "flights",
            "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
            "MLWRIGHT_BUNDLE_DIGEST": bundle.digest,
        }
    )


@pytest.fixture
def copied(mount_root: Path, tmp_path: Path) -> Path:
    """A mount root with a bundle that a test may change."""
    shutil.copytree(mount_root, tmp_path / "mounts")
    return tmp_path / "mounts"


def test_loads_a_bundle_that_proves_itself(settings: Settings, mount_root: Path) -> None:
    """The right digest, the right golden answers: the model is there and its requests were timed."""
    model = load(settings, mount_root)

    assert model.platform == "onnxruntime_onnx"
    assert model.cheap_bytes > 0


def test_leaves_nothing_behind(
    settings: Settings, mount_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The private copy is gone when the model is loaded: a container's disk is small."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    load(settings, mount_root)

    assert list(tmp_path.iterdir()) == []


ADDRESSES = {
    "another scheme": ("gs://lake/flights", "MLWRIGHT_BUNDLE_URI: the scheme 'gs' is not read"),
    "nothing fetched": ("s3://lake/flights", "s3://lake/flights: there is no bundle at this address"),
    "a way out of the volume": ("pvc://artifacts/../x", "MLWRIGHT_BUNDLE_URI: the path holds an empty, '.' or '..'"),
    "nothing there": ("pvc://artifacts/boats", "pvc://artifacts/boats: there is no bundle at this address"),
    "a file instead of a folder": (
        "pvc://artifacts/flights/model.onnx",
        "pvc://artifacts/flights/model.onnx: there is no bundle at this address",
    ),
}


@pytest.mark.parametrize("uri, sentence", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_refuses_an_address(settings: Settings, mount_root: Path, uri: str, sentence: str) -> None:
    """An address that cannot lead to a bundle is named."""
    with pytest.raises(UnservableError) as caught:
        load(replace(settings, bundle_uri=uri), mount_root)

    assert str(caught.value).startswith(sentence)


def test_refuses_another_digest(settings: Settings, mount_root: Path) -> None:
    """A whole bundle that is not the one asked for is not served; both digests, where one stands, and what to do."""
    other = "sha256:" + "1" * 64
    recorded = replace(settings, bundle_digest=other, identity=replace(settings.identity, version="3"))

    with pytest.raises(UnservableError) as caught:
        load(recorded, mount_root)

    assert str(caught.value) == (
        f"pvc://artifacts/flights: the bundle has the digest {settings.bundle_digest}, expected was {other}"
        " (ModelVersion flights-v3 spec.bundle.digest); bring the files back, or use another version:"
        " one recorded with the right digest, or trained again"
    )


def test_who_starts_a_server_by_hand_reads_of_its_variables(settings: Settings, mount_root: Path) -> None:
    """No ModelVersion is known then."""
    by_hand = replace(
        settings, bundle_digest="sha256:" + "1" * 64, identity=replace(settings.identity, version="local")
    )

    with pytest.raises(UnservableError, match=r"\(MLWRIGHT_BUNDLE_DIGEST\); bring the files back"):
        load(by_hand, mount_root)


def change_model(folder: Path) -> None:
    """Change one bit of the model."""
    content = bytearray((folder / "model.onnx").read_bytes())
    content[100] ^= 1
    (folder / "model.onnx").write_bytes(content)


def cut_model(folder: Path) -> None:
    """Lose the model's end, as a copy on a full disk does."""
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[:-10])


def break_manifest(folder: Path) -> None:
    """Leave half a manifest."""
    (folder / "manifest.json").write_text('{"core": ')


def age_manifest(folder: Path) -> None:
    """Claim a version of the format that is not known yet."""
    document = json.loads((folder / "manifest.json").read_text())
    document["core"]["schemaVersion"] = 2
    (folder / "manifest.json").write_text(json.dumps(document))


def link_model(folder: Path) -> None:
    """Lead elsewhere."""
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("/etc/passwd")


def drop_golden(folder: Path) -> None:
    """Lose the golden rows."""
    (folder / "golden.jsonl").unlink()


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a changed bit": (change_model, "model.onnx is not the file that the manifest names: its SHA-256 differs"),
    "a cut file": (cut_model, "the manifest says"),
    "half a manifest": (break_manifest, "manifest.json is not JSON"),
    "an unknown version": (age_manifest, "schemaVersion is 2, this version reads 1"),
    "a link": (link_model, "model.onnx in the bundle is not a regular file"),
    "a missing file": (drop_golden, "golden.jsonl is missing from the bundle"),
}


@pytest.mark.parametrize("damage, sentence", DAMAGE.values(), ids=DAMAGE.keys())
def test_refuses_a_damaged_bundle(
    settings: Settings, copied: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    """Nothing of a bundle is loaded when a byte of it is not as it was written."""
    damage(copied / "pvc/artifacts/flights")

    with pytest.raises(UnservableError) as caught:
        load(settings, copied)

    assert sentence in str(caught.value)
    assert str(caught.value).startswith("pvc://artifacts/flights: ")


def spoil_answer(folder: Path) -> None:
    """Expect another probability."""
    text = (folder / "golden.jsonl").read_text()
    row = json.loads(text.splitlines()[0])
    row["outputs"]["probabilities"] = [0.5, 0.5]
    (folder / "golden.jsonl").write_text(json.dumps(row) + "\n")


def forget_input(folder: Path) -> None:
    """Leave a feature out of the golden rows."""
    row = {"inputs": {"distance": 1.0}, "outputs": {"label": True, "probabilities": [0.0, 1.0]}}
    (folder / "golden.jsonl").write_text(json.dumps(row) + "\n")


def replace_model(folder: Path) -> None:
    """Put something else where the model was."""
    (folder / "model.onnx").write_bytes(b"not a model")


FAILURES: dict[str, tuple[Callable[[Path], None], str]] = {
    "answers that changed": (spoil_answer, "self-test failed on 1 golden rows"),
    "golden rows that do not fit": (forget_input, "self-test failed: KeyError: 'dep_hour'"),
    "a model that is none": (replace_model, "model.onnx is not a model that ONNX Runtime can load"),
}


@pytest.mark.parametrize("change, sentence", FAILURES.values(), ids=FAILURES.keys())
def test_refuses_a_model_that_does_not_prove_itself(
    settings: Settings, copied: Path, change: Callable[[Path], None], sentence: str
) -> None:
    """The digest may be right and the model still not what it should be."""
    folder = copied / "pvc/artifacts/flights"
    change(folder)
    sealed = seal(folder, Format.ONNX, FLIGHT)

    with pytest.raises(UnservableError) as caught:
        load(replace(settings, bundle_digest=sealed.digest), copied)

    assert sentence in str(caught.value)
    assert str(caught.value).endswith("train the model again, or serve another version")


def skops_core(bundle: Bundle, release: str) -> Core:
    """A core that says that scikit-learn of some release wrote the model."""
    return replace(bundle.manifest.core, format=Format.SKOPS, framework={"scikit-learn": release})


def test_refuses_a_pipeline_of_another_scikit_learn(bundle: Bundle) -> None:
    """A pipeline of another release may load and answer differently."""
    with pytest.raises(BundleError, match=r"trained with scikit-learn 1\.0\.2, this image has"):
        loading.check_framework(skops_core(bundle, "1.0.2"))


def test_accepts_a_pipeline_of_another_patch_release(bundle: Bundle) -> None:
    """Patch releases keep what a fitted pipeline means."""
    major, minor, *_ = version("scikit-learn").split(".")

    loading.check_framework(skops_core(bundle, f"{major}.{minor}.999"))


def test_refuses_an_archive_that_unpacks_to_more_than_memory_holds(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file may hold a large one."""
    monkeypatch.setattr(loading, "MAX_BUNDLE_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "model.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2000))

    with pytest.raises(BundleError, match="unpacks to 2,000 bytes, at most 1,000 are read"):
        loading.check_unpacked(skops_core(bundle, ""), tmp_path)
