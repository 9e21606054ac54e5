"""What changed in a git repository: only reads, with hooks, file system monitors, external diffs and prompts off.

Source: git documentation, "git-diff", "git-config" (core.fsmonitor, diff drivers), "gitrevisions".
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.text import printable
from lamplighter.tools import process

_REF = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_./@{}^~+#=-]*")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
# A repository's own configuration may name programs that run on a mere look at the working tree.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CONFIG_HOME", "GIT_CEILING_DIRECTORIES")
_SECONDS = 60.0


def changed_since(directory: Path, ref: str) -> tuple[str, ...]:
    """Files below the repository's top that differ from where HEAD left `ref`, changes that are not committed and new
    files included, as paths relative to `directory` (with `/`; `../` for those beside it).

    Raises InputError for a ref that is none or that names no commit, and outside of a repository; Unavailable without
    git.
    """
    if not _REF.fullmatch(ref) or ".." in ref or ref.endswith((".", "/")):
        raise InputError(
            printable(ref, limit=100) or "the ref", "is no git ref", "give a branch, a tag or a commit"
        )
    top = Path(_line(directory, "rev-parse", "--show-toplevel"))
    commit = _commit(directory, ref)
    differing = _git(
        top,
        "diff",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--ignore-submodules=dirty",
        "--name-only",
        "-z",
        commit,
        "--",
    )
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z", "--")
    names = {name for name in (differing + new).split(b"\0") if name}
    base = directory.resolve()
    return tuple(sorted(_relative(top.resolve() / os.fsdecode(name), base) for name in names))


def _commit(directory: Path, ref: str) -> str:
    found = _try(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    named = found.stdout.decode("ascii", "replace").strip()
    if found.code != 0 or not _COMMIT.fullmatch(named):
        raise InputError(printable(ref, limit=100), "names no commit here", "fetch it, or give another ref")
    common = _try(directory, "merge-base", named, "HEAD")
    base = common.stdout.decode("ascii", "replace").strip()
    if common.code != 0 or not _COMMIT.fullmatch(base):
        remedy = "fetch more of the history (`git fetch --unshallow`)"
        raise InputError(printable(ref, limit=100), "has no common history with HEAD here", remedy)
    return base


def _line(directory: Path, *arguments: str) -> str:
    found = _try(directory, *arguments)
    if found.code != 0:
        said = found.stderr.decode("utf-8", "replace")
        if "dubious ownership" in said:
            remedy = f"allow it with `git config --global --add safe.directory {directory.absolute()}`"
            raise InputError(str(directory), "belongs to another user, so git does not read it", remedy)
        remedy = "leave the ref out, or name a directory of a repository"
        raise InputError(str(directory), "is not in a git repository", remedy)
    return os.fsdecode(found.stdout).rstrip("\n")


def _git(directory: Path, *arguments: str) -> bytes:
    done = _try(directory, *arguments)
    if done.code != 0 or done.timed_out or done.dropped:
        said = "took too long" if done.timed_out else done.stderr.decode("utf-8", "replace").strip()
        raise Unavailable(
            f"git {arguments[0]}", printable(said, limit=200) or "failed", "check the repository"
        )
    return done.stdout


def _try(directory: Path, *arguments: str) -> process.Completed:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "LC_ALL": "C"}
    return process.run(
        ["git", *_SAFE, *arguments],
        cwd=directory,
        env=environment,
        timeout_s=_SECONDS,
        max_output=64 * 1024 * 1024,
    )


def _relative(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()
