"""How each kind looks at the world: gather a snapshot from the cache, decide, render."""

from __future__ import annotations

from typing import Any

from mlwright.controller.kinds.batches import RECONCILER as BATCHES
from mlwright.controller.kinds.deployments import RECONCILER as DEPLOYMENTS
from mlwright.controller.kinds.drift import RECONCILER as MONITORS
from mlwright.controller.kinds.models import RECONCILER as MODELS
from mlwright.controller.kinds.pipelines import RECONCILER as PIPELINES
from mlwright.controller.kinds.runs import RECONCILER as RUNS
from mlwright.controller.reconciler import Reconciler

RECONCILERS: tuple[Reconciler[Any], ...] = (PIPELINES, RUNS, MODELS, DEPLOYMENTS, BATCHES, MONITORS)
"""All kinds that are reconciled."""
