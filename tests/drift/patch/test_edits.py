"""Edits between two contents lead from the one to the other, and touch only what differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.core.operations import ByteEdit
from lamplighter.drift.patch.model import applied, edits_between

_TEXT = st.lists(st.sampled_from(["a = 1", "b = 2", 'ünïcode = "é"', "}", ""]), max_size=12).map(
    lambda lines: "\n".join(lines).encode()
)


@given(_TEXT, _TEXT)
def test_edits_lead_from_one_to_the_other(before: bytes, after: bytes) -> None:
    assert applied(before, edits_between(before, after)) == after


def test_only_the_value_is_in_the_edit() -> None:
    before = b"x {\r\n  days = 30 # why\r\n}\r\n"
    assert edits_between(before, before.replace(b"30", b"14")) == (
        ByteEdit(start=14, end=16, old="30", new="14"),
    )


def test_an_edit_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="do not hold"):
        applied(b"days = 30", [ByteEdit(start=7, end=9, old="31", new="14")])


@given(_TEXT, _TEXT, _TEXT, _TEXT)
def test_edits_stay_where_the_two_differ(head: bytes, before: bytes, after: bytes, tail: bytes) -> None:
    """Lines that both begin and both end with are in no edit, nor is anything else than what stands there."""
    was, now = (b"\n".join([head, middle, tail]) for middle in (before, after))
    made = edits_between(was, now)
    assert applied(was, made) == now
    old, new = was.splitlines(keepends=True), now.splitlines(keepends=True)
    first = _shared(old, new)
    last = min(_shared(old[::-1], new[::-1]), len(old) - first, len(new) - first)
    start, end = len(b"".join(old[:first])), len(was) - len(b"".join(old[len(old) - last :]))
    for edit in made:
        assert start <= edit.start <= edit.end <= end
        assert was[edit.start : edit.end].decode() == edit.old and edit.old != edit.new


def _shared(old: list[bytes], new: list[bytes]) -> int:
    return next(
        (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]),
        min(len(old), len(new)),
    )
