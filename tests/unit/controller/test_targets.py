"""Whom a Prometheus should scrape: the running pods of deployments, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from mlwright.builders import meta
from mlwright.constants import LABEL_REVISION, ROUTER, ROUTER_NAME
from mlwright.controller.cache import Cache
from mlwright.controller.targets import Targets, found, keep
from mlwright.plan.resources import Key

OWNER = Key("ModelDeployment", "shop", "churn")


def pod(name: str, address: str = "10.0.0.7", phase: str = "Running", owner: Key = OWNER) -> dict[str, Any]:
    """A pod of a deployment."""
    labels = meta.owner_labels(owner)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": owner.namespace, "resourceVersion": "1", "labels": labels},
        "status": {"phase": phase, "podIP": address},
    }


def cache(*pods: dict[str, Any]) -> Cache:
    """A cache with one deployment and these pods."""
    known = Cache()
    deployment = {
        "kind": "ModelDeployment",
        "metadata": {"name": "churn", "namespace": "shop", "resourceVersion": "1"},
        "spec": {"model": {"ref": {"name": "churn"}}},
    }
    for body in (deployment, *pods):
        known.put(body)
    return known


def test_running_pods_are_told_with_their_names() -> None:
    """Where they answer, of both versions of IP, and who they are."""
    told = list(found(cache(pod("a"), pod("b", "fd00::7"))))

    assert told == [
        {"targets": ["10.0.0.7:8080"], "labels": {"namespace": "shop", "pod": "a", "__scheme__": "http"}},
        {"targets": ["[fd00::7]:8080"], "labels": {"namespace": "shop", "pod": "b", "__scheme__": "http"}},
    ]


def test_the_pods_of_routers_are_told_as_well() -> None:
    """With the port of their metrics; their Service says in which namespaces there are any."""
    router = Key(ROUTER, "shop", ROUTER_NAME)
    metadata = {"name": ROUTER_NAME, "namespace": "shop", "resourceVersion": "1", "labels": meta.owner_labels(router)}
    known = cache(pod("r", owner=router))
    known.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata})

    assert list(found(known)) == [
        {"targets": ["10.0.0.7:8405"], "labels": {"namespace": "shop", "pod": "r", "__scheme__": "http"}}
    ]


@pytest.mark.parametrize(
    "other",
    [
        pod("a", phase="Pending"),
        pod("a", phase="Succeeded"),
        pod("a", address=""),
        pod("a", owner=Key("TrainingRun", "shop", "churn")),
    ],
)
def test_others_are_not(other: dict[str, Any]) -> None:
    """Pods that do not run, have no address or serve nothing."""
    assert list(found(cache(other))) == []


def test_pods_behind_tls_are_asked_by_tls() -> None:
    """As the kubelet asks them whether they are ready."""
    labels = meta.owner_labels(OWNER) | {LABEL_REVISION: "a1"}
    served = pod("a")
    served["metadata"]["labels"] = labels
    probe = {"httpGet": {"path": "/", "scheme": "HTTPS"}}
    known = cache(served)
    known.put(
        {
            "kind": "Deployment",
            "metadata": {"name": "churn-a1", "namespace": "shop", "resourceVersion": "1", "labels": labels},
            "spec": {"template": {"spec": {"containers": [{"name": "server", "readinessProbe": probe}]}}},
        }
    )

    assert next(found(known))["labels"]["__scheme__"] == "https"


async def test_a_replica_tells_what_it_knows_while_it_leads() -> None:
    """Somebody who asks hears the list a moment later; when the replica does not lead any more it knows nothing."""
    targets = Targets()
    assert targets.told() is None
    keeping = asyncio.create_task(keep(targets, cache(pod("a"))))
    await asyncio.sleep(0)
    told = targets.told()
    assert told is not None
    assert json.loads(told)[0]["labels"]["pod"] == "a"

    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    assert targets.told() is None


async def test_nothing_is_looked_up_for_nobody() -> None:
    """Without a Prometheus that asks it costs nothing."""
    targets = Targets()
    keeping = asyncio.create_task(keep(targets, cache(pod("a"))))
    await asyncio.sleep(0)
    assert not targets.wanted
    assert targets.told() is None
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
