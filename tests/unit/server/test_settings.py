"""What the server reads from its environment, and the sentence for each variable that is wrong."""

from __future__ import annotations

import pytest

from mlwright.server.failures import UnservableError
from mlwright.server.settings import Identity, Settings

DIGEST = "sha256:" + "0" * 64
LEAST = {
    "MLWRIGHT_MODEL_NAME": "flights",
    "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
    "MLWRIGHT_BUNDLE_DIGEST": DIGEST,
}


def test_three_variables_are_enough() -> None:
    """A laptop needs a name, an address and a digest; everything else has a default."""
    settings = Settings.from_env({**LEAST, "MLWRIGHT_CPU_LIMIT": "1"})

    assert settings == Settings(
        identity=Identity(deployment="flights", model="flights", version="local", revision="local"),
        bundle_uri="pvc://artifacts/flights",
        bundle_digest=DIGEST,
        port=8080,
        drain_seconds=10.0,
        timeout_seconds=30.0,
        max_body_bytes=4 * 1024 * 1024,
        cpus=1.0,
    )


def test_every_variable_is_read() -> None:
    """What the pod says wins over every default."""
    settings = Settings.from_env(
        LEAST
        | {
            "MLWRIGHT_MODEL": "delays",
            "MLWRIGHT_MODEL_VERSION": "delays-7",
            "MLWRIGHT_REVISION": "a1b2c3d4",
            "MLWRIGHT_PORT": "9000",
            "MLWRIGHT_DRAIN": "0",
            "MLWRIGHT_TIMEOUT": "2.5",
            "MLWRIGHT_MAX_BODY_BYTES": "1000",
            "MLWRIGHT_CPU_LIMIT": "2.5",
            "MLWRIGHT_VERIFY_KEYS": '{"team": "PEM"}',
            "MLWRIGHT_ALLOW_UNSAFE_FORMATS": "true",
        }
    )

    assert settings.identity == Identity("flights", "delays", "delays-7", "a1b2c3d4")
    assert (settings.port, settings.drain_seconds, settings.timeout_seconds) == (9000, 0.0, 2.5)
    assert (settings.max_body_bytes, settings.cpus) == (1000, 2.5)
    assert settings.verify_keys == {"team": "PEM"}
    assert settings.allow_unsafe_formats


WRONG = {
    "a flag that is neither": ("MLWRIGHT_ALLOW_UNSAFE_FORMATS", "yes", "expected true or false"),
    "no name": ("MLWRIGHT_MODEL_NAME", "", "MLWRIGHT_MODEL_NAME is not set"),
    "no address": ("MLWRIGHT_BUNDLE_URI", "", "MLWRIGHT_BUNDLE_URI is not set"),
    "a name with a slash": ("MLWRIGHT_MODEL_NAME", "a/b", "expected letters, digits, dots, dashes and underscores"),
    "a version that breaks a label": ("MLWRIGHT_MODEL_VERSION", 'a"b', "MLWRIGHT_MODEL_VERSION is 'a\"b'"),
    "half a digest": ("MLWRIGHT_BUNDLE_DIGEST", "sha256:00", "expected sha256: followed by 64 hexadecimal digits"),
    "a port that is none": ("MLWRIGHT_PORT", "http", "MLWRIGHT_PORT is 'http': expected a port number from 0 to 65535"),
    "a port too high": ("MLWRIGHT_PORT", "65536", "expected a port number"),
    "a negative drain": ("MLWRIGHT_DRAIN", "-1", "expected a number of seconds, 0 or more"),
    "an endless drain": ("MLWRIGHT_DRAIN", "inf", "expected a number of seconds, 0 or more"),
    "a drain in words": ("MLWRIGHT_DRAIN", "10s", "expected a number of seconds, 0 or more"),
    "no time at all": ("MLWRIGHT_TIMEOUT", "0", "expected a number above 0"),
    "a size with a unit": ("MLWRIGHT_MAX_BODY_BYTES", "4Mi", "expected a whole number of bytes above 0"),
    "keys in a list": ("MLWRIGHT_VERIFY_KEYS", "[]", "MLWRIGHT_VERIFY_KEYS is '[]': expected a JSON object of PEMs"),
    "no CPU": ("MLWRIGHT_CPU_LIMIT", "0", "MLWRIGHT_CPU_LIMIT is '0': expected a number above 0"),
}


@pytest.mark.parametrize("variable, value, sentence", WRONG.values(), ids=WRONG.keys())
def test_names_the_variable_that_is_wrong(variable: str, value: str, sentence: str) -> None:
    """Whoever reads the termination message knows which variable to change."""
    with pytest.raises(UnservableError) as caught:
        Settings.from_env({**LEAST, variable: value})

    assert sentence in str(caught.value)
