"""The examples in docstrings of decisions and builders are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import mlwright.builders
import mlwright.controller.kinds
import mlwright.plan
import mlwright.planners

PACKAGES = (mlwright.plan, mlwright.planners, mlwright.builders, mlwright.controller.kinds)
MODULES = [f"{p.__name__}.{found.name}" for p in PACKAGES for found in pkgutil.iter_modules(p.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    """Where there are any."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0
