"""The fence around unit tests."""

from __future__ import annotations

import socket

import pytest


def test_unit_tests_cannot_reach_the_network() -> None:
    """A connection attempt, even to this very machine, raises before anything is sent."""
    with socket.socket() as client, pytest.raises(RuntimeError, match="unit tests have no network"):
        client.connect(("127.0.0.1", 9))
