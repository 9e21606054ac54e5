"""kubeconfig files as kubectl merges them; files are read, no cluster is asked and no client is loaded.

Merging after the Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files": of the files that
KUBECONFIG lists the first that sets a value wins, and one that does not exist is passed over. (The Python client lets
the last `current-context` win, which is one more reason to give it the context by name.)
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.config import home
from lamplighter.core.errors import Unavailable
from lamplighter.core.text import printable

_KINDS = ("contexts", "clusters", "users")


class Entry(NamedTuple):
    """A named context, cluster or user; relative paths in it are relative to `folder`."""

    settings: Mapping[str, Any]
    folder: Path

    def text(self, name: str) -> str:
        """The setting as text; empty where it is not set, or is no text."""
        value = self.settings.get(name)
        return value if isinstance(value, str) else ""


@dataclass
class Kubeconfig:
    """`files` are those that were read, `problems` say which could not be: kubectl would stop at the first of them."""

    files: list[Path] = field(default_factory=list[Path])
    current_context: str = ""
    current_file: Path | None = None
    contexts: dict[str, Entry] = field(default_factory=dict[str, Entry])
    clusters: dict[str, Entry] = field(default_factory=dict[str, Entry])
    users: dict[str, Entry] = field(default_factory=dict[str, Entry])
    problems: list[Unavailable] = field(default_factory=list[Unavailable])

    @property
    def names(self) -> str:
        """The files, for a line of text."""
        return printable(os.pathsep.join(map(str, self.files)))


def default_path(env: Mapping[str, str]) -> Path:
    return home(env) / ".kube" / "config"


def read_kubeconfig(env: Mapping[str, str]) -> Kubeconfig:
    """Reads what KUBECONFIG lists, else `~/.kube/config`. Raises nothing: see `problems`."""
    listed = [Path(name) for name in env.get("KUBECONFIG", "").split(os.pathsep) if name]
    merged = Kubeconfig()
    for path in listed or [default_path(env)]:
        try:
            document = _read(path)
        except Unavailable as problem:
            merged.problems.append(problem)
            continue
        if document is not None:
            merged.files.append(path)
            _merge(document, path, merged)
    return merged


def _read(path: Path) -> Mapping[str, Any] | None:
    """None where the file does not exist."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode):
            # KUBECONFIG=/dev/null is a common way to have none.
            return None
        if not stat.S_ISREG(mode):
            raise _unreadable(path, "is not a regular file")
        return _parsed(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "cannot be read (not UTF-8)") from error


def _parsed(path: Path, text: str) -> Mapping[str, Any]:
    try:
        import yaml  # comes with the Kubernetes client
    except ImportError as error:
        problem, remedy = "cannot be read without PyYAML", "install pyyaml, or set kube_context"
        raise Unavailable(printable(str(path)), problem, remedy) from error
    try:
        # Not by the loader in C, which a file of 30,000 brackets ends by a stack overflow, and this process with it.
        document: Any = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _unreadable(path, f"is not valid YAML{line}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(path, "is not valid YAML") from error
    if not isinstance(document, Mapping | None):
        raise _unreadable(path, "is not a kubeconfig")
    return document or {}


def _unreadable(path: Path, problem: str) -> Unavailable:
    return Unavailable(printable(str(path)), problem, "mend the file, or name another in KUBECONFIG")


def _merge(document: Mapping[str, Any], path: Path, merged: Kubeconfig) -> None:
    current = document.get("current-context")
    if isinstance(current, str) and current and not merged.current_context:
        merged.current_context, merged.current_file = current, path
    for kind in _KINDS:
        known: dict[str, Entry] = getattr(merged, kind)
        for name, settings in _entries(document.get(kind), kind[:-1]):
            known.setdefault(name, Entry(settings, path.absolute().parent))


def _entries(listed: object, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """`[{name: dev, context: {...}}]` -> its pairs; what is not of that form is nothing."""
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            settings = item.get(kind)
            yield item["name"], settings if isinstance(settings, Mapping) else {}
