"""The trainer as a process: one step, one result, one exit code."""

import logging
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from mlwright.bundle import addresses
from mlwright.bundle.errors import BRING_BACK, AddressError, BundleError
from mlwright.constants import COUNT, FETCH, FETCH_PAYLOADS, LEARNED, PREDICT, PUBLISH, SEND_PAYLOADS
from mlwright.process.last_words import leave_last_words, termination_log
from mlwright.trainer import disks, own, signing
from mlwright.trainer.artifacts import Artifacts, read_artifacts
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.results import Outcome, Result
from mlwright.trainer.step import Step, StepName
from mlwright.trainer.step_document import VARIABLE, read_dataset, read_run_uri, read_step
from mlwright.trainer.tuning import progress
from mlwright.trainer.workspace import Workspace

logger = logging.getLogger(__name__)

NUMBER: Final = "JOB_COMPLETION_INDEX"
"""Kubernetes tells each pod of an Indexed Job its number in this variable."""
REVISION: Final = "revision"
"""What is no step: a look at the revision of a dataset."""
SWEEP: Final = "sweep"
"""Nor is this: it removes what nothing uses."""
PROGRESS: Final = "progress"
"""What is no step either: a look at how far a tuning is."""
IMPORT: Final = "import"
"""The one step of a run that takes in a model which was trained elsewhere."""
MIRROR: Final = "mirror"
NOTIFY: Final = "notify"
"""What is no step either: it shows versions elsewhere."""
Work = Callable[[Step, Path, Path], tuple[str, dict[str, Any]]]
"""A step: what to do, the mount root, and the folder to write into; its sentence and its results."""
Said = tuple[str, str, dict[str, Any]]
"""What is no step says: for which run it was done, if for any, its sentence and its results."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which attempt of which step of which run this is."""

    step: str
    run: str
    attempt: int


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one step and report it in `result.json`, in the termination message and as the exit code.

    Args:
        arguments: The command line after the program's name: the name of a step, or of what is none.
        env: The environment.

    Returns:
        The exit code: 0, 64 for what the user has to change, 70 for everything else.
    """
    began = time.monotonic()
    name = arguments[0] if len(arguments) == 1 else ""
    result = _report(name, env)
    leave_last_words(termination_log(env), result.termination_message())
    logger.info(
        "the step ended",
        extra={
            "step": name,
            "outcome": str(result.outcome),
            "sentence": result.sentence,
            "field": result.field,
            "remedy": result.remedy,
            "seconds": round(time.monotonic() - began, 2),
            "cpuSeconds": round(time.process_time(), 2),
            "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
    )
    return result.exit_code


def _report(name: str, env: Mapping[str, str]) -> Result:
    if name in own.PARTS:
        return _own(name, env)
    if name in _NO_STEPS:
        return _apart(name, env)
    if name == IMPORT:
        return _import(env)
    root = addresses.mount_root(env)
    try:
        step = replace(read_step(name, env.get(VARIABLE)), signing_key=env.get(signing.VARIABLE, ""))
    except UserError as problem:
        return _failure(problem, name, None, root)
    number = env.get(NUMBER, "0")
    try:
        kept = _fetched(_without_keys(env) if step.dataset.storage.secret else env)
        step = replace(step, copies=kept)
        if step.name is StepName.TUNE and number != "0":
            return _join(step, root, int(number))
        return _run(step, kept, root)
    except Exception as problem:  # noqa: BLE001 - every end of a step is reported
        return _failure(problem, name, Place(step.name, step.run.name, step.run.attempt), root)


def _fetched(env: Mapping[str, str]) -> Artifacts:
    """Fetch what this pod works on, where runs lie in an object store.

    Raises:
        UserError: The store refuses, or is away.
    """
    artifacts = read_artifacts(env, addresses.mount_root(env))
    artifacts.fetch_wanted()
    return artifacts


def _without_keys(env: Mapping[str, str]) -> Mapping[str, str]:
    """The environment without the keys of the data, which are nobody's for the artifacts."""
    return {name: value for name, value in env.items() if name not in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}}


def _join(step: Step, root: Path, number: int) -> Result:
    """Do trials for a tuning; its result is the coordinator's to write."""
    return cast("Result", import_module("mlwright.trainer.tune").join(step, root, number))


def _own(part: str, env: Mapping[str, str]) -> Result:
    """Do what stands before or behind a container of somebody's own."""
    root = addresses.mount_root(env)
    try:
        task, kept = own.read_task(env), _fetched(env)
        result = own.PARTS[part](task, root)
        if part == own.SEAL:
            result = kept.keep(task.workspace(root), result)
    except Exception as problem:  # noqa: BLE001 - as above
        return _failure(problem, part, None, root)
    return result


