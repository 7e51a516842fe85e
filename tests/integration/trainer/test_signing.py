"""Signed bundles: the trainer signs with the library of OpenSSF, what serves checks without it, and the two agree."""

from __future__ import annotations

import base64
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import MANIFEST
from mlwright.bundle.signatures import SIGNATURE, check
from mlwright.trainer.errors import UserError
from mlwright.trainer.signing import UNSIGNED, sign
from tests.support.bundles import write_flight_bundle
from tests.support.keys import KeyPair, a_key, pair_of
from tests.support.training import Workshop, document, flights_table

TEAM = a_key()
WANTED = "the Model asks for one of the keys team (spec.verify.keys)"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed bundle with a page and a record, which are not signed."""
    folder = write_flight_bundle(tmp_path_factory.mktemp("bundles") / "flights").folder
    (folder / "run.json").write_text("{}", encoding="utf-8")
    assert sign(folder, TEAM.private) == TEAM.fingerprint
    (folder / "report.html").write_text("<p>", encoding="utf-8")
    return folder


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    """A copy of it, for changes."""
    return Path(shutil.copytree(original, tmp_path / "bundle"))


def as_fetched(folder: Path) -> Path:
    """Take away what a server does not fetch."""
    for name in UNSIGNED[1:]:
        (folder / name).unlink(missing_ok=True)
    return folder


def refused(folder: Path, keys: dict[str, str] | None = None) -> str:
    """Return why the signature does not hold."""
    with pytest.raises(BundleError) as problem:
        check(as_fetched(folder), keys or {"team": TEAM.public})
    return str(problem.value)


def by_openssf(folder: Path, key: KeyPair, tmp_path: Path) -> bool:
    """Tell what the library of OpenSSF says."""
    from model_signing import verifying  # noqa: PLC0415 - it takes a second

    (tmp_path / "public.pem").write_text(key.public, encoding="utf-8")
    config = verifying.Config().use_elliptic_key_verifier(public_key=tmp_path / "public.pem")
    try:
        config.verify(folder, folder / SIGNATURE)
    except Exception:  # noqa: BLE001 - any means no
        return False
    return True


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_what_we_sign_holds_for_both(bundle: Path, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    """On every curve; page and record may change afterwards."""
    key = a_key(curve)
    sign(bundle, key.private)
    (bundle / "report.html").write_text("another", encoding="utf-8")

    assert by_openssf(bundle, key, tmp_path)
    assert check(as_fetched(bundle), {"other": TEAM.public, "team": key.public}) == "team"


def test_what_the_tools_of_openssf_sign_holds_for_us(bundle: Path, tmp_path: Path) -> None:
    """With their settings: they sign every file, the page as well."""
    from model_signing import signing  # noqa: PLC0415 - it takes a second

    (bundle / SIGNATURE).unlink()
    (tmp_path / "private.pem").write_text(TEAM.private, encoding="utf-8")
    config = signing.Config().use_elliptic_key_signer(private_key=tmp_path / "private.pem")
    config.sign(bundle, bundle / SIGNATURE)

    assert check(as_fetched(bundle), {"team": TEAM.public}) == "team"


def _change(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + b" ")


def _edit(change: Callable[[Any], None]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        told = json.loads((folder / SIGNATURE).read_bytes())
        change(told)
        (folder / SIGNATURE).write_text(json.dumps(told), encoding="utf-8")

    return edit


def _payload(change: Callable[[Any], None]) -> Callable[[Path], object]:
    def edit(told: Any) -> None:
        payload = json.loads(base64.b64decode(told["dsseEnvelope"]["payload"]))
        change(payload)
        told["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()

    return _edit(edit)


def _another_statement(folder: Path) -> None:
    """Sign, with the very key, a statement that is no signature of a model."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    told = json.loads((folder / SIGNATURE).read_bytes())
    payload = json.loads(base64.b64decode(told["dsseEnvelope"]["payload"]))
    payload["predicateType"] = "https://example.com/other"
    text = json.dumps(payload).encode()
    kind = told["dsseEnvelope"]["payloadType"]
    encoded = f"DSSEv1 {len(kind)} {kind} {len(text)} ".encode() + text
    key: Any = load_pem_private_key(TEAM.private.encode(), None)
    told["dsseEnvelope"]["payload"] = base64.b64encode(text).decode()
    made = base64.b64encode(key.sign(encoded, ec.ECDSA(hashes.SHA256()))).decode()
    told["dsseEnvelope"]["signatures"] = [{"sig": made, "keyid": ""}]
    (folder / SIGNATURE).write_text(json.dumps(told), encoding="utf-8")


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "the model": (_change("model.onnx"), "model.onnx is not as it was signed with the key team"),
    "the golden rows": (_change("golden.jsonl"), "golden.jsonl is not as it was signed with the key team"),
    "the manifest": (_change(MANIFEST), "manifest.json is not as it was signed with the key team"),
    "a file more": (lambda f: (f / "a.so").write_bytes(b"x"), "a.so is not as it was signed with the key team"),
    "a digest in the statement": (
        _payload(lambda told: told["predicate"]["resources"][0].update(digest="0" * 64)),
        "its signature with the key team is forged or was changed",
    ),
    "the signature itself": (
        _edit(lambda told: told["dsseEnvelope"]["signatures"][0].update(sig=base64.b64encode(b"x" * 70).decode())),
        "its signature with the key team is forged or was changed",
    ),
    "a statement of another kind": (_another_statement, "golden.jsonl is not as it was signed with the key team"),
    "no signature": (lambda f: (f / SIGNATURE).unlink(), "it carries no signature (model.sig)"),
    "an empty signature": (lambda f: (f / SIGNATURE).write_bytes(b""), "its signature (model.sig) is damaged"),
    "no envelope": (_edit(lambda told: told.pop("dsseEnvelope")), "its signature (model.sig) is damaged"),
    "no signatures": (
        _edit(lambda told: told["dsseEnvelope"].update(signatures=[])),
        "its signature (model.sig) is damaged",
    ),
    "no base64": (_edit(lambda told: told["dsseEnvelope"].update(payload="*")), "its signature (model.sig) is damaged"),
}


