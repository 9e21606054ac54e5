"""JSON documents, or lines of text, out of one file, plain or gzip, with bounded memory.

It knows JSON and files, not what the documents mean. A document is the whole file, or one line of it (JSON lines).
"""

from __future__ import annotations

import gzip
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

import orjson

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable

MAX_DOCUMENT = 64 * 1024 * 1024
"""Bytes of one JSON document after decompression. CloudTrail's own files stay well below it."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 16 * 1024
"""Compressed bytes at a time: one of them inflates to 16 MiB at most."""
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def documents(
    path: Path, *, max_document: int = MAX_DOCUMENT, parse: Callable[[bytes], Any] = orjson.loads
) -> Iterator[tuple[int, Any]]:
    """(line, document) of each JSON document in `path`; line is 0 where the file is one document.

    `parse` raises orjson.JSONDecodeError for what is no JSON.
    Raises InputError, also in mid-file, on anything that cannot be read: what was yielded before stays valid.
    """
    with _readable(path) as file:
        documents = _Documents(path, max_document, parse)
        yield from documents.lines(file) if _is_lines(path) else documents.whole(file)


def text_lines(path: Path, *, max_line: int = MAX_DOCUMENT) -> Iterator[str]:
    """The lines of `path`, with their ends, UTF-8; `max_line` is in bytes. Raises InputError as `documents` does."""
    with _readable(path) as file:
        number = 0
        while line := file.readline(max_line + 1):
            number += 1
            if len(line) > max_line:
                raise bad(path, f"line {number} is longer than {_size(max_line)}", "give one record a line")
            try:
                yield (line.removeprefix(_BOM) if number == 1 else line).decode()
            except UnicodeDecodeError:
                raise bad(path, f"line {number} is not UTF-8 text", "save it as UTF-8") from None
        if not number:
            raise bad(path, "is empty", "copy it again, or leave it out")


@contextmanager
def _readable(path: Path) -> Iterator[IO[bytes]]:
    try:
        with ExitStack() as stack:
            yield _opened(path, stack)
    except gzip.BadGzipFile as error:
        raise bad(path, "is not valid gzip", "copy it again from the bucket") from error
    except (EOFError, zlib.error) as error:
        raise bad(path, "is a truncated or damaged gzip file", "copy it again from the bucket") from error
    except PermissionError as error:
        raise bad(path, "may not be read by this user", "change its permissions, or leave it out") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise bad(path, f"cannot be read ({reason})", "check the path") from error


def keep_freed_memory() -> None:
    """Has glibc keep up to 32 MiB of freed memory; elsewhere it does nothing.

    It gives back what is freed above twice the largest block freed so far (mallopt(3), M_MMAP_THRESHOLD). A trace is
    thousands of documents of some MiB, and getting fresh pages for each took a quarter of the CPU time.
    """
    bytes(16 * 1024 * 1024)  # zeroed by calloc, so never touched


def _is_lines(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))


def _read_all(file: IO[bytes], limit: int) -> bytes:
    """The content, cut above `limit` bytes; raises zlib.error or EOFError for a damaged gzip file."""
    unpacking: object = file
    if not isinstance(unpacking, gzip.GzipFile):
        return file.read(limit + 1)
    # GzipFile.read copies twice; files read whole are most of a trace.
    packed = cast(IO[bytes], unpacking.fileobj)
    parts: list[bytes] = []
    size = 0
    member = zlib.decompressobj(_GZIP)
    while chunk := packed.read(_CHUNK):
        while chunk:
            if member.eof:
                chunk = chunk.lstrip(b"\0")  # members may be padded
                if not chunk:
                    break
                member = zlib.decompressobj(_GZIP)
            parts.append(member.decompress(chunk, limit + 1 - size))
            size += len(parts[-1])
            if size > limit:
                return b"".join(parts)
            chunk = member.unused_data
    if not member.eof:
        raise EOFError
    return b"".join(parts)


def _opened(path: Path, stack: ExitStack) -> IO[bytes]:
    # A pipe or a device could block for ever, or never end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise bad(path, "is not a regular file", "give a file or a directory")
    file = stack.enter_context(path.open("rb"))
    # By content: clients may decompress `.json.gz` on the way, and name what they compress `.json`.
    magic = file.read(2)
    file.seek(0)
    if magic != _GZIP_MAGIC:
        return file
    # GzipFile reads as any binary file does; its class only lacks the nominal type.
    return cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=file, mode="rb")))


class _Documents:
    """One file's way of being cut into documents."""

    def __init__(self, path: Path, limit: int, parse: Callable[[bytes], Any]) -> None:
        self.path, self.limit, self.parse = path, limit, parse

    def whole(self, file: IO[bytes]) -> Iterator[tuple[int, Any]]:
        data = _read_all(file, self.limit)
        if len(data) > self.limit:
            problem = f"is one JSON document of more than {_size(self.limit)}"
            raise bad(self.path, problem, "split it, or give JSON lines (.jsonl)")
        if not data.strip():
            raise bad(self.path, "is empty", "copy it again, or leave it out")
        try:
            document = self.parse(data.removeprefix(_BOM))
        except orjson.JSONDecodeError as error:
            failure = _undecodable(self.path, 0, data, error)
        else:
            yield 0, document
            return
        lines = data.splitlines()
        if len(lines) < 2 or not _parses(lines[0]):
            raise failure
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, self._line(number, line)

    def lines(self, file: IO[bytes]) -> Iterator[tuple[int, Any]]:
        number = 0
        while line := file.readline(self.limit + 1):
            number += 1
            if len(line) > self.limit:
                problem = f"line {number} is longer than {_size(self.limit)}"
                raise bad(self.path, problem, "give one record a line")
            if line.strip():
                yield number, self._line(number, line)
        if not number:
            raise bad(self.path, "is empty", "copy it again, or leave it out")

    def _line(self, number: int, line: bytes) -> Any:
        try:
            return self.parse(line.removeprefix(_BOM))
        except orjson.JSONDecodeError as error:
            raise _undecodable(self.path, number, line, error) from error


def _parses(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line.removeprefix(_BOM)), dict)
    except orjson.JSONDecodeError:
        return False


def _undecodable(path: Path, number: int, data: bytes, error: orjson.JSONDecodeError) -> InputError:
    at = f"line {number} " if number else ""
    if data.startswith(_UTF16) or not _is_utf8(data):
        return bad(path, f"{at}is not UTF-8 text", "save it as UTF-8")
    where = f"column {error.colno}" if number else f"line {error.lineno}, column {error.colno}"
    return bad(
        path,
        f"{at}is not valid JSON ({printable(error.msg, limit=80)} at {where})",
        "copy it again, or repair it",
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _size(limit: int) -> str:
    return f"{limit // 1024 // 1024} MiB" if limit >= 1024 * 1024 else f"{limit} bytes"


def bad(path: Path, problem: str, remedy: str) -> InputError:
    """The error of a file, its name escaped."""
    return InputError(printable(str(path)), problem, remedy)
