"""Benchmarks: each writes build/bench/NAME.json, the figures beside their reference."""
