"""The operator as a process, killed by SIGKILL at the moments that matter most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.campaign import PATIENCE, Ending, Lab, baseline, ends_like
from tests.support.flows import SERVING, TRAINING, Flow
from tests.support.operators import SETTINGS
from tests.support.processes import OperatorProcess
from tests.support.waiting import soon
from tests.support.world import Space

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True, slots=True)
class Moment:
    """When the process is killed."""

    what: str
    flow: Flow
    seen: Callable[[Space], object]


MOMENTS = (
    Moment("the run was created", TRAINING, lambda space: space.of("TrainingRun")),
    Moment("the first Job was created", TRAINING, lambda space: space.of("Job")),
    Moment("the version was created", TRAINING, lambda space: space.of("ModelVersion")),
    Moment("the promotion of version 2 was recorded", SERVING, lambda space: len(space.of("Decision")) == 2),
)


@pytest.mark.timeout(600)
async def test_sigkill_changes_nothing(lab: Lab, tmp_path: Path) -> None:
    """Killed at the moment, started again: the same objects with the same content, nothing made twice."""
    endings = {flow.name: (await baseline(lab, flow))[0] for flow in (TRAINING, SERVING)}
    runs = (killed(lab, moment, endings[moment.flow.name], tmp_path) for moment in MOMENTS)
    found = await asyncio.gather(*runs)

    assert [f"{moment.what}: {line}" for moment, lines in zip(MOMENTS, found, strict=True) for line in lines] == []


async def killed(lab: Lab, moment: Moment, expected: Ending, folder: Path) -> list[str]:
    """Return in which ways a flow ends differently when the process is killed at a moment."""
    namespace = await lab.namespace()
    settings, space = replace(SETTINGS, namespace=namespace), lab.world.space(namespace)
    acts = asyncio.create_task(people(lab, moment.flow, namespace))
    with OperatorProcess(lab.server, settings, folder / f"{namespace}.log") as first:
        await soon(lambda: moment.seen(space), moment.what, PATIENCE)
        first.kill()
    with OperatorProcess(lab.server, settings, folder / f"{namespace}.log") as second:
        await acts
        return await ends_like(expected, namespace, space) + second.complaints()


async def people(lab: Lab, flow: Flow, namespace: str) -> None:
    """Do what people do, one thing after the other."""
    for act in flow.acts:
        await act.do(lab.kube, namespace)
        await lab.world.until(namespace, act.goal, act.what, PATIENCE)
