"""What the making of a patch is told in: candidates, what became of them, and the edits between two versions."""

from __future__ import annotations

import difflib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lamplighter.core.operations import ByteEdit
from lamplighter.drift.model import DriftItem

if TYPE_CHECKING:
    from lamplighter.drift.patch.code import Code


class Verdict(StrEnum):
    """What is to become of a drift."""

    CODIFY = "codify"
    """The code is to say what is live."""
    REVERT = "revert"
    """The cloud is to be what the code says."""
    IGNORE = "ignore"
    """Terraform is to leave the attribute alone: lifecycle.ignore_changes."""
    ASK = "ask"
    """A person has to say which."""


class Decision(NamedTuple):
    """`reason` is one line for people, `evidence` the ids of what it rests on (event ids, ids of earlier decisions)."""

    item: DriftItem
    verdict: Verdict
    reason: str
    evidence: tuple[str, ...] = ()


class FileEdits(NamedTuple):
    """Edits of one file, each in the coordinates of the file before all of them, none overlapping another.

    A file that is not there yet is made by one edit of its bytes [0, 0).
    """

    file: str
    edits: tuple[ByteEdit, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to carry an item into the code. `rule` names what placed it, in words a report can show
    (`literal`, `variable default`, `for_each member`, `policy document`); `note` what a reader should know besides."""

    rule: str
    edits: tuple[FileEdits, ...]
    note: str = ""


class Rules(Protocol):
    """What proposes candidates for an item: all that it knows, the best first; none where it knows none.

    Candidates need not be right: the judge tries each.
    """

    def __call__(self, item: DriftItem, code: Code, /) -> Iterator[Candidate]: ...


class LastResort(Protocol):
    """What is asked for an item that no rule places; see `fallback`."""

    @property
    def spent(self) -> str:
        """What was asked of a model so far, in one line; empty for nothing."""
        ...

    @property
    def tokens(self) -> int:
        """Of all questions and answers so far."""
        ...

    def proposals(self, item: DriftItem, code: Code, /) -> Generator[Candidate, str, str]:
        """Candidates, each told by `send` why the one before it was refused; at its end, in one line, why there is no
        other (empty where nothing was to be asked)."""
        ...

    def verified(self, placed: Sequence[Placed], /) -> None:
        """Terraform agreed with a patch that has these items: what placed them may be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Placed:
    """An item that the code now says. `candidate` is None where the code said so already, or another item's did.

    `not_derived` names values that rest on what was edited and cannot be computed from the files.
    """

    item: DriftItem
    candidate: Candidate | None
    not_derived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unplaced:
    """An item that no rule could place; `reason` is one line."""

    item: DriftItem
    reason: str
    tried: tuple[str, ...] = ()
    """Rules that proposed something the judge refused, with why: one line each."""


def applied(content: bytes, edits: Sequence[ByteEdit]) -> bytes:
    """The bytes with all edits made. Raises ValueError where they overlap or `old` is not what stands there."""
    pieces: list[bytes] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < position or content[edit.start : edit.end] != edit.old.encode():
            raise ValueError(f"bytes {edit.start} to {edit.end} do not hold what is to be replaced")
        pieces += [content[position : edit.start], edit.new.encode()]
        position = edit.end
    return b"".join([*pieces, content[position:]])


def edits_between(before: bytes, after: bytes) -> tuple[ByteEdit, ...]:
    """The smallest line-wise edits that make one content of the other, each cut down to the bytes that differ."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    offsets = [0]
    for line in old:
        offsets.append(offsets[-1] + len(line))
    # Most of a file is as it was: only what lies between its first and its last difference is compared line by line.
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    middle = old[head : len(old) - tail], new[head : len(new) - tail]
    found: list[ByteEdit] = []
    # In a long one lines that are everywhere, as a closing brace, are no landmarks.
    matcher = difflib.SequenceMatcher(None, *middle, autojunk=len(middle[0]) > _LONG)
    for kind, *ends in matcher.get_opcodes():
        first, last, start, end = (head + at for at in ends)
        if kind == "replace" and last - first == end - start:
            pairs = zip(offsets[first:last], old[first:last], new[start:end], strict=True)
            found += [_cut(offset, was, now) for offset, was, now in pairs]
        elif kind != "equal":
            found.append(_cut(offsets[first], b"".join(old[first:last]), b"".join(new[start:end])))
    return tuple(found)


_LONG = 500
"""Lines from which on two contents are compared by their rarer lines: else it takes the square of them."""
_OPENING, _CLOSING = "([{", ",)]}"


def _cut(start: int, old: bytes, new: bytes) -> ByteEdit:
    """Without what both begin and end with, in whole words: an edit is read by people."""
    was, now = old.decode(), new.decode()
    shorter = min(len(was), len(now))
    head = next((at for at in range(shorter) if was[at] != now[at]), shorter)
    tail = next((at for at in range(shorter - head) if was[-1 - at] != now[-1 - at]), shorter - head)
    while head and not (was[head - 1].isspace() or was[head - 1] in _OPENING):
        head -= 1
    while tail and not (was[-tail].isspace() or was[-tail] in _CLOSING):
        tail -= 1
    skipped = len(was[:head].encode())
    was, now = was[head : len(was) - tail], now[head : len(now) - tail]
    return ByteEdit(start=start + skipped, end=start + skipped + len(was.encode()), old=was, new=now)


def contents_between(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[FileEdits, ...]:
    """The edits of every file that differs, by path."""
    return tuple(
        FileEdits(path, edits_between(before.get(path, b""), after[path]))
        for path in sorted(after)
        if after[path] != before.get(path, b"")
    )