def _import(env: Mapping[str, str]) -> Result:
    """Take in a model that was trained elsewhere."""
    place, root = None, addresses.mount_root(env)
    try:
        work = import_module("mlwright.trainer.imports.work")
        task = import_module("mlwright.trainer.imports.task").read_task(env.get(VARIABLE))
        place = Place(IMPORT, task.run, task.attempt)
        where, kept = work.workspace(task, root), _fetched(env)
        return _recorded(place, where, kept, root, lambda folder: work.take_in(task, folder, env))
    except Exception as problem:  # noqa: BLE001 - as above
        return _failure(problem, IMPORT, place, root)


def _apart(name: str, env: Mapping[str, str]) -> Result:
    """Do what is no step: it reports as steps do, and leaves no result in the folder of a run."""
    try:
        run, sentence, results = _NO_STEPS[name](env)
    except Exception as problem:  # noqa: BLE001 - as above
        return _failure(problem, name, None, addresses.mount_root(env))
    return Result(name, run, 0, Outcome.SUCCEEDED, sentence, results)


def _look(env: Mapping[str, str]) -> Said:
    """Look at the dataset alone: this belongs to no run and writes nothing."""
    look = import_module("mlwright.trainer.revisions").look
    return "", *look(read_dataset(env.get(VARIABLE)), addresses.mount_root(env))


def _sweep(env: Mapping[str, str]) -> Said:
    """Remove what nothing uses: this belongs to no run either."""
    task, root = import_module("mlwright.trainer.sweep_task").read_task(env), addresses.mount_root(env)
    return "", *import_module("mlwright.trainer.sweep").sweep(task, root, stores=read_artifacts(env, root).stores)


def _progress(env: Mapping[str, str]) -> Said:
    """Look at how far the tuning of a run is; this writes nothing either."""
    _fetched(env)
    address = addresses.parse(read_run_uri(env.get(VARIABLE)), field="runUri", schemes=addresses.DATA)
    return "", *progress.look(addresses.locate(address, addresses.mount_root(env)))


def _mirror(env: Mapping[str, str]) -> Said:
    """Show versions in MLflow: this belongs to no run and writes nothing here."""
    show = import_module("mlwright.trainer.mirror").show
    return "", *show(env.get(VARIABLE), env, addresses.mount_root(env))


def _notify(env: Mapping[str, str]) -> Said:
    """Tell somebody of something: this belongs to no run and writes nothing."""
    return "", *import_module("mlwright.trainer.notify").tell(env.get(VARIABLE), env)


def _predict(env: Mapping[str, str]) -> Said:
    """Answer the rows of a shard of a batch prediction."""
    task = import_module("mlwright.trainer.batch.task").read_task(env)
    predict = import_module("mlwright.trainer.batch.predict").predict
    return task.run, *predict(task, int(env.get(NUMBER) or 0), addresses.mount_root(env), env)


def _publish(env: Mapping[str, str]) -> Said:
    """Let the answers of a batch prediction appear."""
    task = import_module("mlwright.trainer.batch.task").read_task(env)
    return task.run, *import_module("mlwright.trainer.batch.publish").publish(task, addresses.mount_root(env), env)


def _learned(env: Mapping[str, str]) -> Said:
    """Tell a drift monitor what a version learned."""
    task = import_module("mlwright.trainer.batch.counting_task").read_counting_task(env)
    return task.run, *import_module("mlwright.trainer.batch.count").learned(task, addresses.mount_root(env))


def _count(env: Mapping[str, str]) -> Said:
    """Count stored rows for a drift monitor."""
    task = import_module("mlwright.trainer.batch.counting_task").read_counting_task(env)
    count = import_module("mlwright.trainer.batch.count").count
    return task.run, *count(task, int(env.get(NUMBER) or 0), addresses.mount_root(env), env)


def _fetch(env: Mapping[str, str]) -> Said:
    """Fetch a bundle for a program that has no client of object stores, or may not know the keys."""
    if _there(env):
        return "", "the bundle is there already", {}
    _fetch_bundles(env)
    return "", "the bundle is fetched", {}


def _send_payloads(env: Mapping[str, str]) -> Said:
    """Send the payload log of a server for as long as it answers."""
    return "", *import_module("mlwright.trainer.payloads").send(env)


def _fetch_payloads(env: Mapping[str, str]) -> Said:
    """Fetch recorded requests for a preflight."""
    return "", *import_module("mlwright.trainer.payloads").fetch(env)


def _fetch_bundles(env: Mapping[str, str]) -> None:
    """Fetch bundles, and check the one whose digest is told: who works with it may not check anything.

    Raises:
        UserError: A store refuses or is away, or there is another bundle or none.
    """
    artifacts = read_artifacts(env, addresses.mount_root(env))
    artifacts.fetch_bundles()
    digest = env.get("MLWRIGHT_BUNDLE_DIGEST")
    if digest and not _there(env):
        sentence = f"what lies there is not the bundle {digest}"
        raise UserError(f"{artifacts.stores[0].where}.digest", sentence, BRING_BACK)


