"""A Terraform project, read: where an address and its attributes stand in the code, and what they say there."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl import syntax
from lamplighter.drift.hcl.address import Address, ModuleStep
from lamplighter.drift.hcl.evaluate import (
    UNKNOWN,
    Scope,
    is_known,
    literal,
    object_key,
    object_members,
    value_of,
)
from lamplighter.drift.hcl.modules import (
    Instance,
    Module,
    StateValues,
    World,
    as_written,
    is_repeated,
    local_source,
)
from lamplighter.drift.hcl.sensitive import rests_on_sensitive
from lamplighter.drift.hcl.syntax import Attribute, Block, Body, Expression, HclSyntaxError
from lamplighter.drift.model import CodeAttribute, CodeLocation
from lamplighter.drift.values import at, same, shallow

if TYPE_CHECKING:
    from tree_sitter import Node


_TAGS = ("tags", "tags_all")
_MAX_NAMES = 100
"""Addresses of one resource that `moved` blocks are followed through."""


class Broken(NamedTuple):
    """A file that is not what its name says."""

    file: str
    line: int
    problem: str


class _Place(NamedTuple):
    """A block as one instance of it sees it."""

    block: Block
    instance: Instance
    scope: Scope
    own: bool
    """Whether a literal here belongs to this instance alone."""


class Project:
    """Parsed once; `broken` names the files that are not in it, `remote` the modules that were not read."""

    def __init__(
        self,
        files: Iterable[tuple[str, bytes]],
        variables: Iterable[tuple[str, bytes]] = (),
        state: StateValues | None = None,
        *,
        parse: Callable[[bytes, str], Body] = syntax.parse,
    ) -> None:
        """`files` are (path relative to the root directory, bytes) of .tf files, `variables` of variable
        files in the order in which they count, the last one most. Raises nothing: see `broken`.
        `parse` may know files from before.
        """
        self._parse = parse
        self.broken: list[Broken] = []
        self.backend = ""
        """The kind of backend that the root module keeps its state in; empty where it names none."""
        self.providers: list[Block] = []
        """The `provider` blocks of the root module."""
        modules: dict[str, Module] = {}
        self.parsed = 0
        for path, content in files:
            body = self._parsed(path, content)
            directory = posixpath.dirname(path)
            if body is not None:
                self.parsed += 1
                modules.setdefault(directory, Module(directory)).add(body)
                if not directory:
                    self.backend = self.backend or _backend(body)
                    self.providers += body.of_type("provider")
        self.remote: list[tuple[str, str]] = []
        self.missing: list[tuple[str, str]] = []
        for module in modules.values():
            for name, block in sorted(module.calls.items()):
                target = local_source(block, module.directory)
                if target is None:
                    self.remote.append((name, as_written(block, "source")))
                elif target not in modules:
                    self.missing.append((name, as_written(block, "source")))
        self.assumed: set[str] = set()
        """Root variables whose default is not what the state was made with, of what was compared so far."""
        self._state = state or StateValues(())
        world = World(modules, self._state)
        self._work = world.work
        self._root = world.root(self._variables(variables, world))

    @property
    def excess(self) -> CodeLocation | None:
        """The first expression whose value would be too large, or costs too much, to be computed."""
        return CodeLocation(*self._work.excess) if self._work.excess else None

    @property
    def root(self) -> Instance:
        """The root module, from which every instance of a called one can be reached."""
        return self._root

    @property
    def scope(self) -> Scope:
        """What expressions of the root module may refer to."""
        return self._root.scope

    def block(self, address: str) -> Block | None:
        """The resource block of an address; None when the code read does not have it."""
        place = self._place(address)
        return place.block if place is not None else None

    def written_as(self, address: str) -> str | None:
        """The address that the code has for a resource known by `address`: another where it was moved."""
        found = self._found(address)
        return found[0] if found is not None else None

    def moved_to(self, address: str, taken: Container[str] = ()) -> str:
        """Where the `moved` blocks take what the state has at an address, one after another; itself where none does.

        As in Terraform nothing moves to an address that is `taken`.
        """
        seen = {address}
        while (parsed := addresses.parse(address)) is not None:
            following = next(self._moved(address, parsed), address)
            if following in seen or following in taken:
                break
            address = following
            seen.add(address)
        return address

    def instance(self, modules: Sequence[ModuleStep]) -> Instance | None:
        """The instance of a module that an address leads through; None where its code was not read."""
        return self._instance(modules)

    def seen(self, address: str) -> tuple[Block, Instance, Scope] | None:
        """The resource block of an address, the module instance it stands in, and the scope inside of that instance."""
        place = self._place(address)
        return (place.block, place.instance, place.scope) if place is not None else None

    def locate(self, address: str, attribute: str = "", *, compared: bool = True) -> CodeAttribute | None:
        """What the code says of an attribute of an address, or of the block itself for an empty attribute.

        None when the code read has no such block. `text` is empty when the block does not set the attribute;
        the location is the block's then. What rests on the default of a root variable is known only where the
        state says the same: the variable may be set from outside the files. Unless only the place is asked for, or
        Terraform's own writing is compared (not `compared`), such variables are noted in `assumed`.
        """
        self._work.look_up()
        place = self._place(address)
        if place is None:
            return None
        location = CodeLocation(place.block.file, place.block.line)
        parts = attribute.split(".") if attribute else []
        with self._work.recording() as assumed:
            found = _descend(place.block.body, parts, place) if parts else None
        if (
            found is not None
            and found.known
            and assumed
            and not self._is_stored(address, attribute, found.value)
        ):
            self.assumed |= assumed if compared else set()
            return replace(found, known=False, value=None)
        return found or CodeAttribute(location, "", known=False)

    def is_sensitive(self, address: str, attribute: str) -> bool:
        """Whether what the code writes for an attribute rests on a variable or an output that is marked sensitive."""
        place = self._place(address)
        found = self.locate(address, attribute, compared=False)
        return place is not None and found is not None and rests_on_sensitive(found.text, place.instance)

    def ignores(self, address: str, attribute: str) -> bool:
        """Whether lifecycle.ignore_changes, or ignore_tags of its provider, tells Terraform not to look there."""
        place = self._place(address)
        if place is None:
            return False
        for setting in place.block.body.of_type("lifecycle"):
            written = setting.body.attributes.get("ignore_changes")
            if written is not None:
                names = _listed(written.expression)
                if "all" in names or any(_covers(name, attribute) for name in names):
                    return True
        top, _, key = attribute.partition(".")
        return bool(key) and top in _TAGS and self._ignores_tag(place, key)

    def _ignores_tag(self, place: _Place, key: str) -> bool:
        """Whether the provider of a resource leaves the tag alone. A list that is not known ignores nothing."""
        name = as_written(place.block, "provider") or place.block.labels[0].partition("_")[0]
        found = place.instance.provider(name)
        if found is None:
            return False
        block, instance = found
        for setting in block.body.of_type("ignore_tags"):
            listed = setting.body.attributes
            if key in _texts(listed.get("keys"), instance):
                return True
            if key.startswith(tuple(_texts(listed.get("key_prefixes"), instance))):
                return True
        return False

    def _is_stored(self, address: str, attribute: str, value: Any) -> bool:
        parsed = addresses.parse(address)
        key = parsed.key if parsed is not None else None
        return same(at(self._state.one(address.removesuffix(addresses.index(key)), key), attribute), value)

    def _parsed(self, path: str, content: bytes) -> Body | None:
        try:
            return self._parse(content, path)
        except HclSyntaxError as error:
            self.broken.append(Broken(path, error.line, error.problem))
            return None

    def _variables(self, files: Iterable[tuple[str, bytes]], world: World) -> dict[str, Any]:
        values: dict[str, Any] = {}
        nothing = Instance(Module(""), "", {}, world, exclusive=False)
        for path, content in files:
            if path.endswith(".json"):
                values.update(self._json_variables(path, content))
                continue
            body = self._parsed(path, content)
            for name, attribute in (body.attributes if body is not None else {}).items():
                values[name] = value_of(attribute.expression, nothing.scope)
        return values

    def _json_variables(self, path: str, content: bytes) -> Mapping[str, Any]:
        try:
            values = json.loads(content)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, dict):
            return values
        self.broken.append(Broken(path, 1, "not a JSON object"))
        return {}

    def _place(self, address: str) -> _Place | None:
        found = self._found(address)
        return found[1] if found is not None else None

    def _found(self, address: str) -> tuple[str, _Place] | None:
        """Where an address stands in the code, under any address that `moved` blocks say it had or will have.

        A place with as many instances as the address says comes before one that has not.
        """
        addressed = [address]
        second: tuple[str, _Place] | None = None
        for name in addressed:
            parsed = addresses.parse(name)
            if parsed is None:
                continue
            place = self._at(parsed)
            if place is not None and is_repeated(place.block) == (parsed.key is not None):
                return name, place
            second = second or ((name, place) if place is not None else None)
            if len(addressed) < _MAX_NAMES:
                near = [*self._moved(name, parsed), *self._moved(name, parsed, back=True)]
                addressed += [other for other in near if other not in addressed]
        return second

    def _at(self, parsed: Address) -> _Place | None:
        instance = self._instance(parsed.modules)
        block = instance.module.resources.get((parsed.type, parsed.name)) if instance is not None else None
        if instance is None or block is None:
            return None
        own = instance.exclusive and not is_repeated(block) and not block.file.startswith("../")
        return _Place(block, instance, instance.inside(block, parsed.key), own)

    def _instance(self, steps: Sequence[ModuleStep]) -> Instance | None:
        instance: Instance | None = self._root
        for step in steps:
            instance = instance.child(step.name, step.key) if instance is not None else None
        return instance

    def _moved(self, address: str, parsed: Address, *, back: bool = False) -> Iterator[str]:
        """The addresses that one `moved` block, of the root or of a module on the way, leads to."""
        for count in range(len(parsed.modules) + 1):
            instance = self._instance(parsed.modules[:count])
            if instance is None or not address.startswith(instance.prefix):
                return
            rest = address.removeprefix(instance.prefix)
            for move in instance.module.moves:
                before, after = reversed(move) if back else move
                # With an index on either side it is one instance that moves, else all of them, each with its own.
                alone = before.endswith("]") or after.endswith("]")
                if rest == before or rest.startswith(f"{before}." if alone else (f"{before}.", f"{before}[")):
                    yield instance.prefix + after + rest.removeprefix(before)


def _texts(attribute: Attribute | None, instance: Instance) -> list[str]:
    """A list of text whose value is in the files; empty where it is not, or may be another."""
    if attribute is None:
        return []
    with instance.scope.work.recording() as assumed:
        value = value_of(attribute.expression, instance.scope)
    return (
        [item for item in value if isinstance(item, str)] if isinstance(value, list) and not assumed else []
    )


def _covers(written: str, attribute: str) -> bool:
    """Whether an entry of ignore_changes names the attribute or what it is in. A tag's key is in dots' way: whole."""
    path = _path(written)
    one_key = written.endswith('"]') or (path.startswith(tuple(f"{name}." for name in _TAGS)))
    return attribute == path or (not one_key and attribute.startswith(f"{path}."))


def _backend(body: Body) -> str:
    for block in body.of_type("terraform"):
        for inner in block.body.blocks:
            if inner.type == "cloud" or (inner.type == "backend" and inner.labels):
                return inner.labels[0] if inner.labels else "cloud"
    return ""


def _listed(expression: Expression) -> list[str]:
    """The members of a list as written, or the expression itself where it is none."""
    inner = [child for child in expression.node.children if child.type == "collection_value"]
    if not inner:
        return [expression.text.strip()]
    return [syntax.source(child) for child in inner[0].children[0].children if child.type == "expression"]


def _path(reference: str) -> str:
    """`tags["Owner"]`, `"days"` and `rule[0].days` as attribute paths: `tags.Owner`, `days`, `rule.days`."""

    def step(found: re.Match[str]) -> str:
        text = re.sub(r"\\(.)", r"\1", found[1] or "").replace("$${", "${").replace("%%{", "%{")
        return "" if found[1] is None else f".{text}"

    return re.sub(r'\[(?:\d+|"((?:[^"\\]|\\.)*)")\]', step, reference.strip().strip('"'))


def _descend(body: Body, parts: Sequence[str], place: _Place) -> CodeAttribute | None:
    head, rest = parts[0], list(parts[1:])
    attribute = body.attributes.get(head)
    if attribute is not None:
        return _in_attribute(attribute, ".".join(rest), place)
    blocks = body.of_type(head)
    if not blocks:
        generated = next((block for block in body.of_type("dynamic") if block.labels == (head,)), None)
        if generated is None:
            return None
        return CodeAttribute(
            CodeLocation(generated.file, generated.line), f"dynamic {head} block", known=False
        )
    position = int(rest.pop(0)) if rest and rest[0].isdecimal() else 0
    chosen = blocks[min(position, len(blocks) - 1)]
    whole = CodeAttribute(CodeLocation(chosen.file, chosen.line), f"{head} block", known=False)
    if not rest or (len(blocks) > 1 and len(rest) == len(parts) - 1):
        return whole
    # A nested block that does not set the attribute is still the best place to point to.
    return _descend(chosen.body, rest, place) or CodeAttribute(whole.location, "", known=False)


def _in_attribute(attribute: Attribute, key: str, place: _Place) -> CodeAttribute:
    location = CodeLocation(place.block.file, attribute.line)
    if not key:
        return _described(attribute.expression, location, place)
    return _in_value(attribute.expression, key, location, place)


def _in_value(expression: Expression, key: str, location: CodeLocation, place: _Place) -> CodeAttribute:
    """A member of a map: its own literal where it is written in place, else the value of the whole."""
    for node in _overlays(expression.node):
        inner = [child for child in node.children if child.type != "comment"]
        is_object = (
            len(inner) == 1 and inner[0].type == "collection_value" and inner[0].children[0].type == "object"
        )
        if is_object:
            for key_node, value_node in object_members(inner[0].children[0]):
                if object_key(key_node, place.scope) == key:
                    line = int(value_node.start_point[0]) + 1
                    member = Expression(value_node, line, expression.file)
                    return _described(member, CodeLocation(location.file, line), place)
            continue
        members = value_of(expression._replace(node=node), place.scope)
        if not isinstance(members, Mapping):
            break
        if key in members:
            return _valued(members[key], syntax.source(node), location)
    value = value_of(expression, place.scope)
    if not isinstance(value, Mapping) or not is_known(value):
        return _valued(UNKNOWN, expression.text, location)
    if key in value:
        return _valued(value[key], expression.text, location)
    return CodeAttribute(location, expression.text, known=True, value=_nested(value, key))


def _nested(value: Mapping[str, Any], key: str) -> Any:
    head, _, rest = key.partition(".")
    inner = value.get(head)
    return _nested(inner, rest) if rest and isinstance(inner, Mapping) else None if rest else inner


def _overlays(node: Node) -> list[Node]:
    """The maps a value is made of, the one that counts most first: the arguments of `merge`, or itself."""
    inner = [child for child in node.children if child.type != "comment"]
    if (
        len(inner) == 1
        and inner[0].type == "function_call"
        and syntax.source(inner[0].children[0]) == "merge"
    ):
        arguments = next((child for child in inner[0].children if child.type == "function_arguments"), None)
        if arguments is not None and not any(child.type == "ellipsis" for child in arguments.children):
            return [child for child in reversed(arguments.children) if child.type == "expression"]
    return [node]


def _described(expression: Expression, location: CodeLocation, place: _Place) -> CodeAttribute:
    value, alone = literal(expression.node)
    if not alone:
        return _valued(value_of(expression, place.scope), expression.text, location)
    own = expression.span if place.own else None
    return replace(_valued(value, expression.text, location), edit_range=own)


def _valued(value: Any, text: str, location: CodeLocation) -> CodeAttribute:
    """`null` says no value: what Terraform makes of it is the provider's to say."""
    known = value is not None and is_known(value)
    return CodeAttribute(location, text, known=known, value=shallow(value) if known else None)
