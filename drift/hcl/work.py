"""What reading one project may cost, and what the value that is being computed rests on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_START = 1_000_000
"""Units of work a project has from the start: one is a syntax node visited or a member made, a few seconds in all."""
_LOOKUP = 2_000
"""Units that each address looked up adds, so that a large project of ordinary expressions never runs out."""
_LETTERS = 16
"""Characters of text that cost one unit."""


class TooMuch(ValueError):
    """A value would be longer, larger or have more digits than any that code has a use for."""


class Work:
    """One for a whole project. `level` is how deep evaluation is nested at the moment, over references too."""

    def __init__(self) -> None:
        self.level = 0
        self.at = ("", 0)
        """File and line of the expression that is being computed."""
        self.assumed: set[str] = set()
        """Root variables whose default stands for a value that may be given elsewhere, as far as it was used."""
        self.excess: tuple[str, int] | None = None
        """File and line of the first expression that asked for too much."""
        self._left = _START

    def look_up(self) -> None:
        """Work for one more address."""
        self._left += _LOOKUP

    def spend(self, units: int) -> bool:
        """False when there is no work left."""
        self._left -= units
        if self._left >= 0:
            return True
        self._left = 0
        self.exceed()
        return False

    def spend_text(self, length: int) -> bool:
        """`spend` for a text of so many characters."""
        return self.spend(length // _LETTERS)

    def exceed(self) -> None:
        """Notes the expression at hand as one whose value was not computed."""
        self.excess = self.excess or self.at

    @contextmanager
    def placed(self, file: str, line: int) -> Iterator[None]:
        """The expression at hand stands there."""
        outer, self.at = self.at, (file, line)
        try:
            yield
        finally:
            self.at = outer

    @contextmanager
    def recording(self) -> Iterator[set[str]]:
        """The variables assumed inside of it alone."""
        outer, self.assumed = self.assumed, set()
        try:
            yield self.assumed
        finally:
            self.assumed = outer
