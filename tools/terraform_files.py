"""Reads a Terraform directory and a state file from disk; it understands neither beyond what says where to look.

What is there and cannot be read is named in `problems`: an answer from half the code must not look complete.
Source of the rules: Terraform language documentation, "Files and Directories", "Input Variables" (variable
definition precedence), "Module Sources"; "JSON Output Format" for `terraform show -json`.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lamplighter.core.errors import InputError

FILE_LIMIT = 4 * 1024 * 1024
"""Bytes of one source file."""
FILES_LIMIT = 5_000
STATE_LIMIT = 512 * 1024 * 1024

_LOCAL_SOURCE = re.compile(rb'^\s*source\s*=\s*"(\.{1,2}(?:/[^"$\r\n]*)?)"', re.MULTILINE)
_STATE_NAME = "terraform.tfstate"


class SourceFile(NamedTuple):
    """One file; `path` is relative to the root directory, with `/`; modules beside it begin with `../`."""

    path: str
    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class CodeFiles:
    """A root module's directory and the local modules it names.

    `directory` is the label the user gave. `variables` stand in the order in which they count, the last one
    most. `problems` are one-line texts of what could not be read; `not_read` names what is left out by rule.
    """

    directory: str
    files: tuple[SourceFile, ...]
    variables: tuple[SourceFile, ...] = ()
    problems: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateFile:
    """A state as plain JSON: Terraform's own file (`v4`), or what `terraform show -json` prints (`show`)."""

    label: str
    form: Literal["v4", "show"]
    document: dict[str, Any]


@dataclass
class _Reading:
    root: Path
    files: list[SourceFile] = field(default_factory=list[SourceFile])
    problems: list[str] = field(default_factory=list[str])
    not_read: list[str] = field(default_factory=list[str])

    def take(self, path: Path, name: str) -> SourceFile | None:
        try:
            content = _content(path, FILE_LIMIT)
        except InputError as error:
            self.problems.append(str(error))
            return None
        return SourceFile(name, content, hashlib.sha256(content).hexdigest())


def read_code(directory: Path) -> CodeFiles:
    """Raises InputError when the directory is none, or holds no .tf file that can be read."""
    reading = _Reading(directory)
    _names(directory)
    _modules(reading)
    if not reading.files:
        if reading.problems:
            raise InputError(str(directory), f"no .tf file can be read; the first: {reading.problems[0]}")
        only_json = any(name.endswith(".tf.json") for name in reading.not_read)
        problem = "holds only .tf.json files, which are not read" if only_json else "holds no .tf files"
        raise InputError(str(directory), problem, "name the directory of a root module")
    variables = [
        found
        for name in variable_files(_names(directory))
        if (found := reading.take(directory / name, name)) is not None
    ]
    return CodeFiles(
        directory=str(directory),
        files=tuple(reading.files),
        variables=tuple(variables),
        problems=tuple(reading.problems),
        not_read=tuple(sorted(set(reading.not_read))),
    )


def read_state(directory: Path, explicit: Path | None = None) -> StateFile:
    """The state named, or the one in the directory. Raises InputError for one that cannot be read or used."""
    path = explicit or directory / _STATE_NAME
    if explicit is None and not path.exists():
        remedy = "name a state with --state; `terraform state pull > FILE` or `terraform show -json > FILE` writes one"
        raise InputError(str(path), "there is no state here", remedy)
    return state_of(str(path), _content(path, STATE_LIMIT))


def state_of(label: str, content: bytes) -> StateFile:
    """A state's bytes, from wherever they came; `label` names it. Raises InputError for one that cannot be used."""
    try:
        document = json.loads(content)
    except RecursionError:
        raise InputError(label, "not a Terraform state (nested too deep)", _STATE_REMEDY) from None
    except ValueError as error:
        where = (
            f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its encoding is unknown"
        )
        raise InputError(label, f"not valid JSON ({where})", _STATE_REMEDY) from error
    if not isinstance(document, dict):
        raise InputError(label, "not a Terraform state", _STATE_REMEDY)
    return StateFile(label, _form(label, document), document)


