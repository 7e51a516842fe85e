"""A real Prometheus, of the distribution's package, with a past that is written for it or targets that it scrapes."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.commands import run
from cluster.locks import locked
from cluster.paths import cache_root
from mlwright.plan.measuring import Series
from tests.support.waiting import eventually, stop

_HOME: Final = cache_root() / "prometheus"


def program(name: str = "prometheus") -> Path:
    """Return a program of the package: the installed one, else one that was unpacked into the cache."""
    if found := shutil.which(name):
        return Path(found)
    wanted = _HOME / "usr" / "bin" / name
    with locked(_HOME.parent / ".prometheus.lock", waiting_for="another run that unpacks Prometheus"):
        if not wanted.exists():
            _unpack()
    return wanted


def _unpack() -> None:
    """Take the package apart without installing it, which would start a service."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # where the package manager's own user writes
        run("updating the package lists", ["apt-get", "-qq", "update"])
        run("downloading Prometheus", ["apt-get", "-qq", "download", "prometheus"], cwd=Path(folder))
        (package,) = Path(folder).glob("*.deb")
        run("unpacking Prometheus", ["dpkg-deb", "-x", str(package), str(_HOME)])


@contextmanager
def prometheus(
    folder: Path,
    *,
    targets: Iterable[Mapping[str, Any]] = (),
    configuration: Mapping[str, Any] | None = None,
    past: Iterable[tuple[str, Series]] = (),
    secure: Path | None = None,
) -> Iterator[str]:
    """Run a Prometheus; its address is given.

    Args:
        folder: An empty folder for its data.
        targets: What it scrapes twice a second: entries of static_configs.
        configuration: All that it does instead.
        past: What it holds already: names and samples.
        secure: Folder with tls.crt, tls.key and the ca.crt of those who may ask; None for plain HTTP.
    """
    data = folder / "data"
    _write_past(folder, data, past)
    usual = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "400ms"},
        "scrape_configs": [{"job_name": "models", "static_configs": [dict(target) for target in targets]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(configuration or usual)), encoding="utf-8")
    port = _free_port()
    command = [
        str(program()),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        *([f"--web.config.file={_web(folder, secure)}"] if secure else []),
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            eventually(partial(_ready, port, _trust(secure) if secure else None), "Prometheus is ready")
            yield f"{'https' if secure else 'http'}://localhost:{port}"
        finally:
            stop(process, "Prometheus")


def _web(folder: Path, secure: Path) -> Path:
    files = {"cert_file": "tls.crt", "key_file": "tls.key", "client_ca_file": "ca.crt"}
    server = {name: str(secure / file) for name, file in files.items()} | {
        "client_auth_type": "RequireAndVerifyClientCert"
    }
    (folder / "web.yml").write_text(yaml.safe_dump({"tls_server_config": server}), encoding="utf-8")
    return folder / "web.yml"


def _write_past(folder: Path, data: Path, past: Iterable[tuple[str, Series]]) -> None:
    lines = [line for metric, series in past for line in _lines(metric, series)]
    if not lines:
        return
    kinds = sorted({f"# TYPE {metric.removesuffix('_total')} counter" for metric, _ in past})
    text = "\n".join([*kinds[:1], *lines, "# EOF", ""])
    (folder / "past.txt").write_text(text, encoding="utf-8")
    command = [
        str(program("promtool")),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "-q",
        str(folder / "past.txt"),
        str(data),
    ]
    run("writing the past", command)


def _lines(metric: str, series: Series) -> Iterator[str]:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in series.labels.items())
    for time, value in series.samples:
        yield f"{metric}{{{labels}}} {_spelled(value)} {time:.3f}"


def _spelled(value: float) -> str:
    return {"nan": "NaN", "inf": "+Inf"}.get(repr(value), repr(value))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _trust(secure: Path) -> ssl.SSLContext:
    trust = ssl.create_default_context(cafile=secure / "ca.crt")
    trust.load_cert_chain(secure / "tls.crt", secure / "tls.key")
    return trust


def _ready(port: int, trust: ssl.SSLContext | None) -> bool | None:
    secure = partial(http.client.HTTPSConnection, context=trust) if trust else http.client.HTTPConnection
    connection = secure("localhost", port, timeout=2)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200 or None
    except OSError:
        return None
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
