"""What the agent asks of the cluster: facts, a pod for a model that sleeps, and a place to say what it follows."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Final

from mlwright.constants import ANNOTATION_FOLLOWED, ANNOTATION_WAKES, ROUTER_NAME
from mlwright.router.agent import Facts
from mlwright.router.document import read
from mlwright.router.kube import UNMET, Body, Kube, KubeError
from mlwright.router.world import World

AGAIN: Final = 2.0
"""Seconds until a report that failed is tried again."""

logger = logging.getLogger("mlwright.router")


class Cluster:
    """The cluster as the agent of one pod sees it."""

    def __init__(self, kube: Kube, namespace: str, pod: str, changed: Callable[[], None]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._pod = pod
        self._world = World(kube, namespace, changed)
        self._wrong: dict[str, str] = {}
        self._asks: dict[str, str] = {}

    async def keep(self) -> None:
        """Follow the cluster; never returns."""
        await self._world.keep()

    def facts(self) -> Facts | None:
        """Return what is known; None before everything was listed once."""
        if not self._world.synced:
            return None
        texts = self._world.texts()
        routes, wrong = read(texts)
        for model, sentence in wrong.items():
            if self._wrong.get(model) != sentence:
                logger.error("a route cannot be followed", extra={"model": model, "error": sentence})
        self._wrong = wrong
        return Facts(routes, self._world.endpoints(), texts)

    async def wake(self, model: str, sleep: str) -> None:
        """Ask for one pod: through the scale subresource, or of the operator where that put the model to sleep."""
        try:
            woken = await (self._ask(model, sleep) if sleep else self._scale(model))
        except KubeError as error:
            logger.warning("a model could not be woken", extra={"model": model, "error": str(error)})
            return
        logger.info("woke a model that is asked for" if woken else "a model is awake already", extra={"model": model})

    async def _scale(self, model: str) -> bool:
        """Set the scale from none to one; False where somebody has set it meanwhile, whose number stands."""
        path = f"/apis/mlwright.dev/v1alpha1/namespaces/{self._namespace}/modeldeployments/{model}/scale"
        asleep = {"op": "test", "path": "/spec", "value": {}}  # a Scale of 0 leaves its number out
        try:
            await self._kube.steps(path, asleep, {"op": "add", "path": "/spec/replicas", "value": 1})
        except KubeError as error:
            # The status is also that of an object which breaks a rule of its kind that came after it.
            if error.status == UNMET and (await self._kube.get(path))["spec"].get("replicas"):
                return False
            raise
        return True

    async def _ask(self, model: str, sleep: str) -> bool:
        """Say which sleep somebody wants to end; what was said of models that are gone goes with it."""
        known = self._world.texts().keys() | {model}
        self._asks = {name: told for name, told in (self._asks | {model: sleep}).items() if name in known}
        await self._say({f"{ANNOTATION_WAKES}{self._pod}": _compact(self._asks)})
        return True

    async def _say(self, annotations: Body) -> None:
        path = f"/api/v1/namespaces/{self._namespace}/services/{ROUTER_NAME}"
        await self._kube.merge(path, {"metadata": {"annotations": annotations}})

    async def report(self, applied: Callable[[], Mapping[str, str]], changed: asyncio.Event) -> None:
        """Say which routes this pod follows, whenever that changes and whenever it is not what stands there."""
        while True:
            patch = reported(self._world.annotations(ROUTER_NAME), self._pod, applied(), self._world.pods(ROUTER_NAME))
            if patch and self._world.synced:
                try:
                    await self._say(patch)
                except KubeError as error:
                    logger.warning("what is followed could not be told", extra={"error": str(error)})
                    await asyncio.sleep(AGAIN)
            try:
                async with asyncio.timeout(AGAIN):
                    await changed.wait()
            except TimeoutError:
                pass
            changed.clear()


def reported(annotations: Mapping[str, str], pod: str, applied: Mapping[str, str], pods: frozenset[str]) -> Body:
    """Return the change of annotations that says what a pod follows; empty when it is said already.

    Those of pods that are gone are taken away, by a pod that knows that it is itself among those that are there.
    """
    key, text = f"{ANNOTATION_FOLLOWED}{pod}", _compact(applied)
    patch: Body = {} if annotations.get(key) == text else {key: text}
    if pod in pods:
        patch |= dict.fromkeys(name for name in annotations if (of := _speaker(name)) and of not in pods)
    return patch


def _speaker(annotation: str) -> str:
    """Return the pod that says something in an annotation; empty for any other annotation."""
    said = (prefix for prefix in (ANNOTATION_FOLLOWED, ANNOTATION_WAKES) if annotation.startswith(prefix))
    return next((annotation.removeprefix(prefix) for prefix in said), "")


def _compact(told: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(told.items())), separators=(",", ":"))
