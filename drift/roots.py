"""Which directories of a tree are root modules, where each keeps its state, and which accounts and regions it works in.

All of it as far as the files alone say: settings that are not static are named in `unknown`, never guessed. Sources:
Terraform language documentation, "Backend Configuration", "Provider Configuration", "Standard Module Structure".
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.drift.hcl import syntax
from lamplighter.drift.hcl.evaluate import Scope
from lamplighter.drift.hcl.modules import local_source
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.hcl.syntax import Block, Body, HclSyntaxError
from lamplighter.drift.provider_blocks import Provider, provider_of, single, static_settings
from lamplighter.tools import git
from lamplighter.tools.root_files import Folder, Tree, read_folder, read_tree
from lamplighter.tools.state_sources import (
    HCP_HOST,
    FileSource,
    HcpSource,
    HttpSource,
    PullSource,
    S3Source,
    StateSource,
)

_SHOWN = (
    "bucket", "key", "region", "workspace_key_prefix", "role_arn", "assume_role", "profile", "path", "workspace_dir",
    "address", "hostname", "organization", "workspaces", "endpoint", "endpoints", "container_name",
    "storage_account_name", "resource_group_name", "prefix", "use_lockfile", "dynamodb_table",
)  # fmt: skip
"""Settings of backends that hold no secret; others are not read."""


class Backend(NamedTuple):
    """Where a root module keeps its state. `type` is `local` where the code names none, `cloud` for a `cloud` block.

    `settings` hold what is static, nested blocks as objects; `unknown` names what stands there and is not. Settings
    that are given to `init` only are those that it left in `.terraform`.
    """

    type: str
    settings: Mapping[str, Any] = {}
    unknown: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """A setting that is text; empty where it is not set, or not static."""
        value = self.settings.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class RootModule:
    """`path` is relative to the directory that was searched, empty for itself; so are `modules`, the local modules it
    uses, directly or through others. `signs` say what makes it a root. `workspaces` are those that files tell of, the
    selected one included; other backends have theirs elsewhere (`Terraform.workspaces`).
    """

    path: str
    signs: tuple[str, ...]
    backend: Backend
    providers: tuple[Provider, ...]
    modules: tuple[str, ...]
    workspaces: tuple[str, ...]
    workspace: str

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(account for provider in self.providers for account in provider.accounts)

    @property
    def regions(self) -> frozenset[str]:
        return frozenset(provider.region for provider in self.providers if provider.region)


@dataclass(frozen=True, slots=True)
class Roots:
    """`roots` by path. `problems` are one-line texts of what could not be read, `not_read` what is left out by rule."""

    directory: Path
    roots: tuple[RootModule, ...]
    problems: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()


def find_roots(directory: Path, *, workspace: str = "", changed_since: str = "") -> Roots:
    """The root modules in a directory and below it.

    `workspace` is TF_WORKSPACE. With `changed_since` (a git ref) only those whose own files or local modules differ
    from where HEAD left that ref. Raises InputError for a directory or a ref that cannot be used.
    """
    found = roots_of(read_tree(directory), workspace)
    if not changed_since:
        return found
    changed = changed_roots(found.roots, git.changed_since(directory, changed_since))
    return Roots(directory, changed, found.problems, found.not_read)


def roots_of(tree: Tree, workspace: str = "") -> Roots:
    """The root modules of a tree that was read: directories with a backend, a provider, required providers or a state
    that no other directory of the tree uses as a module."""
    problems = list(tree.problems)
    bodies: dict[str, list[Body]] = {}
    for folder in tree.folders:
        bodies[folder.path] = list(_bodies(folder, problems))
    uses = {path: _uses(found, path) for path, found in bodies.items()}
    used = {target for path, targets in uses.items() for target in targets if target != path}
    roots = [
        _root(folder, bodies[folder.path], signs, _reachable(folder.path, uses), workspace)
        for folder in tree.folders
        if not folder.is_outside
        and folder.path not in used
        and (signs := tuple(_signs(folder, bodies[folder.path])))
    ]
    roots.sort(key=lambda root: root.path)
    return Roots(tree.directory, tuple(roots), tuple(problems), tree.not_read)


def root_at(directory: Path, workspace: str = "") -> RootModule | None:
    """A directory as a root module by itself, whatever stands around it; None where it holds no .tf file.

    Its `modules` are not followed; what cannot be read is left out.
    """
    folder = read_folder(directory)
    if folder is None:
        return None
    bodies = list(_bodies(folder, []))
    return _root(folder, bodies, tuple(_signs(folder, bodies)), (), workspace)


def changed_roots(roots: Iterable[RootModule], changed: Iterable[str]) -> tuple[RootModule, ...]:
    """Those of the roots to which a changed file belongs. `changed` are paths as `RootModule.path` is one.

    A file belongs to the nearest root or module above it.
    """
    known = list(roots)
    places = {path for root in known for path in (root.path, *root.modules)}
    owners = {_owner(path, places) for path in changed}
    return tuple(root for root in known if owners & {root.path, *root.modules})


def state_source(root: RootModule, directory: Path, workspace: str = "") -> StateSource:
    """Where the state of a root module is read from; `directory` is the one that was searched.

    `workspace` is the root's own where it is empty. What the files do not say in full is left to Terraform.
    """
    backend, place = root.backend, directory / root.path
    chosen = workspace or root.workspace
    pull = PullSource(place, "" if chosen == "default" else chosen)
    if backend.unknown:
        return pull
    match backend.type:
        case "local":
            return FileSource(_local(backend, place, chosen))
        case "s3":
            return _s3(backend, chosen) or pull
        case "http" if backend.text("address"):
            return HttpSource(backend.text("address"), in_code=True)
        case "cloud" | "remote":
            return _hcp(backend, chosen) or pull
        case _:
            return pull


def _local(backend: Backend, place: Path, workspace: str) -> Path:
    if workspace == "default":
        return place / (backend.text("path") or "terraform.tfstate")
    return place / (backend.text("workspace_dir") or "terraform.tfstate.d") / workspace / "terraform.tfstate"


def _s3(backend: Backend, workspace: str) -> S3Source | None:
    bucket, key = backend.text("bucket"), backend.text("key")
    if not bucket or not key or "endpoint" in backend.settings or "endpoints" in backend.settings:
        return None
    if workspace != "default":
        key = f"{backend.text('workspace_key_prefix') or 'env:'}/{workspace}/{key}"
    assumed = backend.settings.get("assume_role")
    role = backend.text("role_arn") or str(
        assumed.get("role_arn", "") if isinstance(assumed, Mapping) else ""
    )
    return S3Source(bucket, key, backend.text("region"), backend.text("profile"), role)


def _hcp(backend: Backend, workspace: str) -> HcpSource | None:
    workspaces = backend.settings.get("workspaces")
    named = workspaces if isinstance(workspaces, Mapping) else {}
    prefix = named.get("prefix")
    name = named.get("name") or (workspace if workspace != "default" else "")
    organization = backend.text("organization")
    if not organization or not isinstance(name, str) or not name:
        return None
    full = f"{prefix}{name}" if isinstance(prefix, str) else name
    return HcpSource(organization, full, backend.text("hostname") or HCP_HOST)


def _bodies(folder: Folder, problems: list[str]) -> Iterator[Body]:
    for file in folder.files:
        try:
            yield syntax.parse(file.content, file.path)
        except HclSyntaxError as error:
            problems.append(f"{file.path}: line {error.line}: {error.problem}; it is not read")


def _uses(bodies: Iterable[Body], path: str) -> list[str]:
    """The directories that the module calls of a directory name."""
    calls = (block for body in bodies for block in body.of_type("module"))
    return sorted({target for block in calls if (target := local_source(block, path)) is not None})


def _reachable(path: str, uses: Mapping[str, list[str]]) -> tuple[str, ...]:
    found: set[str] = set()
    waiting = list(uses[path])
    while waiting:
        target = waiting.pop()
        if target not in found and target != path:
            found.add(target)
            waiting += uses.get(target, [])
    return tuple(sorted(found))


def _signs(folder: Folder, bodies: Iterable[Body]) -> Iterator[str]:
    kinds = {block.type for body in bodies for block in _settings(body)} | {
        block.type for body in bodies for block in body.of_type("provider")
    }
    yield from (kind for kind in ("backend", "cloud", "provider", "required_providers") if kind in kinds)
    if folder.has_state or folder.workspaces:
        yield "state"


def _settings(body: Body) -> Iterator[Block]:
    """The blocks inside of `terraform` blocks."""
    for block in body.of_type("terraform"):
        yield from block.body.blocks


def _root(
    folder: Folder, bodies: list[Body], signs: tuple[str, ...], modules: tuple[str, ...], workspace: str
) -> RootModule:
    scope = Project(
        [(posixpath.basename(file.path), file.content) for file in folder.files],
        [(posixpath.basename(file.path), file.content) for file in folder.variables],
    ).scope
    chosen = workspace or folder.initialised.workspace or "default"
    return RootModule(
        path=folder.path,
        signs=signs,
        backend=_backend(folder, bodies, scope),
        providers=tuple(provider_of(block, scope) for body in bodies for block in body.of_type("provider")),
        modules=modules,
        workspaces=tuple(sorted({chosen, *folder.workspaces})),
        workspace=chosen,
    )


def _backend(folder: Folder, bodies: Iterable[Body], scope: Scope) -> Backend:
    written = [block for body in bodies for block in _settings(body) if block.type in ("backend", "cloud")]
    left = folder.initialised
    if not written:
        return Backend("local")
    block = written[-1]
    kind = "cloud" if block.type == "cloud" else (block.labels[0] if block.labels else "local")
    settings, unknown = static_settings(block.body, scope)
    if kind == left.backend:
        given = {name: value for name, value in left.settings.items() if value not in (None, "", [], {})}
        settings = {**given, **settings}
    shown = {name: single(value) for name, value in settings.items() if name in _SHOWN}
    return Backend(kind, shown, tuple(name for name in unknown if name not in shown))


def _owner(path: str, places: set[str]) -> str | None:
    """The nearest of the places above a file."""
    while path and not path.endswith(".."):
        path = posixpath.dirname(path)
        if path in places:
            return path
    return None
