"""A model that sleeps is woken, or the log says why not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mlwright.router.cluster import Cluster
from mlwright.router.kube import UNMET, Body, Kube, KubeError, Server

RULE = "terminationGracePeriodSeconds must be at least server.drain + server.timeout + 5"


class Refusing(Kube):
    """An API server that takes no change of a scale, and tells what it is."""

    def __init__(self, scale: Body) -> None:
        super().__init__(Server("server", 443, lambda: "", None))
        self._scale = scale

    async def steps(self, path: str, *steps: Body) -> Body:
        """Refuse."""
        del steps
        raise KubeError(f"{path} was answered with {UNMET}: {RULE}", UNMET)

    async def get(self, path: str) -> Body:
        """Return the scale."""
        del path
        return {"spec": self._scale}


@pytest.mark.parametrize(
    "scale, told",
    [
        ({"replicas": 5}, ("INFO", "a model is awake already", None)),
        ({}, ("WARNING", "a model could not be woken", RULE)),
        ({"replicas": 0}, ("WARNING", "a model could not be woken", RULE)),
    ],
    ids=["somebody woke it", "it breaks a rule", "it breaks a rule, and its number is told"],
)
async def test_a_refusal_is_told_unless_the_model_is_awake(
    scale: Body, told: tuple[str, str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    """The status is the same for both: an object of before may break a rule that came since."""
    with caplog.at_level(logging.INFO, "mlwright.router"):
        await Cluster(Refusing(scale), "team", "me", lambda: None).wake("flights", "")

    record: Any = caplog.records[-1]
    level, message, error = told
    assert (record.levelname, record.message) == (level, message)
    assert error is None or error in record.error
