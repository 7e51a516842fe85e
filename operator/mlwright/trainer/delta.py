"""Delta tables: what one version of a table holds, read through the library of the Delta project."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import deltalake
import pyarrow as pa
from deltalake.exceptions import DeltaError, TableNotFoundError

from mlwright.bundle import addresses
from mlwright.bundle.addresses import Address
from mlwright.trainer.errors import DATASET_MISSING, UserError
from mlwright.trainer.files import DataFile
from mlwright.trainer.s3 import CONNECT_SECONDS, KEYS, REGION, REQUEST_SECONDS, brings_own, check_keys, meaning, reader
from mlwright.trainer.step import Dataset, Storage

URI: Final = "spec.dataset.uri"
REVISION: Final = "spec.dataset.revision"


def table_at(dataset: Dataset, address: Address, root: Path, env: Mapping[str, str]) -> DataFile:
    """The table as one file that is read as an Arrow dataset; its revision is the version of the table.

    Args:
        dataset: Which version, and how to get there.
        address: Where the table lies.
        root: The mount root.
        env: The environment, which holds the keys of an object store.

    Raises:
        UserError: There is no table or no such version, the store does not answer or refuses, or the table needs more
            of a reader than this one knows.
    """
    explain = _explainer(dataset, address, reader(dataset.storage, env))
    place, options = _place(dataset.storage, address, root, env)
    if address.is_mounted and not (Path(place) / "_delta_log").is_dir():
        raise _absent(address)
    try:
        table = deltalake.DeltaTable(place, version=_version(dataset), storage_options=options)
        content = table.to_pyarrow_dataset()
        size = sum(pa.table(table.get_add_actions(flatten=True)).column("size_bytes").to_pylist())
    except (DeltaError, OSError, ValueError) as problem:
        raise explain(problem) or problem from None
    version = str(table.version())
    return DataFile(address.name, size, lambda: version, lambda: content, lambda: content, explain)


def _version(dataset: Dataset) -> int | None:
    return int(dataset.revision) if dataset.revision else None


def _place(storage: Storage, address: Address, root: Path, env: Mapping[str, str]) -> tuple[str, dict[str, str] | None]:
    """Where the library finds the table, and what it needs to get there."""
    if address.is_mounted:
        return str(addresses.locate(address, root)), None
    if storage.ca_bundle:
        raise UserError(
            "spec.dataset.storage.caBundleRef",
            "is not used for Delta tables, whose reader trusts public authorities only",
            "use a publicly trusted certificate or plain http, or read Parquet files",
        )
    check_keys(storage, env)
    options = {
        **_access(storage, env),
        "AWS_REGION": storage.region or REGION,
        "AWS_ALLOW_HTTP": "true",
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "timeout": f"{REQUEST_SECONDS}s",
        "max_retries": "3",
        "retry_timeout": f"{REQUEST_SECONDS}s",
    }
    if storage.endpoint:
        options["AWS_ENDPOINT_URL"] = storage.endpoint
    return f"s3://{address.volume}/{address.path}", options


def _access(storage: Storage, env: Mapping[str, str]) -> dict[str, str]:
    """Whose rights are used: what the pod brings itself the library finds by itself."""
    if storage.secret:
        return {name: env[name] for name in KEYS}
    return {} if brings_own(env) else {"AWS_SKIP_SIGNATURE": "true"}


def _explainer(dataset: Dataset, address: Address, who: str) -> Callable[[Exception], Exception | None]:
    def explain(problem: Exception) -> Exception | None:
        said = str(problem)
        if isinstance(problem, TableNotFoundError):
            return _absent(address)
        if dataset.revision and "version" in said.lower():
            return UserError(
                REVISION,
                f"the table at {address} has no version {dataset.revision} that can still be read",
                "name a version of its history, or leave the field out for the newest",
            )
        if not address.is_mounted and (found := meaning(said, dataset.storage, address.volume, who)):
            return found
        if isinstance(problem, DeltaError):
            return UserError(
                "spec.dataset.format",
                f"the table at {address} cannot be read as a Delta table by this reader",
                "write it without deletion vectors and column mapping, or as Parquet files",
            )
        return None

    return explain


def _absent(address: Address) -> UserError:
    return UserError(
        URI,
        f"there is no Delta table at {address}",
        "write it, or correct the address",
        reason=DATASET_MISSING,
    )
