"""Which state a check takes: the one that a person names, else the root module's own, as its files tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable
from lamplighter.drift.roots import RootModule, root_at, state_source
from lamplighter.tools.state_sources import FileSource, PullSource, S3Source, StateSource, parse_source

_BESIDE = "terraform.tfstate"


def state_for(
    directory: Path, given: str = "", *, workspace: str = "", profile: str = ""
) -> StateSource | None:
    """The state of one directory: what `given` names (see `parse_source`), else that of its own backend.

    None is what lies in the directory: the backend is that one, or its settings are not static. `profile` is the AWS
    profile of whoever asks, for a state in S3 that names none. Raises InputError for what is no place of a state.
    """
    if given:
        source = parse_source(given, directory)
        if isinstance(source, PullSource) and workspace:
            source = replace(source, workspace=workspace)
        return _with_profile(source, profile)
    root = root_at(directory, workspace)
    if root is None:
        return None
    own = state_source(root, directory, workspace)
    is_beside = isinstance(own, PullSource) or own == FileSource(directory / _BESIDE)
    return None if is_beside else _with_profile(own, profile)


def state_of_root(
    root: RootModule, directory: Path, workspace: str, *, pull: bool = False, profile: str = ""
) -> StateSource | None:
    """The state of one of the root modules found in `directory`, in a workspace of it.

    With `pull` Terraform is asked where the files do not say in full where the state is; without it, what lies beside
    the code is taken then, and InputError raised where nothing does.
    """
    source = state_source(root, directory, workspace)
    if isinstance(source, FileSource) and not source.path.exists():
        raise InputError(
            str(source.path), "there is no state here", "apply it, or check it alone with --state"
        )
    if not isinstance(source, PullSource) or pull:
        return _with_profile(source, profile)
    place = directory / root.path
    if (place / _BESIDE).is_file():
        return None
    problem = (
        f"the files do not say where its {printable(root.backend.type, limit=40)} backend keeps the state"
    )
    raise InputError(str(place), problem, "give --state pull, or check it alone with --state")


def workspaces_of(root: RootModule, directory: Path) -> tuple[str, ...]:
    """The workspaces whose states the files tell of; at least one, that in which Terraform would run."""
    backend = root.backend
    if backend.type == "local" and not backend.unknown:
        sources = {name: state_source(root, directory, name) for name in root.workspaces}
        held = [name for name, at in sources.items() if isinstance(at, FileSource) and at.path.is_file()]
        return tuple(held) or (root.workspace,)
    fixed = _fixed(root)
    return (fixed,) if fixed else (root.workspace,)


def is_unused_module(root: RootModule, directory: Path) -> bool:
    """Whether all that makes it a root is that it names its providers, as modules of a library do, and it has no
    backend and no state."""
    if root.signs != ("required_providers",):
        return False
    sources = [state_source(root, directory, name) for name in root.workspaces]
    return not any(isinstance(at, FileSource) and at.path.exists() for at in sources)


def has_workspace(root: RootModule, directory: Path, name: str) -> bool:
    """Whether a root module may have a workspace: what a backend elsewhere holds, only itself can tell."""
    if root.backend.type in ("local", "http") or _fixed(root):
        return name in workspaces_of(root, directory)
    return True


def _fixed(root: RootModule) -> str:
    """The one workspace that a `cloud` or `remote` block names."""
    named = root.backend.settings.get("workspaces")
    if root.backend.type not in ("cloud", "remote") or not isinstance(named, Mapping):
        return ""
    name = named.get("name")
    return name if isinstance(name, str) else ""


def _with_profile(source: StateSource, profile: str) -> StateSource:
    return replace(source, profile=profile) if isinstance(source, S3Source) and not source.profile else source
