"""What is wrong with one record: the one error that is counted rather than shown, since the rest is still read."""

from __future__ import annotations


class Malformed(ValueError):
    """The record is left out; the text says why, to stand after its number."""


def kind(value: object) -> str:
    """The JSON type of a value, for people."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "missing"}
    return names.get(type(value), "a number")
