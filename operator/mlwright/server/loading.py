"""From an address and a digest to a model that is ready to answer: loaded, proven, and warm."""

import time
from pathlib import Path

from mlwright.bundle.errors import BRING_BACK, AddressError, AnotherBundleError, BundleError
from mlwright.bundle.golden import GoldenRow
from mlwright.bundle.loading import prove
from mlwright.bundle.manifest import Core
from mlwright.bundle.profile import read_profile
from mlwright.process.threads import pool_size
from mlwright.server.agreement import golden_question
from mlwright.server.failures import UnservableError
from mlwright.server.keeping import private_copy
from mlwright.server.model import Model
from mlwright.server.settings import Settings
from mlwright.server.signature import check_apart
from mlwright.server.wire import Head

# The event loop may be held up this long by one request; a switch to a thread costs a tenth of it.
CHEAP_SECONDS = 0.002

_WARM_UPS = 20
_WARM_UP_HEAD = Head("POST", "", {})
_RETRAIN = "train the model again, or serve another version"


def load(settings: Settings, mount_root: Path) -> Model:
    """Fetch, check, load, test and warm up a model.

    Raises:
        UnservableError: The bundle is absent, damaged, not the one asked for, or does not answer as it should.
        OSError: The store failed; another try may succeed.
    """
    try:
        with private_copy(settings, mount_root) as (manifest, folder):
            if settings.verify_keys:
                check_apart(folder, settings.verify_keys)
            return _warm(settings, manifest.core, folder)
    except AddressError as problem:
        raise UnservableError(str(problem)) from problem
    except AnotherBundleError as problem:
        field = settings.bundle_field(problem.member)
        raise UnservableError(f"{settings.bundle_uri}: {problem} ({field}); {BRING_BACK}") from problem
    except BundleError as problem:
        raise UnservableError(f"{settings.bundle_uri}: {problem}; {_RETRAIN}") from problem


def _warm(settings: Settings, core: Core, folder: Path) -> Model:
    predictor, rows = prove(core, folder, threads=pool_size(settings.cpus), unsafe=settings.allow_unsafe_formats)
    model = Model(settings.identity, core, predictor)
    model.profile = read_profile(folder)
    model.cheap_bytes = _warm_up(model, rows[0])
    return model


def _warm_up(model: Model, row: GoldenRow) -> int:
    """Answer a request until the first-time costs are paid; the size of body that is cheap at the speed seen."""
    body = golden_question(row, model.signature)
    seconds = min(_timed(model, body) for _ in range(_WARM_UPS))
    return int(len(body) * CHEAP_SECONDS / seconds) if seconds <= CHEAP_SECONDS else 0


def _timed(model: Model, body: bytes) -> float:
    started = time.perf_counter()
    model.infer(_WARM_UP_HEAD, body)
    return time.perf_counter() - started