@pytest.mark.parametrize("tamper, says", TAMPERED.values(), ids=TAMPERED.keys())
def test_what_was_tampered_with_is_refused(
    bundle: Path, tmp_path: Path, tamper: Callable[[Path], object], says: str
) -> None:
    """By us with a sentence, and by the library of OpenSSF as well."""
    tamper(bundle)

    assert not by_openssf(bundle, TEAM, tmp_path)
    assert refused(bundle) == f"{says}, and {WANTED}"


def test_another_key_is_refused(bundle: Path, tmp_path: Path) -> None:
    """Whoever has it."""
    other = a_key()
    sign(bundle, other.private)

    assert not by_openssf(bundle, TEAM, tmp_path)
    assert refused(bundle) == f"it is signed with another key ({other.fingerprint}), and {WANTED}"


def test_to_claim_a_trusted_key_is_not_enough(bundle: Path) -> None:
    """The name of the key in the signature is nobody's proof."""
    sign(bundle, a_key().private)
    claim = TEAM.fingerprint.removeprefix("sha256:")
    _edit(lambda told: told["verificationMaterial"]["publicKey"].update(hint=claim))(bundle)

    assert refused(bundle).startswith("its signature with the key team is forged or was changed")


@pytest.mark.parametrize("pem", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_public_key_that_is_none_is_named(bundle: Path, pem: str) -> None:
    """It stands in the Model."""
    assert refused(bundle, {"team": pem}) == (
        "the key team (spec.verify.keys of the Model) is no PEM of a public key on P-256, P-384 or P-521"
    )


def _with_password() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()


@pytest.mark.parametrize(
    "pem",
    ["", "hello", TEAM.public, pair_of(rsa.generate_private_key(65537, 2048)).private, _with_password()],
    ids=["empty", "text", "public", "RSA", "with a password"],
)
def test_a_private_key_that_cannot_sign_is_the_users_error(bundle: Path, pem: str) -> None:
    """The sentence names the field and holds nothing of the key."""
    with warnings.catch_warnings(), pytest.raises(UserError) as problem:
        sign(bundle, pem)

    assert str(problem.value) == (
        "spec.signing.secretRef: the key of the Secret is no PEM of a private key without password on P-256, P-384 or"
        " P-521; make one with: openssl ecparam -genkey -name prime256v1 -noout"
    )


def test_the_step_train_signs_what_it_makes(shop: Workshop) -> None:
    """And tells the fingerprint; the key is written nowhere."""
    wanted = document(shop.write(flights_table())) | {"signed": True}
    shop.run("validate", wanted)
    ended = shop.spawn("train", wanted, MLWRIGHT_SIGNING_KEY=TEAM.private)
    shop.run("evaluate", wanted)
    folder = shop.run_folder("run-1") / "train-0" / "bundle"
    found = b"".join(path.read_bytes() for path in shop.run_folder("run-1").rglob("*") if path.is_file())

    assert (folder / "report.html").exists()
    assert ended.results["bundle"]["signedBy"] == TEAM.fingerprint
    assert check(as_fetched(folder), {"team": TEAM.public}) == "team"
    assert TEAM.private.splitlines()[1].encode() not in found


def test_without_its_key_the_step_fails_and_says_so(shop: Workshop) -> None:
    """The Secret holds something else."""
    wanted = document(shop.write(flights_table())) | {"signed": True}
    shop.run("validate", wanted)
    ended = shop.run("train", wanted)

    assert (ended.code, ended.message["field"]) == (64, "spec.signing.secretRef")
