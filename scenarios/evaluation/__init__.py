"""Evaluations and benchmarks: each a function in a module of its own, listed in `registry`, run by name."""
