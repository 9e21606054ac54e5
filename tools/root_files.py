"""Reads a tree of Terraform directories: what stands in each, as plain data. Nothing is interpreted here.

Hidden folders (`.terraform`, `.git`) are left out, links to folders are not followed, and a tree that is too large or
cannot be read is told in `problems`. Sources: Terraform CLI documentation, "Workspaces" and "TF_DATA_DIR".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable
from lamplighter.tools.terraform_files import FILE_LIMIT, SourceFile, local_sources, variable_files

_FILES_LIMIT = 50_000
_OTHERS = ("terragrunt.hcl", "root.hcl")
_WORKSPACES = "terraform.tfstate.d"


class Initialised(NamedTuple):
    """What `terraform init` left in a directory: the backend's type and settings, and the workspace selected last."""

    backend: str = ""
    settings: Mapping[str, Any] = {}
    workspace: str = ""


NOT_INITIALISED = Initialised()


@dataclass(frozen=True, slots=True)
class Folder:
    """One directory that holds .tf files. `path` is relative to the directory that was searched, with `/`, empty for
    itself; so are those of the files. `workspaces` are the names that have a folder in terraform.tfstate.d."""

    path: str
    files: tuple[SourceFile, ...]
    variables: tuple[SourceFile, ...] = ()
    has_state: bool = False
    workspaces: tuple[str, ...] = ()
    initialised: Initialised = NOT_INITIALISED

    @property
    def is_outside(self) -> bool:
        """Whether it stands beside the directory that was searched: it was read because a module call names it."""
        return self.path == ".." or self.path.startswith("../")


@dataclass(frozen=True, slots=True)
class Tree:
    """`not_read` names what is left out by rule (JSON syntax, OpenTofu's own files, Terragrunt)."""

    directory: Path
    folders: tuple[Folder, ...]
    problems: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()


def read_tree(directory: Path) -> Tree:
    """Every directory below with a .tf file, and those outside that module calls name. Raises InputError when
    `directory` cannot be listed."""
    if not directory.is_dir():
        problem = "is not a directory" if directory.exists() else "no such directory"
        raise InputError(str(directory), problem, "name the directory to search for root modules")
    reading = _Reading(directory)
    for current, below, names in os.walk(directory, onerror=reading.failed):
        below[:] = sorted(name for name in below if not name.startswith(".") and name != _WORKSPACES)
        path = Path(current).relative_to(directory).as_posix()
        reading.take("" if path == "." else path, sorted(names))
        if reading.count > _FILES_LIMIT:
            reading.problems.append(
                f"more than {_FILES_LIMIT} files: the rest was not read; search a smaller directory"
            )
            break
    reading.follow()
    return Tree(directory, tuple(reading.folders), tuple(reading.problems), tuple(sorted(reading.not_read)))


def read_folder(directory: Path) -> Folder | None:
    """One directory alone; None where it holds no .tf file or cannot be listed."""
    reading = _Reading(directory)
    with contextlib.suppress(OSError):
        reading.take("", sorted(path.name for path in directory.iterdir()))
    return reading.folders[0] if reading.folders else None


@dataclass
class _Reading:
    directory: Path
    folders: list[Folder] = field(default_factory=list[Folder])
    problems: list[str] = field(default_factory=list[str])
    not_read: list[str] = field(default_factory=list[str])
    count: int = 0

    def failed(self, error: OSError) -> None:
        """A folder that os.walk could not list."""
        path = printable(str(error.filename), limit=300)
        self.problems.append(f"{path}: cannot be listed ({error.strerror})")

    def follow(self) -> None:
        """Reads the local modules outside of the directory, and theirs."""
        seen = {folder.path for folder in self.folders}
        for folder in self.folders:  # grows while it is walked through
            for file in folder.files:
                for target in local_sources(file.content, folder.path):
                    if target.startswith("..") and target not in seen:
                        seen.add(target)
                        with contextlib.suppress(OSError):
                            self.take(
                                target, sorted(path.name for path in (self.directory / target).iterdir())
                            )

    def take(self, path: str, names: list[str]) -> None:
        folder = self.directory / path
        visible = [name for name in names if not name.startswith((".", "#")) and not name.endswith("~")]
        for name in visible:
            if name in _OTHERS or name.endswith((".tf.json", ".tofu", ".tofu.json")):
                self.not_read.append(_join(path, name))
        code = [name for name in visible if name.endswith(".tf")]
        if not code:
            return
        self.count += len(code)
        self.folders.append(
            Folder(
                path,
                files=self._read(folder, path, code),
                variables=self._read(folder, path, list(variable_files(visible))),
                has_state="terraform.tfstate" in names,
                workspaces=_workspaces(folder),
                initialised=_initialised(folder),
            )
        )

    def _read(self, folder: Path, path: str, names: list[str]) -> tuple[SourceFile, ...]:
        found: list[SourceFile] = []
        for name in names:
            label = _join(path, name)
            try:
                with (folder / name).open("rb") as stream:
                    content = stream.read(FILE_LIMIT + 1)
            except OSError as error:
                self.problems.append(f"{printable(label, limit=300)}: cannot be read ({error.strerror})")
                continue
            if len(content) > FILE_LIMIT:
                self.problems.append(
                    f"{printable(label, limit=300)}: is over {FILE_LIMIT // 1024 // 1024} MiB"
                )
            else:
                found.append(SourceFile(label, content, hashlib.sha256(content).hexdigest()))
        return tuple(found)


def _workspaces(folder: Path) -> tuple[str, ...]:
    try:
        with os.scandir(folder / _WORKSPACES) as entries:
            return tuple(sorted(entry.name for entry in entries if entry.is_dir()))
    except OSError:
        return ()


def _initialised(folder: Path) -> Initialised:
    """Of `.terraform`; what cannot be read there is as if `init` had not been run."""
    data = folder / ".terraform"
    try:
        document = json.loads((data / "terraform.tfstate").read_bytes()[:FILE_LIMIT])
        backend = document["backend"]
        kind, settings = str(backend["type"]), dict(backend["config"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        kind, settings = "", {}
    try:
        workspace = (data / "environment").read_text(encoding="utf-8", errors="replace")[:200].strip()
    except OSError:
        workspace = ""
    return Initialised(kind, settings, workspace)


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