_STATE_REMEDY = "write it again with `terraform state pull` or `terraform show -json`"


def _form(label: str, document: dict[str, Any]) -> Literal["v4", "show"]:
    if "format_version" in document:
        major = str(document["format_version"]).partition(".")[0]
        if "planned_values" in document or "resource_changes" in document:
            remedy = "give the output of `terraform show -json` without a plan"
            raise InputError(label, "is a plan, not a state", remedy)
        if major not in ("0", "1"):
            problem = f"show format {str(document['format_version'])[:20]!r} is not supported"
            raise InputError(label, problem, "use Terraform 1.x to write it")
        if not isinstance(document.get("values", {}), dict):
            raise InputError(label, "not the output of `terraform show -json`", _STATE_REMEDY)
        return "show"
    version = document.get("version")
    if version != 4:
        unsupported = f"state version {str(version)[:20]!r} is not supported"
        shown = unsupported if "version" in document else "not a Terraform state"
        raise InputError(label, shown, "only version 4 (Terraform 0.12 and later) is; " + _STATE_REMEDY)
    if not isinstance(document.get("resources", []), list):
        raise InputError(label, "not a Terraform state: its resources are no list", _STATE_REMEDY)
    return "v4"


def _modules(reading: _Reading) -> None:
    """Reads the root and, from there, every local source that is named, each directory once."""
    waiting, seen = [""], {""}
    while waiting:
        inside = waiting.pop(0)
        for found in _directory(reading, inside):
            for target in local_sources(found.content, inside):
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)


def local_sources(content: bytes, inside: str) -> Iterator[str]:
    """Directories that the module calls of a file name, relative as `inside` is, the file's own directory."""
    for source in _LOCAL_SOURCE.findall(content):
        target = posixpath.normpath(posixpath.join(inside, source.decode("utf-8", "replace")))
        yield "" if target == "." else target


def _directory(reading: _Reading, inside: str) -> Iterator[SourceFile]:
    folder = reading.root / inside if inside else reading.root
    try:
        names = _names(folder)
    except InputError as error:
        # A missing module is named by whoever finds the call; what exists and cannot be listed is named here.
        if folder.is_dir():
            reading.problems.append(str(error))
        return
    for name in names:
        label = posixpath.join(inside, name)
        if name.endswith((".tf.json", ".tofu", ".tofu.json")) or re.fullmatch(r"(?:.*_)?override\.tf", name):
            reading.not_read.append(label)
        elif name.endswith(".tf"):
            if len(reading.files) >= FILES_LIMIT:
                reading.problems.append(f"{label}: more than {FILES_LIMIT} files; check a smaller directory")
                return
            found = reading.take(folder / name, label)
            if found is not None:
                reading.files.append(found)
                yield found


def variable_files(names: list[str]) -> Iterator[str]:
    """Terraform's order: terraform.tfvars, terraform.tfvars.json, then *.auto.tfvars(.json) by name."""
    for name in ("terraform.tfvars", "terraform.tfvars.json"):
        if name in names:
            yield name
    yield from (name for name in names if name.endswith((".auto.tfvars", ".auto.tfvars.json")))


def _names(folder: Path) -> list[str]:
    """Names in a directory, sorted; hidden files and editors' copies are none of Terraform's."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are wanted, one stat a file is not
    except OSError as error:
        remedy = "name a directory with .tf files" if not folder.is_dir() else "check its permissions"
        raise InputError(str(folder), f"cannot be listed ({error.strerror})", remedy) from error
    return sorted(name for name in names if not name.startswith((".", "#")) and not name.endswith("~"))


def _content(path: Path, limit: int) -> bytes:
    try:
        if not path.is_file():
            problem = (
                "is a directory" if path.is_dir() else "is not a file" if path.exists() else "no such file"
            )
            raise InputError(str(path), problem, "check the path")
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "check its permissions") from error
    if len(content) > limit:
        raise InputError(
            str(path), f"is over {limit // (1024 * 1024)} MiB", "check that it is the right file"
        )
    return content
