"""The port `Leases` over coordination.k8s.io/v1."""

from __future__ import annotations

from mlwright.adapters.kube.transport import Call, Transport
from mlwright.errors import AlreadyExistsError, ConflictError, NotFoundError
from mlwright.plan.resources import Body
from mlwright.ports.clock import Clock
from mlwright.ports.leases import Record

API_VERSION = "coordination.k8s.io/v1"


class KubeLeases:
    """Implements `mlwright.ports.leases.Leases` for the Lease of one name."""

    def __init__(self, transport: Transport, clock: Clock, namespace: str, name: str) -> None:
        self._transport = transport
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._collection = f"/apis/{API_VERSION}/namespaces/{namespace}/leases"

    async def read(self) -> Record | None:
        """GET the Lease."""
        try:
            return _record(await self._send("get", "GET", f"{self._collection}/{self._name}"))
        except NotFoundError:
            return None

    async def write(self, record: Record) -> Record:
        """POST it when it has no version yet, else PUT it at its version."""
        body = self._body(record)
        try:
            if record.version:
                answer = await self._send("update", "PUT", f"{self._collection}/{self._name}", body)
            else:
                answer = await self._send("create", "POST", self._collection, body)
        except (AlreadyExistsError, NotFoundError) as error:
            raise ConflictError(str(error)) from error
        return _record(answer)

    async def _send(self, verb: str, method: str, path: str, body: Body | None = None) -> Body:
        return await self._transport.send(Call(verb, "Lease", method, path, body=body))

    def _body(self, record: Record) -> Body:
        metadata = {"namespace": self._namespace, "name": self._name}
        if record.version:
            metadata["resourceVersion"] = record.version
        spec = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.duration_seconds,
            "leaseTransitions": record.transitions,
            "acquireTime": record.acquired,
            "renewTime": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        return {"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}


def _record(body: Body) -> Record:
    spec = body.get("spec") or {}
    return Record(
        holder=spec.get("holderIdentity") or "",
        duration_seconds=spec.get("leaseDurationSeconds") or 1,
        transitions=spec.get("leaseTransitions") or 0,
        acquired=spec.get("acquireTime") or spec.get("renewTime") or "1970-01-01T00:00:00.000000Z",
        version=body["metadata"]["resourceVersion"],
    )
