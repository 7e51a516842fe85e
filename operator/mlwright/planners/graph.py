"""The graph of the steps of a run: what comes before what. Pure, and independent of the order of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mlwright.errors import InvalidSpecError
from mlwright.plan.steps import StepTemplate


def ordered(templates: Sequence[StepTemplate], field: str = "spec.steps") -> tuple[StepTemplate, ...]:
    """Return the steps so that each stands behind all that it depends on; otherwise in the order given.

    Raises:
        InvalidSpecError: a step depends on one that does not exist, or on itself in a circle; it names the step.
    """
    names = {template.name for template in templates}
    for template in templates:
        for wanted in template.depends_on:
            if wanted not in names:
                sentence = f"step {template.name} depends on {wanted}, which is no step of this pipeline"
                remedy = f"its steps are {', '.join(sorted(names))}"
                raise InvalidSpecError(f"{field}[{template.name}].dependsOn", f"{sentence}; {remedy}")
    return _without_circles(templates, field)


def _without_circles(templates: Sequence[StepTemplate], field: str) -> tuple[StepTemplate, ...]:
    found: dict[str, StepTemplate] = {}
    left = list(templates)
    while left:
        free = [template for template in left if found.keys() >= set(template.depends_on)]
        if not free:
            circle = _circle({template.name: template for template in left})
            sentence = f"the steps {' -> '.join(circle)} wait for each other, so none of them could ever start"
            raise InvalidSpecError(f"{field}[{circle[0]}].dependsOn", f"{sentence}; remove one of these dependencies")
        found |= {free[0].name: free[0]}
        left.remove(free[0])
    return tuple(found.values())


def _circle(left: Mapping[str, StepTemplate]) -> list[str]:
    """Return a circle, its first step again at the end: every step left depends on another one left."""
    path = [next(iter(left))]
    while True:
        following = next(name for name in left[path[-1]].depends_on if name in left)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)


def before(templates: Iterable[StepTemplate], step: StepTemplate) -> frozenset[str]:
    """Return the names of all steps that must be done before a step: its dependencies, and theirs."""
    by_name = {template.name: template for template in templates}
    found: set[str] = set()
    open_ = list(step.depends_on)
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_.extend(by_name[one].depends_on)
    return frozenset(found)
