"""The trace files under the given paths: each once, links followed, and what is passed over is named.

Layout: AWS CloudTrail user guide, "Finding your CloudTrail log files" and "CloudTrail digest file structure":
`AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz`, and `CloudTrail-Digest` in place of `CloudTrail`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lamplighter.core.errors import InputError, LampError
from lamplighter.core.text import printable
from lamplighter.tools.cloudtrail._seen import Seen

_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv")
_DIGESTS = "CloudTrail-Digest"
_NOT_RECORDS = frozenset({"CloudTrail-Insight", "CloudTrail-Aggregated"})
"""What CloudTrail keeps beside its records and their digests."""
_NOT_RESULTS = (".csv.metadata",)
"""What Athena keeps beside its results."""
_NAMED = 3


class TraceWalk:
    """One walk over files and directories; `problems` gets a line for whatever is passed over."""

    def __init__(self, problems: list[LampError]) -> None:
        self.problems = problems
        self._folders = Seen()
        self._files = Seen()

    def files(self, paths: Sequence[Path]) -> Iterator[Path]:
        """Log files, not their digests. A file given by name is taken whatever its name; of a directory those that are
        named like a trace.
        """
        return (path for path in self._all(paths) if not is_digest(path))

    def digests(self, paths: Sequence[Path]) -> Iterator[Path]:
        """The digests alone; those of one account, region and trail in the order of their time."""
        return (path for path in self._all(paths) if is_digest(path))

    def _all(self, paths: Sequence[Path]) -> Iterator[Path]:
        for path in paths:
            status = _status(path)
            if not _is_folder(status):
                if not self._files.add(_identity(path, status)):
                    yield path
            elif not self._folders.add(_identity(path, status)):
                yield from self._under(path)

    def _under(self, root: Path) -> Iterator[Path]:
        problems, traces = len(self.problems), 0
        unknown: list[str] = []
        waiting = [root]
        while waiting:
            folders: list[Path] = []
            for entry in self._entries(waiting.pop()):
                status = _status(entry)
                if _is_folder(status):
                    if not self._folders.add(_identity(entry, status)):
                        folders.append(entry)
                elif _is_trace(entry.name):
                    traces += 1
                    if not self._files.add(_identity(entry, status)):
                        yield entry
                elif not entry.name.lower().endswith(_NOT_RESULTS):
                    unknown.append(str(entry.relative_to(root)))
            waiting += reversed(folders)
        if unknown:
            self.problems.append(_not_read(root, unknown))
        elif not traces and len(self.problems) == problems:
            problem = "holds no CloudTrail file"
            self.problems.append(InputError(printable(str(root)), problem, "give the folder above AWSLogs"))

    def _entries(self, folder: Path) -> list[Path]:
        """By name, without hidden ones and what CloudTrail is known to keep beside its records."""
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            problem = "is a directory that cannot be listed"
            remedy = "change its permissions, or leave it out"
            self.problems.append(InputError(printable(str(folder)), problem, remedy))
            return []
        return [
            entry for entry in entries if not entry.name.startswith(".") and entry.name not in _NOT_RECORDS
        ]


class Survey(NamedTuple):
    """What lies under some paths, by its names alone."""

    digests: tuple[Path, ...]
    """Folders that hold digests, and digests given by name."""
    logs: Seen
    """The names of all other files, as `log_name` has them."""


def survey(paths: Sequence[Path]) -> Survey:
    """A look at every name, before any file is read; what cannot be listed is passed over, `TraceWalk` names it."""
    holders: dict[Path, None] = {}
    logs, folders = Seen(), Seen()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        status = _status(path)
        if not _is_folder(status):
            holders.update({path: None} if is_digest(path) else {})
            logs.add(log_name(path.name))
        elif path.name == _DIGESTS:
            holders[path] = None
        elif not folders.add(_identity(path, status)):
            with suppress(OSError), os.scandir(path) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name in _NOT_RECORDS:
                        # What the walk leaves out was not read, whatever lies there.
                        continue
                    if entry.is_dir():
                        waiting.append(Path(entry.path))
                    elif f"_{_DIGESTS}_" in entry.name:
                        holders[path] = None
                    else:
                        logs.add(log_name(entry.name))
    return Survey(tuple(holders), logs)


def is_digest(path: Path) -> bool:
    """By the folder that CloudTrail keeps them in, or by the name that it gives them."""
    return _DIGESTS in str(path) and (f"_{_DIGESTS}_" in path.name or _DIGESTS in path.parent.parts)


def log_name(key: str) -> str:
    """A log file's name (unique in itself) out of its path or key: clients may unpack it, and leave out `.gz`."""
    return key.rpartition("/")[2].removesuffix(".gz")


def _is_trace(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(_SUFFIXES)


def _not_read(root: Path, names: Sequence[str]) -> InputError:
    shown = ", ".join(printable(name, limit=100) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    files = (
        "1 file of an unknown kind was" if len(names) == 1 else f"{len(names)} files of unknown kinds were"
    )
    remedy = "move them elsewhere, or give a trace by its own name"
    return InputError(printable(str(root)), f"{files} not read ({shown}{more})", remedy)


def _status(path: Path) -> os.stat_result | None:
    """Of what a link leads to; None where it cannot be looked at, which opening it then says."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def _is_folder(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISDIR(status.st_mode)


def _identity(path: Path, status: os.stat_result | None) -> str:
    """One text for all names of one file or folder."""
    return str(path) if status is None else f"{status.st_dev}:{status.st_ino}"
