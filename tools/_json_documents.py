"""JSON documents out of one file, plain or gzip, with bounded memory.

It knows JSON and files, not what the documents mean. A document is the whole file, or one line of it (JSON lines).
"""

from __future__ import annotations

import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import orjson

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable

MAX_DOCUMENT = 64 * 1024 * 1024
"""Bytes of one JSON document after decompression. CloudTrail's own files stay well below it."""

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def documents(path: Path, *, max_document: int = MAX_DOCUMENT) -> Iterator[tuple[int, Any]]:
    """(line, document) of each JSON document in `path`; line is 0 where the file is one document.

    Raises InputError, also in mid-file, on anything that cannot be read: what was yielded before stays valid.
    """
    try:
        with ExitStack() as stack:
            file = _opened(path, stack)
            if _is_lines(path):
                yield from _lines(path, file, max_document)
            else:
                yield from _whole(path, file, max_document)
    except gzip.BadGzipFile as error:
        raise _bad(path, "is not valid gzip", "copy it again from the bucket") from error
    except (EOFError, zlib.error) as error:
        raise _bad(path, "is a truncated or damaged gzip file", "copy it again from the bucket") from error
    except PermissionError as error:
        raise _bad(path, "may not be read by this user", "change its permissions, or leave it out") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _bad(path, f"cannot be read ({reason})", "check the path") from error


def _is_lines(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))


def _opened(path: Path, stack: ExitStack) -> IO[bytes]:
    # A pipe or a device could block for ever, or never end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise _bad(path, "is not a regular file", "give a file or a directory")
    file = stack.enter_context(path.open("rb"))
    # By content: clients may decompress `.json.gz` on the way, and name what they compress `.json`.
    magic = file.read(2)
    file.seek(0)
    if magic != _GZIP_MAGIC:
        return file
    # GzipFile reads as any binary file does; its class only lacks the nominal type.
    return cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=file, mode="rb")))


def _whole(path: Path, file: IO[bytes], limit: int) -> Iterator[tuple[int, Any]]:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise _bad(
            path, f"is one JSON document of more than {_size(limit)}", "split it, or give JSON lines (.jsonl)"
        )
    if not data.strip():
        raise _bad(path, "is empty", "copy it again, or leave it out")
    try:
        yield 0, orjson.loads(data.removeprefix(_BOM))
        return
    except orjson.JSONDecodeError as error:
        failure = _undecodable(path, 0, data, error)
    lines = data.splitlines()
    if len(lines) < 2 or not _parses(lines[0]):
        raise failure
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _parsed(path, number, line)


def _lines(path: Path, file: IO[bytes], limit: int) -> Iterator[tuple[int, Any]]:
    number = 0
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit:
            raise _bad(path, f"line {number} is longer than {_size(limit)}", "give one record a line")
        if line.strip():
            yield number, _parsed(path, number, line)
    if not number:
        raise _bad(path, "is empty", "copy it again, or leave it out")


def _parses(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line.removeprefix(_BOM)), dict)
    except orjson.JSONDecodeError:
        return False


def _parsed(path: Path, number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise _undecodable(path, number, line, error) from error


def _undecodable(path: Path, number: int, data: bytes, error: orjson.JSONDecodeError) -> InputError:
    at = f"line {number} " if number else ""
    if data.startswith(_UTF16) or not _is_utf8(data):
        return _bad(path, f"{at}is not UTF-8 text", "save it as UTF-8")
    where = f"column {error.colno}" if number else f"line {error.lineno}, column {error.colno}"
    return _bad(
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


def _bad(path: Path, problem: str, remedy: str) -> InputError:
    return InputError(printable(str(path)), problem, remedy)
