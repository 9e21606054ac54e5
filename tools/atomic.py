"""A file replaced as a whole: a crash leaves the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Writes beside `path`, syncs, renames. `path` is no symbolic link; where it exists it is a regular file.

    An existing file keeps its mode and, where that may be set, its owner; a new one gets what the umask leaves. A file
    that may not be written is not replaced either, whatever its folder would allow. Raises OSError.
    """
    before = _status(path)
    draft = path.with_name(f".{secrets.token_hex(8)}.lamp")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if before else 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if before:
                with contextlib.suppress(PermissionError):
                    os.fchown(handle, before.st_uid, before.st_gid)
                os.fchmod(handle, stat.S_IMODE(before.st_mode))
            os.fsync(handle)
        draft.replace(path)
    except BaseException:  # reason: also on Ctrl-C the draft is taken away; what was raised goes on
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    # The new file is in place now; where its folder cannot be synced, that is no reason to say it is not.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _status(path: Path) -> os.stat_result | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return status
