"""A directory of parsed files as a module, and an instance of it: the names its expressions refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lamplighter.drift.hcl.address import Key, index
from lamplighter.drift.hcl.evaluate import UNKNOWN, Depth, Scope, evaluate
from lamplighter.drift.hcl.functions import to_bool, to_number, to_string
from lamplighter.drift.hcl.syntax import Attribute, Block, Body, Expression

_CASTS = {"string": to_string, "number": to_number, "bool": to_bool}


@dataclass
class Module:
    """The blocks of one directory, by name."""

    directory: str
    resources: dict[tuple[str, str], Block] = field(default_factory=dict[tuple[str, str], Block])
    variables: dict[str, Block] = field(default_factory=dict[str, Block])
    outputs: dict[str, Block] = field(default_factory=dict[str, Block])
    calls: dict[str, Block] = field(default_factory=dict[str, Block])
    locals: dict[str, Attribute] = field(default_factory=dict[str, Attribute])

    def add(self, body: Body) -> None:
        """The blocks of one more file."""
        for block in body.blocks:
            match block.type, block.labels:
                case "resource", (kind, name):
                    self.resources[kind, name] = block
                case "variable", (name,):
                    self.variables[name] = block
                case "output", (name,):
                    self.outputs[name] = block
                case "module", (name,):
                    self.calls[name] = block
                case "locals", ():
                    self.locals.update(block.body.attributes)
                case _:
                    pass


class Argument(NamedTuple):
    """An argument of a module call: the expression, in the caller's scope."""

    expression: Expression
    scope: Scope


class StateValues:
    """Attributes of the state's resources, for references to them; sensitive ones are left out."""

    def __init__(self, resources: Iterable[tuple[str, Key, Mapping[str, Any]]]) -> None:
        self._instances: dict[str, dict[Key, Mapping[str, Any]]] = {}
        for base, key, attributes in resources:
            self._instances.setdefault(base, {})[key] = attributes

    def get(self, base: str) -> Any:
        """An object, a map or list of objects by index key, or UNKNOWN for what the state does not hold."""
        found = self._instances.get(base)
        if not found:
            return UNKNOWN
        if None in found:
            return found[None]
        if all(isinstance(key, int) for key in found):
            numbers = sorted(key for key in found if isinstance(key, int))
            return [found[number] for number in numbers] if numbers == list(range(len(numbers))) else UNKNOWN
        return {key: value for key, value in found.items() if isinstance(key, str)}


class Instance:
    """One instance of a module: `prefix` is its address with a dot at the end, empty for the root.

    `exclusive` says whether its source is used by this instance alone, so that a literal in it is this
    instance's own.
    """

    def __init__(
        self,
        module: Module,
        prefix: str,
        arguments: Mapping[str, Argument | Any],
        world: World,
        exclusive: bool,
    ) -> None:
        self.module = module
        self.prefix = prefix
        self.exclusive = exclusive
        self._arguments = arguments
        self._world = world
        self._memo: dict[tuple[str, str], Any] = {}
        self._children: dict[tuple[str, Key], Instance | None] = {}

    @property
    def scope(self) -> Scope:
        return Scope(self, self._world.depth)

    def variable(self, name: str) -> Any:
        return self._once("var", name)

    def local(self, name: str) -> Any:
        return self._once("local", name)

    def resource(self, kind: str, name: str) -> Any:
        return self._world.state.get(f"{self.prefix}{kind}.{name}")

    def module_call(self, name: str) -> Any:
        block = self.module.calls.get(name)
        if block is None:
            return UNKNOWN
        keys = instance_keys(block, self.scope)
        if keys is None:
            return UNKNOWN
        outputs = {key: Outputs(child) for key in keys if (child := self.child(name, key)) is not None}
        if None in keys:
            return outputs.get(None, UNKNOWN)
        return list(outputs.values()) if all(isinstance(key, int) for key in keys) else outputs

    def output(self, name: str) -> Any:
        return self._once("output", name)

    def child(self, name: str, key: Key) -> Instance | None:
        """The instance of a called module; None where its source was not read."""
        if (name, key) not in self._children:
            self._children[name, key] = self._world.called(self, name, key)
        return self._children[name, key]

    def _once(self, kind: str, name: str) -> Any:
        """Evaluates once; a reference back to what is being evaluated is unknown."""
        if (kind, name) not in self._memo:
            self._memo[kind, name] = UNKNOWN
            self._memo[kind, name] = self._evaluated(kind, name)
        return self._memo[kind, name]

    def _evaluated(self, kind: str, name: str) -> Any:
        if kind == "local":
            attribute = self.module.locals.get(name)
            return evaluate(attribute.expression.node, self.scope) if attribute is not None else UNKNOWN
        block = (self.module.variables if kind == "var" else self.module.outputs).get(name)
        if block is None or is_true(block.body.attributes.get("sensitive")):
            return UNKNOWN
        if kind == "output":
            return self._attribute(block, "value")
        value = self._argument(name) if name in self._arguments else self._attribute(block, "default")
        declared = block.body.attributes.get("type")
        return _cast(value, declared.expression.text if declared is not None else "")

    def _argument(self, name: str) -> Any:
        given = self._arguments[name]
        return evaluate(given.expression.node, given.scope) if isinstance(given, Argument) else given

    def _attribute(self, block: Block, name: str) -> Any:
        attribute = block.body.attributes.get(name)
        return evaluate(attribute.expression.node, self.scope) if attribute is not None else UNKNOWN


