"""Signing a bundle with the key that the pipeline names, with the library of OpenSSF.

Signed is what a server reads: the manifest and every file that it vouches for. The page and the record of the run are
for people; the page is written later. The library is imported where it is used, because that takes a second.
"""

import tempfile
from pathlib import Path
from typing import Any, Final

from mlwright.bundle.manifest import RUN_RECORD
from mlwright.bundle.signatures import SIGNATURE, fingerprint, on_curve
from mlwright.trainer.errors import UserError

VARIABLE: Final = "MLWRIGHT_SIGNING_KEY"
"""Variable with the PEM of the private key; the kubelet reads it from the Secret."""
FIELD: Final = "spec.signing.secretRef"
UNSIGNED: Final = (SIGNATURE, RUN_RECORD, "report.html")


def sign(folder: Path, private_key: str) -> str:
    """Sign a bundle, and return the fingerprint of the public key.

    Args:
        folder: The bundle, complete.
        private_key: PEM of a key on P-256, P-384 or P-521 without a password.

    Raises:
        UserError: It is no such key.
        OSError: The signature cannot be written.
    """
    key = _private(private_key)
    from model_signing import hashing, signing  # noqa: PLC0415 - see above

    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # readable by its owner alone
        file.write(private_key)
        file.flush()
        ignoring = hashing.Config().set_ignored_paths(paths=UNSIGNED, ignore_git_paths=False)
        config = signing.Config().use_elliptic_key_signer(private_key=file.name).set_hashing_config(ignoring)
        config.sign(folder, folder / SIGNATURE)
    return fingerprint(key.public_key())


def _private(pem: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        return on_curve(load_pem_private_key(pem.encode(), None))
    except (TypeError, ValueError):  # TypeError for one that needs a password
        problem = "the key of the Secret is no PEM of a private key without password on P-256, P-384 or P-521"
        remedy = "make one with: openssl ecparam -genkey -name prime256v1 -noout"
        raise UserError(FIELD, problem, remedy) from None
