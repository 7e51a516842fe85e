"""Who the champion of a model is: the version that the alias `champion` names, else the one that was promoted last."""

from __future__ import annotations

from typing import Any, Final

from mlwright.controller.kinds import parsing
from mlwright.controller.kinds.deployments import decisions
from mlwright.controller.reconciler import CacheView
from mlwright.plan.resources import MODEL, MODEL_DEPLOYMENT, MODEL_VERSION
from mlwright.planners.decisions import chain

ALIAS: Final = "champion"


def champion(cache: CacheView, namespace: str, model: str) -> dict[str, Any]:
    """Return name, version, uri and digest of the champion and what it learned from; empty when there is none.

    Of several deployments that each promoted another version, the highest number counts: no clock orders them.
    An alias that names no version gives its name alone.
    """
    number = _aliased(cache, namespace, model) or _promoted(cache, namespace, model)
    if not number:
        return {}
    name = f"{model}-v{number}"
    body = cache.get(MODEL_VERSION, namespace, name)
    if body is None:
        return {"name": name, "version": number}
    bundle, lineage = body["spec"]["bundle"], body["spec"].get("lineage") or {}
    found = {"name": name, "version": number, "uri": bundle["uri"], "digest": bundle["digest"]}
    if bundle.get("storage"):
        found["storage"] = bundle["storage"]
    own = {"ownTraining": True} if lineage and not lineage.get("estimator") else {}
    return found | own | {"dataset": lineage.get("dataset") or {}}


def _aliased(cache: CacheView, namespace: str, model: str) -> int:
    record = cache.get(MODEL, namespace, model) or {}
    aliases = (record.get("spec") or {}).get("aliases") or ()
    return next((int(alias["version"]) for alias in aliases if alias["name"] == ALIAS), 0)


def _promoted(cache: CacheView, namespace: str, model: str) -> int:
    chains = (chain(decisions(cache, body)) for body in cache.related(MODEL_DEPLOYMENT, namespace, "model", model))
    return max((parsing.number_after(f"{model}-v", found[-1].version) for found in chains if found), default=0)
