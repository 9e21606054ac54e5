"""All that the code says: every value of every instance, as the files and the state let it be computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from lamplighter.drift.hcl.blocks import contents
from lamplighter.drift.hcl.declared import Declared, declared, module_instances
from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known, value_of
from lamplighter.drift.hcl.modules import Instance, as_written, local_source
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.hcl.syntax import Block, Body, source
from lamplighter.drift.members import Member, held, sets
from lamplighter.drift.model import StateResource
from lamplighter.drift.state import StateIndex

REPEATS = ("for_each", "count")
OUTPUT = "output."
_VERSIONS = 4
"""Versions of what is shared whose instances are kept as computed."""
_TAGGING = ("default_tags", "ignore_tags")
META = ("provider", "depends_on", "lifecycle", "provisioner", "connection")
"""What tells Terraform how to handle a resource: compared as written."""


class Said(NamedTuple):
    """What the code says of one instance. `values` has an entry for each attribute it sets and a list of objects for
    each kind of nested block, with UNKNOWN where it cannot be computed; `texts` how those with an UNKNOWN are written.

    `assumed` are root variables whose default stands for values that may be given elsewhere. `counted`: see `Declared`.
    """

    address: str
    type: str
    name: str
    file: str
    values: Mapping[str, Any]
    texts: Mapping[str, str]
    assumed: frozenset[str]
    counted: bool


@dataclass(frozen=True)
class Written:
    """By address as the code has it; `imports` are the import blocks, address -> id ("" where it is not known)."""

    instances: Mapping[str, Said]
    imports: Mapping[str, str]
    around: Mapping[str, Mapping[str, Any]]
    """What providers, data sources, calls of modules that were not read, and outputs of the root say, by a name of
    their own. What a provider says of tags is in the resources' `tags_all`."""
    shared: str
    """Everything besides resources, as written: what a value that cannot be computed may rest on."""
    stored: Mapping[str, StateResource]
    """The state's resources, by the address that `moved` blocks give them."""

    @classmethod
    def of(
        cls,
        project: Project,
        state: StateIndex,
        contents_of: Mapping[str, bytes],
        variables: Iterable[str],
        before: dict[str, dict[tuple[str, str, bytes], Said]],
    ) -> Written:
        """`variables` are the files that give values to variables. `before` is what was found of other versions of the
        code with the same state, and takes what is found now: by all besides resources as written, then by instance,
        file and block. Nothing else counts: what refers to a resource has its value from the state, or as `referred`
        has it for a code that is given other values.
        """
        stored = _moved(project, state)
        texts = [contents_of[path].decode("utf-8", "replace") for path in variables]
        shared = "\n".join([*texts, *_shared(project.root)])
        known = before.setdefault(shared, {})
        if len(before) > _VERSIONS:
            del before[next(iter(before))]
        found: dict[str, Said] = {}
        for item in declared(project.root, stored):
            file = item.block.file
            key = item.address, file, contents_of[file][slice(*item.block.span)]
            if key not in known:
                known[key] = _said(item, stored)
            found[item.address] = known[key]
        around = {
            name: contents(body, instance.scope)
            for instance in module_instances(project.root, stored)
            for name, body in around_of(instance)
        }
        return cls(found, dict(_imports(project.root)), around, shared, stored)

    @cached_property
    def as_resources(self) -> StateIndex:
        """What an apply would leave, as far as that is known: the state's values with the code's over them."""
        return StateIndex(self._resource(said) for said in self.instances.values())

    def members(self, address: str, attribute: str) -> list[Member] | None:
        """Every member of a set-like attribute, in the resource itself or in resources of their own; None where one is
        not known."""
        found = next((item for item in self.as_resources.resources if item.address == address), None)
        if found is None:
            return []
        members = held(self.as_resources, found, attribute)
        return None if any(not is_known(member.value) for member in members) else members

    def _resource(self, said: Said) -> StateResource:
        stored = self.stored.get(said.address)
        own = {name: value for name, value in said.values.items() if value is not UNKNOWN}
        base: Mapping[str, Any] = {}
        if stored is not None:
            # The state shows the members that other resources hold too: what counts here is who writes them.
            base = {
                name: value
                for name, value in stored.attributes.items()
                if (said.type, name) not in sets() or said.values.get(name) is UNKNOWN
            }
        return StateResource(said.address, said.type, said.name, "", "", {**base, **own})


