"""What was verified, a line of JSON each, found again by the very question it answers.

Serves the ports `Recall` and `Remember`. It holds no secrets (whoever remembers sees to that) and nothing that is
believed: whoever recalls validates and judges it anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lamplighter.core.canonical import canonical_json
from lamplighter.core.errors import Unavailable
from lamplighter.core.locking import exclusive
from lamplighter.tools.atomic import replace_file

_MOST_BYTES = 8_000_000
"""Of the file: of a longer one the newest count, and the oldest go where one more would make it longer."""
_MOST_LINE = 64_000


class Learnt:
    """Memories in one file, `path`; several processes may have it open. Nothing is written until there is one."""

    def __init__(self, path: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def recall(self, question: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """The last ones first. Raises Unavailable where the file cannot be read; a line that is none is passed over."""
        found = [memory for asked, memory in self._read() if asked == question]
        return found[::-1][:limit]

    def remember(self, question: str, memory: Mapping[str, Any]) -> None:
        """Once, however often it is learnt. Raises Unavailable where it cannot be written."""
        line = canonical_json({"question": question, "memory": dict(memory)}) + b"\n"
        if len(line) > _MOST_LINE:
            raise Unavailable(str(self._path), f"a memory of {len(line)} bytes is too long", "leave it out")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(self._path.with_name(f"{self._path.name}.lock")):
                if (question, dict(memory)) not in [(asked, dict(known)) for asked, known in self._read()]:
                    self._append(line)
        except OSError as error:
            raise self._unavailable(error) from error

    def _append(self, line: bytes) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            if size + len(line) >= self._most_bytes:
                # Half of it goes, so that this is rare; whoever reads meanwhile has the old file or the new one.
                newest = self._newest(self._most_bytes // 2)
                replace_file(self._path, b"".join(known + b"\n" for known in newest) + line)
                return
            # A line that was cut short, as by a full disk, ends before the next one begins.
            torn = size and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (b"\n" if torn else b"") + line)
        finally:
            os.close(handle)

    def _newest(self, most: int) -> list[bytes]:
        """The last lines that are whole within `most` bytes."""
        with self._path.open("rb") as file:
            left_out = max(0, file.seek(0, os.SEEK_END) - most)
            file.seek(max(0, left_out - 1))
            lines = file.read(most + 1).split(b"\n")
        return [line for line in (lines[1:] if left_out else lines) if line]

    def _read(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        try:
            lines = self._newest(self._most_bytes)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unavailable(error) from error
        for line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if (
                isinstance(row, dict)
                and isinstance(row.get("question"), str)
                and isinstance(row.get("memory"), dict)
            ):
                yield row["question"], row["memory"]

    def _unavailable(self, error: OSError) -> Unavailable:
        return Unavailable(str(self._path), error.strerror or "cannot be used", "check the state directory")
