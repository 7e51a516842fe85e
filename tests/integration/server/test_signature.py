"""Servers that ask for a signature: a bundle is served only if all that is read of it was signed with a trusted key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.bundle.signatures import SIGNATURE
from mlwright.trainer.signing import sign
from tests.support.bundles import Bundle
from tests.support.flights import request
from tests.support.keys import a_key
from tests.support.serving import ServerProcess

Start = Callable[..., ServerProcess]
TEAM, OTHER = a_key(), a_key()
KEYS = json.dumps({"team": TEAM.public})


@pytest.fixture
def signed(store: Path, bundle: Bundle) -> Path:
    """A signed copy of the flight bundle, at pvc://artifacts/signed."""
    folder = store / "pvc/artifacts/signed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bundle.folder, folder)
    sign(folder, TEAM.private)
    return folder


def test_a_signed_bundle_is_served_in_as_little_memory(start: Start, signed: Path) -> None:
    """What checks the signature is a process of its own, and nothing of it stays."""
    assert (signed / SIGNATURE).exists()
    server = start(MLWRIGHT_BUNDLE_URI="pvc://artifacts/signed", MLWRIGHT_VERIFY_KEYS=KEYS).ready()

    assert server.ask("POST", "/v2/models/flights/infer", request())[0] == 200
    assert server.logged("signature holds") is not None
    assert server.resident_mb() < 120
    assert "cryptography" not in Path(f"/proc/{server.process.pid}/maps").read_text()


REFUSED = {
    "no signature": (lambda folder: (folder / SIGNATURE).unlink(), "it carries no signature (model.sig), and"),
    "a link": (
        lambda folder: (folder / SIGNATURE).rename(folder / "x") and (folder / SIGNATURE).symlink_to(folder / "x"),
        "it carries no signature (model.sig), and",
    ),
    "another key": (lambda folder: sign(folder, OTHER.private), f"it is signed with another key ({OTHER.fingerprint})"),
    "a changed manifest": (
        lambda folder: (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b" "),
        "manifest.json is not as it was signed with the key team",
    ),
}


@pytest.mark.parametrize("change, says", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_signed_as_it_lies_there_ends_the_server(
    start: Start, signed: Path, change: Callable[[Path], object], says: str
) -> None:
    """With the exit code that rejects the version, and a sentence that names the Model's field."""
    change(signed)
    server = start(MLWRIGHT_BUNDLE_URI="pvc://artifacts/signed", MLWRIGHT_VERIFY_KEYS=KEYS)

    assert server.ends_with() == 64
    words = server.last_words.read_text()
    assert words.startswith(f"pvc://artifacts/signed: {says}")
    assert "the Model asks for one of the keys team (spec.verify.keys)" in words


@pytest.mark.parametrize("keys", ["[]", "{", '{"team": 1}'])
def test_keys_that_cannot_be_read_are_named(start: Start, keys: str) -> None:
    """Nothing is served unchecked for want of a key."""
    server = start(MLWRIGHT_VERIFY_KEYS=keys)

    assert server.ends_with() == 64
    assert "MLWRIGHT_VERIFY_KEYS is" in server.last_words.read_text()
