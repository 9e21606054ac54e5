"""A file replaced as a whole: a crash leaves the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from lamplighter.core.errors import InputError, Refused


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file that is no symbolic link, of `limit` at most; never waits, as a pipe would have it.

    Raises InputError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InputError(str(path), "is no regular file", "put the file back")
            content = stream.read(limit + 1)
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "check its permissions") from error
    if len(content) > limit:
        raise InputError(
            str(path), f"is over {limit // (1024 * 1024)} MiB", "check that it is the right file"
        )
    return content


def replace_file(path: Path, content: bytes, *, read: bytes | None = None) -> None:
    """Writes beside `path`, syncs, renames. `path` is no symbolic link; where it exists it is a regular file.

    An existing file keeps its mode and, where that may be set, its owner; a new one gets what the umask leaves. A file
    that may not be written is not replaced either, whatever its folder would allow. Raises OSError.

    `read` is what the file held when `content` was made of it: it is read again when all is ready for the rename, and
    where it holds anything else now, Refused is raised and it stays as it is. (Between that and the rename no time is
    spent, but no call of the system makes one of the two.)
    """
    before = _status(path)
    draft = _draft_of(path)
    handle = os.open(draft, _NEW, 0o600 if before else 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if before:
                with contextlib.suppress(PermissionError):
                    os.fchown(handle, before.st_uid, before.st_gid)
                os.fchmod(handle, stat.S_IMODE(before.st_mode))
            os.fsync(handle)
        if read is not None:
            _require_unchanged(path, read)
        draft.replace(path)
    except BaseException:  # reason: also on Ctrl-C the draft is taken away; what was raised goes on
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    _sync_folder(path)


def create_file(path: Path, content: bytes) -> None:
    """A new file, whole or not at all, which takes the place of nothing. Raises OSError, Refused where one is there."""
    draft = _draft_of(path)
    handle = os.open(draft, _NEW, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(handle)
        # Unlike a rename, a link never replaces a file.
        path.hardlink_to(draft)
    except FileExistsError:
        raise Refused(str(path), "is there by now", "nothing was written; check again") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    _sync_folder(path)


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{secrets.token_hex(8)}.lamp")


def _sync_folder(path: Path) -> None:
    # The new file is in place now; where its folder cannot be synced, that is no reason to say it is not.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _require_unchanged(path: Path, read: bytes) -> None:
    try:
        unchanged = read_file(path, len(read)) == read
    except InputError:
        unchanged = False
    if not unchanged:
        raise Refused(
            str(path), "was changed while it was about to be written", "nothing was written; check again"
        )


def _status(path: Path) -> os.stat_result | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return status
