"""The port `Events` over core/v1: one object per thing said about an object, counted up when it is said again."""

from __future__ import annotations

import hashlib
from typing import Final

from mlwright.adapters.kube.transport import MERGE_PATCH, Call, Transport
from mlwright.api.conditions import timestamp
from mlwright.constants import FIELD_MANAGER
from mlwright.errors import AlreadyExistsError
from mlwright.plan.resources import Body
from mlwright.ports.clock import Clock
from mlwright.ports.events import Notice

NOTE_LENGTH: Final = 1024
"""The API server's limit for the text of an Event."""
NAME_LENGTH: Final = 253 - 17


class KubeEvents:
    """Implements `mlwright.ports.events.Events`."""

    def __init__(self, transport: Transport, clock: Clock, instance: str) -> None:
        self._transport = transport
        self._clock = clock
        self._instance = instance

    async def tell(self, notice: Notice) -> None:
        """POST the Event; when it was told before, PATCH its count and time."""
        body = _event(notice, timestamp(self._clock.now()), self._instance)
        namespace = body["metadata"]["namespace"]
        collection = f"/api/v1/namespaces/{namespace}/events"
        try:
            await self._transport.send(Call("create", "Event", "POST", collection, body=body))
        except AlreadyExistsError:
            await self._count_up(f"{collection}/{body['metadata']['name']}", body["lastTimestamp"])

    async def _count_up(self, path: str, now: str) -> None:
        known = await self._transport.send(Call("get", "Event", "GET", path))
        patch = {"count": (known.get("count") or 1) + 1, "lastTimestamp": now}
        await self._transport.send(Call("patch", "Event", "PATCH", path, body=patch, content=MERGE_PATCH))


def _event(notice: Notice, now: str, instance: str) -> Body:
    about = notice.about
    said = f"{about.uid}/{notice.type}/{notice.reason}/{notice.sentence}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": about.namespace, "name": f"{about.name[:NAME_LENGTH]}.{digest}"},
        "involvedObject": {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
            "resourceVersion": about.resource_version,
        },
        "type": notice.type,
        "reason": notice.reason,
        "message": notice.sentence[:NOTE_LENGTH],
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": instance,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
