"""Where a serving pod keeps the bundle, so that the artifact store may be away when it starts again or is joined."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mlwright.api.deployments import Server
from mlwright.builders.pods import Mount

KEPT: Final = "/tmp/bundles"  # noqa: S108  # an emptyDir of the pod, which outlives its containers


def variables(server: Server) -> dict[str, str]:
    """Return where the server keeps what it fetched, and where it looks before it asks the store."""
    shared = {"MLWRIGHT_CACHE_FOLDER": f"{_cache(server.cache.claim_name).folder}/bundles"} if server.cache else {}
    return {"MLWRIGHT_KEEP_FOLDER": KEPT, **shared}


def known(uri: str, digest: str, server: Server | None = None) -> dict[str, str]:
    """Return what a container is told that fetches a bundle only if it is not there: which, and where copies are."""
    told = variables(server) if server else {}
    cached = {name: value for name, value in told.items() if name == "MLWRIGHT_CACHE_FOLDER"}
    return {"MLWRIGHT_BUNDLE_URI": uri, "MLWRIGHT_BUNDLE_DIGEST": digest, **cached}


def mounts(server: Server, *, read_only: bool = False) -> tuple[Mount, ...]:
    """Return the claim of the cache, if there is one."""
    return (replace(_cache(server.cache.claim_name), read_only=read_only),) if server.cache else ()


def _cache(claim: str) -> Mount:
    return Mount.of(f"pvc://{claim}/bundles", field="spec.server.cache.claimName", read_only=False)
