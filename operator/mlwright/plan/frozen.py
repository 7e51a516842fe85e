"""What a run uses, as it was when the run started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from mlwright.plan.steps import BUILT_IN, StepTemplate, templates


@dataclass(frozen=True, slots=True)
class Frozen:
    """Everything of a pipeline that a run uses, frozen when the run starts: the content of its ControllerRevision."""

    pipeline: str
    generation: int
    model: str
    dataset: Mapping[str, Any]
    training: Mapping[str, Any]
    metrics: tuple[str, ...]
    gates: tuple[Mapping[str, Any], ...]
    pod: Mapping[str, Any]
    image: str
    image_pull_policy: str
    artifacts_uri: str
    digest: str
    """Digest of what makes a new run when it changes."""
    queue: str = ""
    """Name of the LocalQueue that admits its Jobs; empty without one."""
    folder: str = ""
    """Name of the run's folder in the store; of its own even if a run of that name existed before."""
    steps: tuple[StepTemplate, ...] = BUILT_IN
    """What it does: each step stands behind those that it depends on."""
    timeout: float = 0.0
    """Seconds that the run may take; 0 for as long as it wants."""
    on_exit: StepTemplate | None = None
    """What runs when all else is over."""
    approval_policy: str = "Automatic"
    champion: Mapping[str, Any] = field(default_factory=dict)
    """The version that it is compared with; empty when there was none, or nothing compares."""
    model_uid: str = ""
    """uid of the Model, which the run's folder is marked with; empty when there was none."""
    signing: Mapping[str, Any] = field(default_factory=dict)
    """With which key bundles are signed; empty without one."""
    artifacts_storage: Mapping[str, Any] = field(default_factory=dict)
    """How the object store is reached that artifacts_uri names; empty for a claim."""
    fetching_image: str = ""
    """What fetches the champion's bundle out of an object store; empty where there is none to fetch."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Frozen:
        """Return what a ControllerRevision holds; fields that a newer release wrote are passed over."""
        known = {key: value for key, value in data.items() if key in _FROZEN}
        lists = {"metrics": tuple(known["metrics"]), "gates": tuple(known["gates"])}
        walked = {"steps": templates(known["steps"])} if "steps" in known else {}
        last = templates([known["on_exit"]])[0] if known.get("on_exit") else None
        return cls(**{**known, **lists, **walked, "on_exit": last})

    def step(self, name: str) -> StepTemplate:
        """Return the template of a step."""
        every = [*self.steps, *([self.on_exit] if self.on_exit else [])]
        return next(template for template in every if template.name == name)


_FROZEN: Final = frozenset(entry.name for entry in fields(Frozen))
