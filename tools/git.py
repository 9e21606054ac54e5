"""What changed in a git repository, and a commit beside it: hooks, file system monitors, external diffs, prompts off.

Source: git documentation, "git-diff", "git-config" (core.fsmonitor, diff drivers), "gitrevisions".
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lamplighter.core.errors import InputError, Refused, Unavailable
from lamplighter.core.text import printable
from lamplighter.tools import process

_REF = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_./@{}^~+#=-]*")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
# A repository's own configuration may name programs that run on a mere look at the working tree.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CONFIG_HOME", "GIT_CEILING_DIRECTORIES")
_IDENTITY = tuple(
    f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")
)
# What a partial clone left out must not be fetched for a mere look: no protocol is allowed, and newer git does not try.
# Source: git documentation, "git" (GIT_ALLOW_PROTOCOL, GIT_NO_LAZY_FETCH).
_OFFLINE = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}
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


def commit_on_branch(
    directory: Path, branch: str, before: Mapping[str, bytes | None], after: Mapping[str, bytes], message: str
) -> str:
    """A new branch with one commit on top of HEAD, in which files below `directory` hold what `after` says; its id.

    Neither the working tree, nor the index, nor HEAD is touched. `before` is what the files were read as (None: not
    there). Raises Refused where HEAD has them otherwise (they are not committed as they are) or the branch is there,
    InputError for a name that is none, outside of a repository and where git has no author, Unavailable for what else
    git says.
    """
    if _try(directory, "check-ref-format", "--branch", branch).code != 0 or branch.startswith(("-", "refs/")):
        raise InputError(
            printable(branch, limit=100) or "an empty name", "is no name for a branch", "give another"
        )
    prefix = _line(directory, "rev-parse", "--show-prefix")
    head = _git(directory, "rev-parse", "--verify", "HEAD").decode().strip()
    if any(_try(directory, "var", f"GIT_{who}_IDENT").code != 0 for who in ("AUTHOR", "COMMITTER")):
        remedy = "set them: `git config user.name ...` and `git config user.email ...`"
        raise InputError("user.name and user.email of git", "say no author for a commit", remedy)
    if _try(directory, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").code == 0:
        raise Refused(branch, "there is a branch of this name", "give another with --branch")
    for path, content in before.items():
        found = _try(directory, "cat-file", "blob", f"HEAD:{prefix}{path}")
        if (found.stdout if found.code == 0 else None) != content:
            raise Refused(path, "is not in HEAD as it stands here", "commit or stash your own changes first")
    with tempfile.TemporaryDirectory(prefix="lamp-git-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(directory, "read-tree", head, env=index)
        for path, content in after.items():
            blob = _git(directory, "hash-object", "-w", "--stdin", stdin=content).decode().strip()
            mode = _git(directory, "ls-tree", "HEAD", "--", path)[:6].decode() or "100644"
            entry = f"{mode},{blob},{prefix}{path}"
            _git(directory, "update-index", "--add", "--cacheinfo", entry, env=index)
        tree = _git(directory, "write-tree", env=index).decode().strip()
    commit = _git(directory, "commit-tree", tree, "-p", head, stdin=message.encode()).decode().strip()
    # With the empty old value git makes the branch only where there is none.
    _git(directory, "update-ref", "-m", "lamp drift fix", f"refs/heads/{branch}", commit, "")
    return commit


def prefix_of(directory: Path) -> str:
    """Where a directory lies in its repository, with a `/` at the end; empty at its top, or where there is none."""
    found = _try(directory, "rev-parse", "--show-prefix")
    return os.fsdecode(found.stdout).rstrip("\n") if found.code == 0 else ""


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


def _git(directory: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
    done = _try(directory, *arguments, stdin=stdin, env=env)
    if done.code != 0 or done.timed_out or done.dropped:
        said = "took too long" if done.timed_out else done.stderr.decode("utf-8", "replace").strip()
        raise Unavailable(
            f"git {arguments[0]}", printable(said, limit=200) or "failed", "check the repository"
        )
    return done.stdout


def _try(
    directory: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> process.Completed:
    environment = {name: os.environ[name] for name in (*_KEPT, *_IDENTITY) if name in os.environ} | _OFFLINE
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "LC_ALL": "C"}
    return process.run(
        ["git", *_SAFE, *arguments],
        cwd=directory,
        env={**environment, **(env or {})},
        stdin=stdin,
        timeout_s=_SECONDS,
        max_output=64 * 1024 * 1024,
    )


def _relative(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()
