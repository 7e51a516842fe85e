"""When what a step left in an earlier run is used again: all that it rests on must be the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mlwright.plan.digests import digest
from mlwright.plan.frozen import Frozen
from mlwright.plan.steps import StepTemplate
from mlwright.plan.training import Kept, RunSeen


def _endpoint(frozen: Frozen) -> list[str]:
    """Return what tells apart stores in which one address names different files; nothing for a claim."""
    endpoint = frozen.artifacts_storage.get("endpointURL")
    return [endpoint] if endpoint else []


def key(frozen: Frozen, template: StepTemplate, before: Mapping[str, str]) -> str:
    """Return the digest of all that a step rests on: its definition, its image, its data and what it waits for.

    How the model is fitted is not part of it, although the container could read it: that is what most runs differ in.

    Args:
        frozen: what the run uses.
        template: the step.
        before: by name of a step that it depends on, what tells apart what that step made.
    """
    return digest(
        {
            "container": template.container,
            "inputs": list(template.inputs),
            "outputs": list(template.outputs),
            "shards": template.shards,
            "env": frozen.pod.get("env") or [],
            "dataset": frozen.dataset,
            "store": [frozen.artifacts_uri, frozen.model, *_endpoint(frozen)],
            "before": dict(before),
        }
    )


def find(seen: RunSeen, template: StepTemplate, wanted: str, now: datetime) -> Kept | None:
    """Return the newest of what earlier runs left that may be used; none for a run that is tried again.

    A try after a failure trusts nothing: what was used may be what failed, or its files may be gone.
    """
    if not template.cache or seen.retry or seen.status.get("handledRetry"):
        return None
    oldest = now - timedelta(seconds=template.cache)
    return next((kept for kept in seen.kept if kept.key == wanted and kept.finished >= oldest), None)


def made(results: Mapping[str, Any], uses: str, origin: str) -> str:
    """Return what tells apart what a step made: the digest of its content where it is known, else its folder."""
    part: Any = results.get({"Validate": "dataset", "Train": "bundle"}.get(uses, ""))
    return str(part["digest"]) if isinstance(part, Mapping) and part.get("digest") else origin
