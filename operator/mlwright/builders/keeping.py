"""Where a serving pod keeps the bundle, so that the artifact store may be away when it starts again or is joined."""

from __future__ import annotations

from typing import Final

from mlwright.api.deployments import Server
from mlwright.builders.pods import Mount

KEPT: Final = "/tmp/bundles"  # noqa: S108  # an emptyDir of the pod, which outlives its containers


def variables(server: Server) -> dict[str, str]:
    """Return where the server keeps what it fetched, and where it looks before it asks the store."""
    shared = {"MLWRIGHT_CACHE_FOLDER": f"{_cache(server.cache.claim_name).folder}/bundles"} if server.cache else {}
    return {"MLWRIGHT_KEEP_FOLDER": KEPT, **shared}


def mounts(server: Server) -> tuple[Mount, ...]:
    """Return the claim of the cache, if there is one."""
    return (_cache(server.cache.claim_name),) if server.cache else ()


def _cache(claim: str) -> Mount:
    return Mount.of(f"pvc://{claim}/bundles", field="spec.server.cache.claimName", read_only=False)