def _moved(project: Project, state: StateIndex) -> dict[str, StateResource]:
    own = {resource.address: resource for resource in state.resources}
    if not any(module.moves for module in project.root.modules.values()):
        return own
    return {project.moved_to(address, own): resource for address, resource in own.items()}


def _said(item: Declared, stored: Mapping[str, StateResource]) -> Said:
    body = item.block.body
    work = item.scope.work
    work.look_up()
    plain = Body(
        {name: found for name, found in body.attributes.items() if name not in (*REPEATS, *META)},
        tuple(block for block in body.blocks if block.type not in META),
    )
    with work.recording() as assumed:
        values = contents(plain, item.scope)
        default = _default_tags(item, stored.get(item.address))
    if default is not None:
        own = values.get("tags")
        own = {} if own is None else own
        known = isinstance(own, Mapping) and isinstance(default, Mapping)
        values["tags_all"] = {**default, **own} if known else UNKNOWN
    texts = {name: text_of(body, name) for name, value in values.items() if not is_known(value)}
    handled = {name: text for name in META if (text := text_of(body, name))}
    kind, name = item.block.labels[:2]
    return Said(
        item.address,
        kind,
        name,
        item.block.file,
        {**values, **handled},
        texts,
        frozenset(assumed),
        item.counted,
    )


def _default_tags(item: Declared, stored: StateResource | None) -> Any:
    """The tags that its provider gives a resource; None where it gives none, or the type has no tags."""
    if stored is not None and "tags_all" not in stored.attributes:
        return None
    name = as_written(item.block, "provider") or item.block.labels[0].partition("_")[0]
    found = item.instance.provider(name)
    if found is None:
        return None
    block, instance = found
    for setting in block.body.of_type("default_tags"):
        tags = setting.body.attributes.get("tags")
        if tags is not None:
            return value_of(tags.expression, instance.scope)
    return None


def _imports(root: Instance) -> Iterator[tuple[str, str]]:
    for block in root.module.imports:
        named = block.body.attributes.get("id")
        value = value_of(named.expression, root.scope) if named is not None else UNKNOWN
        if (to := as_written(block, "to")) and "for_each" not in block.body.attributes:
            yield to, value if isinstance(value, str) else ""


def around_of(instance: Instance) -> Iterator[tuple[str, Body]]:
    module, prefix = instance.module, instance.prefix
    for name, block in module.providers.items():
        rest = tuple(inner for inner in block.body.blocks if inner.type not in _TAGGING)
        yield f"{prefix}provider.{name}", Body(block.body.attributes, rest)
    for (kind, name), block in module.data.items():
        # A policy document is what is computed from it: it is judged where it is used.
        if kind != "aws_iam_policy_document":
            yield f"{prefix}data.{kind}.{name}", block.body
    for name, block in module.calls.items():
        if local_source(block, module.directory) not in instance.modules:
            yield f"{prefix}module.{name}", block.body
    if not prefix:
        yield from ((f"{OUTPUT}{name}", block.body) for name, block in module.outputs.items())


def _shared(root: Instance) -> Iterator[str]:
    """Locals, variables, module calls, outputs, data sources, providers and moves of all modules, as written."""
    for directory, module in root.modules.items():
        yield directory
        yield from (f"{old} {new}" for old, new in module.moves)
        yield from (f"{name} = {one.expression.text}" for name, one in module.locals.items())
        named = (module.variables, module.outputs, module.calls, module.data, module.providers)
        yield from (as_text(block) for blocks in named for block in blocks.values())


def text_of(body: Body, name: str) -> str:
    attribute = body.attributes.get(name)
    texts = [attribute.expression.text] if attribute is not None else []
    texts += [
        as_text(block)
        for block in body.blocks
        if block.type == name or (block.type == "dynamic" and block.labels == (name,))
    ]
    return "\n".join(texts)


def as_text(block: Block) -> str:
    """A block as written, without blanks and comments between its statements."""
    inner = [f"{item.name} = {source(item.expression.node)}" for item in block.body.attributes.values()]
    inner += [as_text(item) for item in block.body.blocks]
    return f"{block.type} {' '.join(block.labels)} {{{'; '.join(inner)}}}"
