"""Is a patch no more than its edits? Bytes against bytes, by an own reading: nothing of the engine is asked.

What is checked, each with a cause of its own: a file that no edit names is what lies on the disk; a named one is the
file on the disk with the edits spliced in, nothing else; no edit reaches another directory; a comment that an edit
replaces stands in what replaces it; line endings and the last newline are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lamplighter.core.operations import ByteEdit
from lamplighter.drift.patch.patch import Patch

_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_COMMENT = re.compile(r"#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)


def beyond_its_edits(patch: Patch, directory: Path) -> list[tuple[str, str]]:
    """(file, what is wrong), none for a patch that changes what its edits say and keeps the form of the rest."""
    edits = {item.file: item.edits for item in patch.edits}
    found: list[tuple[str, str]] = []
    for file in sorted({*patch.before.contents, *patch.after.contents, *edits}):
        path = directory / file
        on_disk = path.read_bytes() if path.is_file() else None
        after = patch.after.contents.get(file)
        found += [(file, wrong) for wrong in _wrong(file, on_disk, after, edits.get(file, ()))]
    return found


def _wrong(file: str, before: bytes | None, after: bytes | None, edits: Sequence[ByteEdit]) -> Iterator[str]:
    if after is None:
        yield "the patch drops the file"
    elif not edits:
        if after != before:
            yield "the file is another one, and no edit says so"
    elif file.startswith(("../", "/")):
        yield "an edit outside of the directory"
    else:
        spliced = splice(before or b"", edits)
        if spliced is None:
            yield "the edits do not fit what is on the disk"
        elif spliced != after:
            yield "bytes outside of the edits differ"
        if before:
            yield from _form(before, after)
        yield from (f"a comment is lost: {comment[:60]}" for comment in lost_comments(edits))


def splice(content: bytes, edits: Sequence[ByteEdit]) -> bytes | None:
    """The content with each range replaced; None where a range does not hold what it is said to, or two overlap."""
    made, at = b"", 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < at or content[edit.start : edit.end] != edit.old.encode():
            return None
        made += content[at : edit.start] + edit.new.encode()
        at = edit.end
    return made + content[at:]


def lost_comments(edits: Sequence[ByteEdit]) -> list[str]:
    """Comments of replaced text that stand nowhere in what is written. What goes away whole takes them along."""
    written = "\n".join(edit.new for edit in edits)
    replaced = [comment for edit in edits if edit.new.strip() for comment in _comments(edit.old)]
    return [comment for comment in replaced if comment not in written]


def _comments(text: str) -> list[str]:
    return [found.strip() for found in _COMMENT.findall(_STRING.sub('""', text))]


def _form(before: bytes, after: bytes) -> Iterator[str]:
    was, now = _endings(before), _endings(after)
    if not any(was.values()):
        return
    if any(count and not was[ending] for ending, count in now.items()):
        yield f"line endings are others: {_named(was)} before, {_named(now)} now"
    if after and before.endswith(b"\n") != after.endswith(b"\n"):
        yield "the last newline is not as it was"


def _endings(content: bytes) -> Mapping[str, int]:
    windows = content.count(b"\r\n")
    return {"CRLF": windows, "LF": content.count(b"\n") - windows}


def _named(endings: Mapping[str, int]) -> str:
    return " and ".join(name for name, count in endings.items() if count) or "none"
