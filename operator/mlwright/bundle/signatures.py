"""Checking the signature of a bundle: OpenSSF model signing, version 1, with keys on elliptic curves.

A signature is a DSSE envelope around an in-toto statement that names every signed file with its SHA-256, in the JSON of
a Sigstore bundle. The trainer signs with the library of OpenSSF; that brings 35 packages and takes a second to import,
so what serves checks with nothing but `cryptography`, and tests hold the two against each other.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlwright.bundle.canonical import sha256_of_file
from mlwright.bundle.errors import BundleError

SIGNATURE: Final = "model.sig"
"""Name of the signature in a bundle, as the tools of OpenSSF call it."""
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
LARGEST: Final = 1 << 20
"""Bytes of a signature that are read; one names a handful of files."""
_PAYLOAD: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature holds; nothing of it is proven yet."""

    signer: str
    """Fingerprint of the key that is said to have made it."""
    payload: bytes
    signature: bytes


def fingerprint(key: Any) -> str:
    """The fingerprint of a public key of `cryptography`: SHA-256 of its PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - only if asked

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(pem).hexdigest()}"


def check(folder: Path, keys: Mapping[str, str]) -> str:
    """Return the name of the key with which all files of a bundle are signed.

    Args:
        folder: The files of the bundle that are read, and its signature.
        keys: PEM of the public keys that are trusted, by name.

    Raises:
        BundleError: There is no signature, it is by another key, or it does not hold for these files.
        OSError: A file cannot be read.
    """
    trusted = {fingerprint(key): (name, key) for name, key in _public_keys(keys).items()}
    wanted = f"the Model asks for one of the keys {', '.join(sorted(keys))} (spec.verify.keys)"
    signed = _read(folder / SIGNATURE, wanted)
    if signed.signer not in trusted:
        raise BundleError(f"it is signed with another key ({signed.signer}), and {wanted}")
    name, key = trusted[signed.signer]
    if not _is_by(key, signed):
        raise BundleError(f"its signature with the key {name} is forged or was changed, and {wanted}")
    for path in sorted(folder.iterdir()):
        if path.name != SIGNATURE and _files(signed).get(path.name) != sha256_of_file(path):
            raise BundleError(f"{path.name} is not as it was signed with the key {name}, and {wanted}")
    return name


def _public_keys(keys: Mapping[str, str]) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    found = {}
    for name, pem in keys.items():
        try:
            found[name] = on_curve(load_pem_public_key(pem.encode()))
        except ValueError as problem:
            sentence = (
                f"the key {name} (spec.verify.keys of the Model) is no PEM of a public key on P-256, P-384 or P-521"
            )
            raise BundleError(sentence) from problem
    return found


def on_curve(key: Any) -> Any:
    """Return a key of `cryptography` if it is on one of the curves.

    Raises:
        ValueError: It is of another kind.
    """
    if getattr(getattr(key, "curve", None), "name", "") not in CURVES:
        raise ValueError("a key of another kind")
    return key


def _read(path: Path, wanted: str) -> Signed:
    try:
        with path.open("rb") as stream:
            told = json.loads(stream.read(LARGEST))
        envelope = told["dsseEnvelope"]  # its type is part of what is signed, so a wrong one is found there
        return Signed(
            signer=f"sha256:{told['verificationMaterial']['publicKey']['hint']}"[:71],
            payload=base64.b64decode(envelope["payload"], validate=True),
            signature=base64.b64decode(envelope["signatures"][0]["sig"], validate=True),
        )
    except FileNotFoundError:
        raise BundleError(f"it carries no signature ({SIGNATURE}), and {wanted}") from None
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        raise BundleError(f"its signature ({SIGNATURE}) is damaged, and {wanted}") from None


def _is_by(key: Any, signed: Signed) -> bool:
    """Whether the key made the signature: ECDSA over the pre-authentication encoding of DSSE, version 1."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    by_size = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    encoded = b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(signed.payload), signed.payload)
    try:
        key.verify(signed.signature, encoded, ec.ECDSA(by_size[key.curve.key_size]))
    except InvalidSignature:
        return False
    return True


def _files(signed: Signed) -> dict[str, str]:
    """SHA-256 by name of the files that are signed; empty for a statement about something else."""
    try:
        told = json.loads(signed.payload)
        if (told["_type"], told["predicateType"]) != (_STATEMENT, _PREDICATE):
            return {}
        resources = told["predicate"]["resources"]
        return {entry["name"]: entry["digest"] for entry in resources if entry["algorithm"] == "sha256"}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
