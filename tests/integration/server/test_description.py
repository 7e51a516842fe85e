"""Whatever is asked of a real server: an answer that its own OpenAPI description tells of, and it goes on serving."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.bundles import Bundle, write_flight_bundle
from tests.support.serving import ServerProcess

BASE = "/v2/models/flights"
ASKED = ("/predict", f"{BASE}/predict", f"{BASE}/infer", f"{BASE}/feedback")
PROGRAM = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 25
LEAST_ASKED = 300
many = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes feedback."""
    place = tmp_path_factory.mktemp("described")
    found: Bundle = write_flight_bundle(place / "pvc/artifacts/flights")
    (place / "keys").mkdir()
    (place / "keys/one").write_text(token_hex(32))
    told = {
        "MLWRIGHT_MOUNT_ROOT": str(place),
        "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
        "MLWRIGHT_BUNDLE_DIGEST": found.digest,
        "MLWRIGHT_FEEDBACK_KEYS": str(place / "keys"),
    }
    with ServerProcess(told, place / "server.log") as server:
        yield server.ready()


def test_the_server_is_as_it_describes_itself(server: ServerProcess, tmp_path: Path) -> None:
    """Schemathesis asks what the description allows and what it forbids, by body, header and method.

    What fits is answered, what does not is refused; statuses, headers and bodies are as described, and none is an error
    of the server. The seed is fixed; what fails is shown with a command that asks it again.
    """
    done = subprocess.run(
        [
            *(str(PROGRAM), "--config-file", str(CONFIG), "run", f"http://127.0.0.1:{server.port}/openapi.json"),
            *("--seed", "1", "--max-examples", str(EXAMPLES), "--generation-database", "none", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) generated", done.stdout)[0]) >= LEAST_ASKED
    assert server.ask("GET", "/v2/health/ready")[0] == 200


@many
@given(path=st.sampled_from(ASKED), body=st.binary(max_size=200))
def test_what_is_no_json_is_refused(server: ServerProcess, path: str, body: bytes) -> None:
    """Whatever bytes come."""
    with suppress(ValueError):
        json.loads(body)
        return
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", path, body=body)
    answer = connection.getresponse()

    assert (answer.status, list(json.loads(answer.read()))) == (400, ["error"])
    connection.close()
