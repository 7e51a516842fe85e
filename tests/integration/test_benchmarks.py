"""What benchmarks start, and what is left of it when somebody ends them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from sklearn.linear_model import LogisticRegression

from bench.asking import ask
from bench.cores import one_core
from bench.server import _ours as benched
from bench.trained import Trained
from tests.support.bundles import write_sklearn_bundle
from tests.support.waiting import eventually, exit_code

STAND_IN = """\
    #!{python}
    import json, sys
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from pathlib import Path

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

    settings = json.loads(Path(sys.argv[2], "settings.json").read_text())
    HTTPServer(("127.0.0.1", settings["http_port"]), Ready).serve_forever()
"""

BENCHMARK = """\
    import sys, time
    from pathlib import Path
    from bench import mlserver
    from bench.figures import Benchmark

    folder = Path(sys.argv[1])
    mlserver.environment = lambda lock: folder / "python"

    def phase():
        with mlserver.serving(folder / "served", folder, {}, 0) as (pid, _):
            (folder / "written").write_text(str(pid))
            (folder / "written").rename(folder / "pid")
            time.sleep(600)

    Benchmark("none", "nothing", {}).run({"phase": phase}, [])
"""


def test_our_server_is_measured_with_all_that_an_answer_can_bear(tmp_path: Path) -> None:
    """With bins and prediction ids: figures of a server that does less would be no promise."""
    bundle = write_sklearn_bundle(tmp_path / "store/pvc/artifacts/model", LogisticRegression())
    row = {f"f{place}": 0.5 for place in range(4)}
    trained = Trained(tmp_path / "store", "pvc://artifacts/model", bundle.digest, (row,), tmp_path / "none")

    with one_core() as core, benched(trained, tmp_path, core) as (server, asked):
        answer = ask(server.port, asked.requests[0])

        assert asked.one_by_one(3)
    assert asked.right(answer, 0)
    assert not asked.right(answer | {"parameters": {}}, 0)


def test_a_benchmark_that_is_told_to_end_takes_the_reference_server_along(tmp_path: Path) -> None:
    """SIGTERM, as from `timeout` or a CI job, leaves nothing that would slow down the next benchmark."""
    (tmp_path / "mlserver").write_text(dedent(STAND_IN).format(python=sys.executable))
    (tmp_path / "mlserver").chmod(0o755)
    benchmark = subprocess.Popen([sys.executable, "-c", dedent(BENCHMARK), tmp_path])
    written = tmp_path / "pid"
    pid = eventually(lambda: int(written.read_text()) if written.exists() else None, "the reference server is up", 60)

    benchmark.send_signal(signal.SIGTERM)
    code = exit_code(benchmark, "the benchmark has ended")

    assert code == 128 + signal.SIGTERM
    assert not Path(f"/proc/{pid}").exists()