def _there(env: Mapping[str, str]) -> bool:
    """Whether the bundle that a server wants is whole at its place: fetched before, or taken from the cache now."""
    digest, cache = env.get("MLWRIGHT_BUNDLE_DIGEST", ""), env.get("MLWRIGHT_CACHE_FOLDER")
    if not digest:
        return False
    address = addresses.parse(env["MLWRIGHT_BUNDLE_URI"], field="MLWRIGHT_BUNDLE_URI", schemes=addresses.ARTIFACTS)
    place = addresses.locate(address, addresses.mount_root(env))
    loading = import_module("mlwright.bundle.loading")
    if cache and not _is_whole(place, digest) and _is_whole(kept := loading.cached(Path(cache), digest), digest):
        place.mkdir(parents=True, exist_ok=True)
        loading.fetch(kept, place, digest)
        loading.fetch_signature(kept, place)
    return _is_whole(place, digest)


def _is_whole(folder: Path, digest: str) -> bool:
    try:
        import_module("mlwright.bundle.verification").verify(folder, digest)
    except (BundleError, OSError):
        return False
    return True


_NO_STEPS: Final[Mapping[str, Callable[[Mapping[str, str]], Said]]] = {
    REVISION: _look,
    SWEEP: _sweep,
    PROGRESS: _progress,
    MIRROR: _mirror,
    NOTIFY: _notify,
    PREDICT: _predict,
    PUBLISH: _publish,
    LEARNED: _learned,
    COUNT: _count,
    FETCH: _fetch,
    SEND_PAYLOADS: _send_payloads,
    FETCH_PAYLOADS: _fetch_payloads,
}


def _run(step: Step, kept: Artifacts, root: Path) -> Result:
    """Run the step, or report the result that is already there."""
    place = Place(step.name, step.run.name, step.run.attempt)
    where = Workspace.of(step, root)
    return _recorded(place, where, kept, root, lambda folder: _work(step.name)(step, root, folder))


def _recorded(
    place: Place,
    workspace: Workspace,
    kept: Artifacts,
    root: Path,
    work: Callable[[Path], tuple[str, dict[str, Any]]],
) -> Result:
    """Do the work and record how it ended, or report the result that is already there."""
    earlier = workspace.finished()
    if earlier:
        logger.info("the step has a result already", extra={"folder": workspace.folder.name})
        return earlier
    folder = workspace.begin()
    try:
        sentence, results = work(folder)
    except Exception as problem:  # noqa: BLE001 - as above
        return _record_failure(workspace, kept, _failure(problem, place.step, place, root))
    done = workspace.publish(Result(place.step, place.run, place.attempt, Outcome.SUCCEEDED, sentence, results))
    return kept.keep(workspace, done)


def _record_failure(workspace: Workspace, kept: Artifacts, failure: Result) -> Result:
    try:
        recorded = kept.keep(workspace, workspace.publish(failure))
    except (OSError, UserError) as problem:  # a full disk or a store that is away must not hide why the step failed
        logger.warning("the failure could not be written", extra={"problem": str(problem)})
        return failure
    return recorded


def _work(name: StepName) -> Work:
    """The function of a step. It is imported here, alone: starting is most of the time of a small run."""
    module = import_module(f"mlwright.trainer.{name}")
    return cast("Work", getattr(module, name))


def _failure(problem: Exception, name: str, place: Place | None, root: Path) -> Result:
    run, attempt = (place.run, place.attempt) if place else ("", 0)
    if isinstance(problem, UserError):
        return Result(
            name,
            run,
            attempt,
            Outcome.USER_ERROR,
            problem.sentence,
            problem.results,
            field=problem.field,
            remedy=problem.remedy,
            reason=problem.reason,
        )
    if isinstance(problem, AddressError):
        return Result(
            name, run, attempt, Outcome.USER_ERROR, problem.sentence, field=problem.field, remedy=problem.remedy
        )
    logger.error("the step failed", exc_info=problem)
    return Result(name, run, attempt, Outcome.FAILED, _sentence(problem, root))


def _sentence(problem: Exception, root: Path) -> str:
    """What went wrong that was not the user's doing. Messages of libraries stay in the log: they may hold data."""
    if isinstance(problem, SurroundingsError):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "the step needs more memory than the pod has: raise spec.pod.resources.limits.memory"
    if isinstance(problem, OSError):
        return disks.in_words(problem, root)
    return f"the step failed unexpectedly with {type(problem).__name__}; its log says more"
