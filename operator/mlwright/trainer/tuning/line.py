"""The way from the workers of a tuning to its coordinator: Optuna's storage proxy over gRPC.

The coordinator keeps the study in a journal, and leaves its address beside it in the run's folder. Whoever loses it
looks for the address again: another pod has another one.
"""

import logging
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import grpc
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, GrpcStorageProxy, run_grpc_proxy_server

from mlwright.trainer.copies import Copies
from mlwright.trainer.errors import SurroundingsError

logger = logging.getLogger(__name__)

ADDRESS: Final = "tune.address"
PORT: Final = 8765
PATIENCE: Final = 300.0
"""Seconds in which a coordinator that died is expected to be back: a pod, an image, a volume."""
_PAUSE: Final = 1.0
_LOST: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED})


class OverError(Exception):
    """The coordinator has ended, and so has the tuning."""


def serve(storage: BaseStorage, run: Path, copies: Copies) -> None:
    """Let workers use the storage, from a thread that ends with the process, and tell them where."""
    host = own_host()
    everywhere = "[::]" if ":" in host else "0.0.0.0"  # noqa: S104  # who may reach the pod is a matter of policies
    server = threading.Thread(target=_run_server, args=(storage, everywhere, PORT), daemon=True)
    server.start()
    draft = run / f".{ADDRESS}"
    draft.write_text(f"{host} {PORT}", encoding="ascii")
    draft.rename(run / ADDRESS)
    copies.send(run / ADDRESS)


def _run_server(storage: BaseStorage, host: str, port: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        run_grpc_proxy_server(storage, host=host, port=port)


def own_host() -> str:
    """The address of this machine, as others reach it; of a pod that is its IP."""
    host = str(socket.getaddrinfo(socket.gethostname(), None)[0][4][0])
    return f"[{host}]" if ":" in host else host


def dial(run: Path, copies: Copies, *, over: Callable[[], bool], patience: float = PATIENCE) -> BaseStorage:
    """The coordinator's storage, found again whenever it is lost.

    Args:
        run: The run's folder.
        copies: Where it is kept.
        over: Whether the tuning has ended.
        patience: Seconds after which a lost coordinator is given up.
    """
    return cast("BaseStorage", _Line(run, copies, over, patience))


class _Line:
    """Speaks like a storage; every call is repeated until somebody answers."""

    def __init__(self, run: Path, copies: Copies, over: Callable[[], bool], patience: float) -> None:
        self._run = run
        self._copies = copies
        self._over = over
        self._patience = patience
        self._proxy: GrpcStorageProxy | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        return call

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        until = time.monotonic() + self._patience
        while True:
            try:
                return getattr(self._connected(), name)(*args, **kwargs)
            except (grpc.RpcError, OSError) as problem:
                if isinstance(problem, grpc.RpcError) and problem.code() not in _LOST:
                    raise
            self._hang_up()
            if self._over():
                raise OverError
            if time.monotonic() > until:
                raise SurroundingsError(f"the coordinator of the tuning was not reached in {self._patience:g} s")
            logger.info("looking for the coordinator of the tuning")
            time.sleep(_PAUSE)

    def _connected(self) -> GrpcStorageProxy:
        if self._proxy is None:
            self._copies.fetch(self._run / ADDRESS)
            host, port = (self._run / ADDRESS).read_text(encoding="ascii").split()
            # Pods speak to each other without the proxy of a company; gRPC looks for the lower-case name.
            os.environ["no_grpc_proxy"] = host.strip("[]")  # noqa: SIM112
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                self._proxy = GrpcStorageProxy(host=host, port=int(port))
        return self._proxy

    def _hang_up(self) -> None:
        if self._proxy is not None:
            self._proxy.close()
        self._proxy = None