class Outputs(Mapping[str, Any]):
    """A module's outputs, evaluated when asked for."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def __getitem__(self, name: str) -> Any:
        if name not in self._instance.module.outputs:
            raise KeyError(name)
        return self._instance.output(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._instance.module.outputs)

    def __len__(self) -> int:
        return len(self._instance.module.outputs)


class World:
    """What all instances of a project share: the modules by directory, and the values of the state."""

    def __init__(self, modules: Mapping[str, Module], state: StateValues) -> None:
        self.modules = modules
        self.state = state
        self.depth = Depth()
        self._uses: dict[str, int] = {}
        for module in modules.values():
            for block in module.calls.values():
                target = local_source(block, module.directory)
                self._uses[target or ""] = self._uses.get(target or "", 0) + 1

    def root(self, variables: Mapping[str, Any]) -> Instance:
        return Instance(self.modules.get("") or Module(""), "", variables, self, exclusive=True)

    def called(self, caller: Instance, name: str, key: Key) -> Instance | None:
        block = caller.module.calls.get(name)
        target = local_source(block, caller.module.directory) if block is not None else None
        if (
            block is None
            or target is None
            or target not in self.modules
            or caller.prefix.count("module.") > 20
        ):
            return None
        scope = instance_scope(block, caller.scope, key)
        arguments = {
            argument: Argument(attribute.expression, scope)
            for argument, attribute in block.body.attributes.items()
            if argument not in ("source", "version", "for_each", "count", "providers", "depends_on")
        }
        alone = caller.exclusive and not is_repeated(block) and self._uses[target] == 1 and target != ""
        prefix = f"{caller.prefix}module.{name}{index(key)}."
        return Instance(self.modules[target], prefix, arguments, self, exclusive=alone)


def module_source(block: Block) -> str:
    """The source of a module call as written, empty where there is none."""
    attribute = block.body.attributes.get("source")
    return attribute.expression.text.strip().strip('"') if attribute is not None else ""


def local_source(block: Block, directory: str) -> str | None:
    """The directory of a local module, relative to the root directory; None for a remote one."""
    import posixpath

    written = module_source(block)
    if not written.startswith(("./", "../")) and written not in (".", ".."):
        return None
    path = posixpath.normpath(posixpath.join(directory, written))
    return "" if path == "." else path


def is_repeated(block: Block) -> bool:
    """Whether one block stands for several instances."""
    return "for_each" in block.body.attributes or "count" in block.body.attributes


def is_true(attribute: Attribute | None) -> bool:
    return attribute is not None and attribute.expression.text.strip() == "true"


def instance_keys(block: Block, scope: Scope) -> list[Key] | None:
    """The index keys of a block's instances, [None] for a plain block, None where they are not known."""
    attributes = block.body.attributes
    if "for_each" in attributes:
        collection = evaluate(attributes["for_each"].expression.node, scope)
        if isinstance(collection, Mapping):
            return list(collection)
        known = isinstance(collection, list) and all(isinstance(item, str) for item in collection)
        return list(collection) if known else None
    if "count" in attributes:
        number = evaluate(attributes["count"].expression.node, scope)
        usable = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 10_000
        return list(range(number)) if usable else None
    return [None]


def instance_scope(block: Block, scope: Scope, key: Key) -> Scope:
    """The scope inside of one instance of a block: each.key and each.value, or count.index."""
    attributes = block.body.attributes
    if "for_each" in attributes and isinstance(key, str):
        collection = evaluate(attributes["for_each"].expression.node, scope)
        value = collection.get(key, UNKNOWN) if isinstance(collection, Mapping) else UNKNOWN
        if isinstance(collection, list):
            value = key
        return scope.binding(each={"key": key, "value": value})
    if "count" in attributes and isinstance(key, int):
        return scope.binding(count={"index": key})
    return scope


def _cast(value: Any, declared: str) -> Any:
    """A scalar as its variable's type wants it; collections are left as they are."""
    cast = _CASTS.get(declared.strip())
    if cast is None or value is UNKNOWN or value is None:
        return value
    try:
        return cast(value)
    except ValueError:
        return UNKNOWN
