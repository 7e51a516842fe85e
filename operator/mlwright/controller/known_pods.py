"""The pods that were there once: what they counted still counts, and nobody else remembers them."""

from __future__ import annotations

from dataclasses import replace

from mlwright.plan.measuring import Measure, Side, Watched


class KnownPods:
    """Every pod that was ever wanted for one object, by revision and name."""

    def __init__(self) -> None:
        self._pods: dict[str, dict[str, Watched]] = {}

    def learn(self, *sides: Side) -> None:
        """Note the pods that are there."""
        for side in sides:
            self._pods.setdefault(side.revision, {}).update({pod.name: pod for pod in side.pods})

    def whole(self, side: Side) -> Side:
        """Return a side with the pods of its revision that are gone."""
        there = {pod.name for pod in side.pods}
        known = self._pods.get(side.revision, {}).items()
        return replace(side, pods=(*side.pods, *(replace(pod, gone=True) for name, pod in known if name not in there)))

    def both(self, measure: Measure) -> Measure:
        """Return a question whose two sides have their pods that are gone."""
        return replace(measure, candidate=self.whole(measure.candidate), stable=self.whole(measure.stable))
