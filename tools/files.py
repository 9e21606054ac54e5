"""Performs `EditHcl`: exact byte edits of one file, written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from lamplighter.core.errors import InputError, Refused
from lamplighter.core.operations import ByteEdit, EditHcl, Operation
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome
from lamplighter.tools.atomic import create_file, read_file, replace_file
from lamplighter.tools.terraform_files import FILE_LIMIT

ABSENT = "absent"
"""The version of a file that is not there: an edit of it makes it."""


class FileEdits:
    """The `Effect` of `edit_hcl`; the version is of the file's bytes up to the one after the last edit.

    What this process wrote is verified as a whole, what an earlier one wrote as far as the edits reach.
    """

    def __init__(self) -> None:
        self._left: dict[tuple[str, Path], str] = {}

    def current_version(self, operation: Operation) -> str:
        """`ABSENT` for a file that is to be made and is not there.

        Raises InputError when the file cannot be read, Refused when it lies outside the project.
        """
        edit = _edit(operation)
        path = _path(edit)
        if edit.target.version == ABSENT and not _exists(path):
            return ABSENT
        return edit_version(_read(path), edit.edits)

    def perform(self, operation: Operation, claim: str) -> EffectResult:
        edit = _edit(operation)
        if not edit.edits:
            return EffectResult(Outcome.REFUSED, f"no exact edit is known: {edit.proposal}")
        try:
            path = _path(edit)
            with _folder_lock(path.parent):
                content = _performed(path, edit)
        except Refused as error:
            return EffectResult(Outcome.REFUSED, str(error))
        except InputError as error:
            return EffectResult(Outcome.FAILED, str(error))
        except OSError as error:
            return EffectResult(Outcome.FAILED, f"{edit.target.name}: cannot be written ({error.strerror})")
        self._left[claim, path] = hashlib.sha256(content).hexdigest()
        return EffectResult(Outcome.DONE, f"{edit.target.name} written")

    def observe(self, operation: Operation, claim: str) -> EffectResult:
        """The file still as it was: not done. As the edit leaves it: done. Anything else cannot be told."""
        edit = _edit(operation)
        try:
            path = _path(edit)
            if edit.target.version == ABSENT and not _exists(path):
                return EffectResult(Outcome.FAILED, "the file is not there: nothing was written")
            content = _read(path)
        except (InputError, Refused) as error:
            return EffectResult(Outcome.UNKNOWN, str(error))
        changed = self._left.get((claim, path)) not in (None, hashlib.sha256(content).hexdigest())
        match _version_of(content, edit) == edit.target.version, _is_result(content, edit):
            case True, False:
                return EffectResult(Outcome.FAILED, "the file is as it was: nothing was written")
            case False, True if changed:
                return EffectResult(
                    Outcome.UNKNOWN, "the file holds the edit, and was changed by something else since"
                )
            case False, True:
                return EffectResult(Outcome.DONE, "the file holds the edit")
            case True, True:
                return EffectResult(Outcome.UNKNOWN, "the file looks the same before and after the edit")
            case _:
                return EffectResult(
                    Outcome.UNKNOWN, "the file is neither as it was nor as the edit leaves it"
                )


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _version_of(content: bytes, edit: EditHcl) -> str:
    """Of a file that is there: none that was to be made."""
    return "" if edit.target.version == ABSENT else edit_version(content, edit.edits)


def _performed(path: Path, edit: EditHcl) -> bytes:
    """What the file holds now, as a whole."""
    if edit.target.version == ABSENT:
        content = _applied(b"", edit.edits)
        create_file(path, content)
        return content
    before = _read(path)
    if edit_version(before, edit.edits) != edit.target.version:
        raise Refused(edit.target.name, "the file changed since it was read", "check again")
    after = _applied(before, edit.edits)
    replace_file(path, after, read=before)
    return after


@contextlib.contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Two plans may edit one file: reading, comparing and replacing it is one thing. Leaves no file behind."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(
            str(folder), f"cannot be read ({error.strerror})", "check its permissions"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _edit(operation: Operation) -> EditHcl:
    if not isinstance(operation, EditHcl):
        raise TypeError(f"{operation.verb} is not an edit of a file")
    return operation


def _path(edit: EditHcl) -> Path:
    root = Path(edit.target.context).resolve()
    path = (root / edit.target.name).resolve()
    if not path.is_relative_to(root):
        raise Refused(edit.target.name, "lies outside the project directory", "edit it by hand")
    return path


def _read(path: Path) -> bytes:
    return read_file(path, FILE_LIMIT)


def edit_version(content: bytes, edits: tuple[ByteEdit, ...]) -> str:
    """sha256 of the bytes that `edits` rest on: all up to the one after the last edit, the whole file for none.

    So several edits of one file are independent when they are done from the last to the first. The byte after tells
    a value from a longer one that begins with it (`5` from `50`). What is put in before text that begins alike, as a
    block before another, would leave those bytes as they are: then they go on to the first that the edits change.
    """
    end = max((edit.end for edit in edits), default=len(content))
    return hashlib.sha256(content[: max(end + 1, _first_change(content, edits))]).hexdigest()


def _first_change(content: bytes, edits: tuple[ByteEdit, ...]) -> int:
    """How many bytes there are up to and with the first that the edits change; 0 where they do not fit."""
    try:
        after = _applied(content, edits)
    except Refused:
        return 0
    start = min((edit.start for edit in edits), default=len(content))
    pairs = zip(memoryview(content)[start:], memoryview(after)[start:], strict=False)
    return next((at for at, (one, other) in enumerate(pairs, start + 1) if one != other), len(content))


def _applied(content: bytes, edits: tuple[ByteEdit, ...]) -> bytes:
    end = len(content)
    for edit in sorted(edits, key=lambda item: item.start, reverse=True):
        if edit.end > end or edit.start > edit.end or content[edit.start : edit.end] != edit.old.encode():
            raise Refused(
                "edit", f"bytes {edit.start} to {edit.end} do not hold what it replaces", "check again"
            )
        content = content[: edit.start] + edit.new.encode() + content[edit.end :]
        end = edit.start
    return content


def _is_result(content: bytes, edit: EditHcl) -> bool:
    """Whether undoing the edits gives back the version they were made for."""
    shift = 0
    undone: list[ByteEdit] = []
    for item in sorted(edit.edits, key=lambda part: part.start):
        start = item.start + shift
        undone.append(ByteEdit(start=start, end=start + len(item.new.encode()), old=item.new, new=item.old))
        shift += len(item.new.encode()) - len(item.old.encode())
    try:
        before = _applied(content, tuple(undone))
        if edit.target.version == ABSENT:
            return before == b""
        return edit_version(before, edit.edits) == edit.target.version
    except Refused:
        return False
