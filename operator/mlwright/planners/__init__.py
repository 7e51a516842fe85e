"""Decisions: pure functions from what is wanted and what is seen to a Plan."""
