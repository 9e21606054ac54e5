"""A place in the code for an expression: what stands there, and how another one gets there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lamplighter.drift.patch.provenance import Here
from lamplighter.drift.patch.statements import Draft


@dataclass(frozen=True)
class Slot:
    """A place for an expression: `old` is the one that is there, empty for none; `put` writes another one there."""

    old: str
    is_literal: bool
    here: Here
    put: Callable[[Draft, str], None]
    current: Any = None
    indent: str = ""
    called: str = ""
    """The function whose call the expression is as a whole; empty for any other."""

    def with_one_more(self, function: str, more: str) -> str:
        """The expression handed to a function with one more argument; a call of that function gets it itself."""
        if not self.old:
            return more
        if self.called == function and self.old.endswith(")"):
            return f"{self.old[:-1].rstrip().rstrip(',')}, {more})"
        return f"{function}({self.old}, {more})"


def grouped(text: str) -> str:
    """An expression where only one that stands together may be."""
    return f"({text})" if "?" in text else text
