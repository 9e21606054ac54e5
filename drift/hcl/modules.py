"""A directory of parsed files as a module, and an instance of it: the names its expressions refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from lamplighter.drift.hcl.address import Key, index, parse
from lamplighter.drift.hcl.documents import POLICY_DOCUMENT, document
from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, value_of, written_members
from lamplighter.drift.hcl.functions import to_bool, to_number, to_string
from lamplighter.drift.hcl.optional import with_defaults
from lamplighter.drift.hcl.syntax import Attribute, Block, Body, Expression
from lamplighter.drift.hcl.work import Work

_CHILD = 50
"""Units of work that an instance of a module costs."""

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
    data: dict[tuple[str, str], Block] = field(default_factory=dict[tuple[str, str], Block])
    imports: list[Block] = field(default_factory=list[Block])
    providers: dict[str, Block] = field(default_factory=dict[str, Block])
    """By the name that resources use: `aws`, or `aws.west` for an alias."""
    moves: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(from, to) of each `moved` block, as written: relative to the module."""

    def add(self, body: Body) -> None:
        """The blocks of one more file."""
        for block in body.blocks:
            match block.type, block.labels:
                case "resource", (kind, name):
                    self.resources[kind, name] = block
                case "data", (kind, name):
                    self.data[kind, name] = block
                case "import", ():
                    self.imports.append(block)
                case "variable", (name,):
                    self.variables[name] = block
                case "output", (name,):
                    self.outputs[name] = block
                case "module", (name,):
                    self.calls[name] = block
                case "locals", ():
                    self.locals.update(block.body.attributes)
                case "provider", (name,):
                    alias = as_written(block, "alias")
                    self.providers[f"{name}.{alias}" if alias else name] = block
                case "moved", ():
                    self.moves.append((as_written(block, "from"), as_written(block, "to")))
                case _:
                    pass


class Argument(NamedTuple):
    """An argument of a module call: the expression, in the caller's scope."""

    expression: Expression
    scope: Scope


class StateValues:
    """Attributes of the state's resources, for references to them; sensitive ones are left out.

    `has_data` says that data sources are among them, under `data.TYPE.NAME`: references to them are known then.
    """

    def __init__(
        self, resources: Iterable[tuple[str, Key, Mapping[str, Any]]], *, has_data: bool = False
    ) -> None:
        self.has_data = has_data
        self._instances: dict[str, dict[Key, Mapping[str, Any]]] = {}
        self._together: dict[str, Any] = {}
        for base, key, attributes in resources:
            self._instances.setdefault(base, {})[key] = attributes

    def get(self, base: str) -> Any:
        """An object, a map or list of objects by index key, or UNKNOWN for what the state does not hold."""
        if base not in self._together:
            self._together[base] = self._all(self._instances.get(base, {}))
        return self._together[base]

    def one(self, base: str, key: Key) -> Mapping[str, Any]:
        """The attributes of one instance; empty for what the state does not hold."""
        return self._instances.get(base, {}).get(key, {})

    def at(self, address: str) -> Mapping[str, Any]:
        """`one` by the whole address."""
        return self.one(*_base_and_key(address))

    def with_facts(self, facts: Mapping[str, Mapping[str, Any] | None]) -> StateValues:
        """The same values with those of some addresses in their place; None for an instance that is not there."""
        made = StateValues((), has_data=self.has_data)
        made._instances = {base: dict(found) for base, found in self._instances.items()}
        for address, attributes in facts.items():
            base, key = _base_and_key(address)
            found = made._instances.setdefault(base, {})
            if attributes is None:
                found.pop(key, None)
            else:
                found[key] = attributes
        return made

    def _all(self, found: Mapping[Key, Mapping[str, Any]]) -> Any:
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
        call: tuple[Block, Instance] | None = None,
        step: Key = None,
    ) -> None:
        """`call` is the block that calls the module, and the instance it stands in; None for the root. `step` is the
        index key that the call has this instance under."""
        self.module = module
        self.prefix = prefix
        self.exclusive = exclusive
        self._arguments = arguments
        self._call = call
        self.step = step
        self._world = world
        self._memo: dict[tuple[str, ...], tuple[Any, frozenset[str]]] = {}
        self._children: dict[tuple[str, Key], Instance | None] = {}

    @property
    def scope(self) -> Scope:
        return Scope(self, self._world.work)

    @property
    def modules(self) -> Mapping[str, Module]:
        """Every module that was read, by directory."""
        return self._world.modules

    @property
    def call(self) -> tuple[Block, Instance] | None:
        """The block that calls the module, and the instance it stands in; None for the root."""
        return self._call

    def argument(self, name: str) -> Argument | None:
        """What the call gives for a variable; None where it gives nothing, and for the root."""
        given = self._arguments.get(name)
        return given if isinstance(given, Argument) else None

    def variable(self, name: str) -> Any:
        return self._once(lambda: self._variable(name), "var", name)

    def local(self, name: str) -> Any:
        return self._once(lambda: self._value(self.module.locals.get(name)), "local", name)

    def resource(self, kind: str, name: str) -> Any:
        return self._world.state.get(f"{self.prefix}{kind}.{name}")

    def data(self, kind: str, name: str) -> Any:
        return self._once(lambda: self._data(kind, name), "data", kind, name)

    def module_call(self, name: str) -> Any:
        block = self.module.calls.get(name)
        if block is None:
            return UNKNOWN
        keys = self.keys(block)
        if keys is None or not self._world.work.spend(_CHILD * len(keys)):
            return UNKNOWN
        outputs = {key: Outputs(child) for key in keys if (child := self.child(name, key)) is not None}
        if None in keys:
            return outputs.get(None, UNKNOWN)
        return list(outputs.values()) if all(isinstance(key, int) for key in keys) else outputs

    def output(self, name: str) -> Any:
        return self._once(lambda: self._output(name), "output", name)

    def child(self, name: str, key: Key) -> Instance | None:
        """The instance of a called module; None where its source was not read."""
        if (name, key) not in self._children:
            self._children[name, key] = self._world.called(self, name, key)
        return self._children[name, key]

    def provider(self, name: str) -> tuple[Block, Instance] | None:
        """The configuration that a provider's name stands for here, and where it stands; None where none was read.

        A module has its own, those its call passes under `providers`, and the plain ones of its caller.
        """
        if name in self.module.providers:
            return self.module.providers[name], self
        if self._call is None:
            return None
        block, caller = self._call
        passed = block.body.attributes.get("providers")
        names = written_members(passed.expression.node) if passed is not None else {}
        handed = names.get(name, "" if "." in name else name)
        return caller.provider(handed) if handed else None

    def inside(self, block: Block, key: Key) -> Scope:
        """The scope inside of one instance of a block: each.key and each.value, or count.index."""
        attributes = block.body.attributes
        if "for_each" in attributes and isinstance(key, str):
            with self._world.work.recording() as assumed:
                collection = self._repeats(block, "for_each")
            value = collection.get(key, UNKNOWN) if isinstance(collection, Mapping) else UNKNOWN
            if isinstance(collection, list):
                value = key
            bound = self.scope.binding(each={"key": key, "value": value})
            return replace(bound, assumed=frozenset(assumed))
        if "count" in attributes and isinstance(key, int):
            return self.scope.binding(count={"index": key})
        return self.scope

    def keys(self, block: Block) -> list[Key] | None:
        """The index keys of a block's instances, [None] for a plain block, None where they are not known."""
        attributes = block.body.attributes
        if "for_each" in attributes:
            collection = self._repeats(block, "for_each")
            if isinstance(collection, Mapping):
                return list(collection)
            known = isinstance(collection, list) and all(isinstance(item, str) for item in collection)
            return list(collection) if known else None
        if "count" in attributes:
            number = self._repeats(block, "count")
            usable = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 10_000
            return list(range(number)) if usable else None
        return [None]

    def _repeats(self, block: Block, name: str) -> Any:
        """The value of for_each or count of a block of this module."""
        return self._once(
            lambda: self._value(block.body.attributes.get(name)), name, block.type, *block.labels
        )

    def _once(self, compute: Callable[[], Any], *key: str) -> Any:
        """Evaluates once; a reference back to what is being evaluated is unknown."""
        work = self._world.work
        if key not in self._memo:
            self._memo[key] = UNKNOWN, frozenset()
            with work.recording() as assumed:
                value = compute()
            self._memo[key] = value, frozenset(assumed)
        value, rests_on = self._memo[key]
        work.assumed |= rests_on
        return value

    def _variable(self, name: str) -> Any:
        block = self.module.variables.get(name)
        if block is None or is_true(block.body.attributes.get("sensitive")):
            return UNKNOWN
        given = name in self._arguments
        value = self._argument(name) if given else None
        default = block.body.attributes.get("default")
        if not given or (value is None and is_false(block.body.attributes.get("nullable"))):
            value = self._value(default)
        if not given and not self.prefix and default is not None:
            self._world.work.assumed.add(name)
        declared = block.body.attributes.get("type")
        if declared is None:
            return value
        value = _cast(value, declared.expression.text)
        if not isinstance(value, Mapping | list) or not self._world.work.spend(len(value)):
            return value
        return with_defaults(value, declared.expression.node, self.scope)

    def _data(self, kind: str, name: str) -> Any:
        """A policy document as the code now writes it; of any other data source what the state last read."""
        block = self.module.data.get((kind, name))
        if block is None or not self._world.state.has_data:
            return UNKNOWN
        if kind == POLICY_DOCUMENT:
            keys = self.keys(block) or []
            made = {key: {"json": document(block.body, self.inside(block, key))} for key in keys}
            if made:
                if None in made:
                    return made[None]
                return made if "for_each" in block.body.attributes else list(made.values())
        return self._world.state.get(f"{self.prefix}data.{kind}.{name}")

    def _output(self, name: str) -> Any:
        block = self.module.outputs.get(name)
        if block is None or is_true(block.body.attributes.get("sensitive")):
            return UNKNOWN
        return self._value(block.body.attributes.get("value"))

    def _argument(self, name: str) -> Any:
        given = self._arguments[name]
        return value_of(given.expression, given.scope) if isinstance(given, Argument) else given

    def _value(self, attribute: Attribute | None) -> Any:
        return value_of(attribute.expression, self.scope) if attribute is not None else UNKNOWN


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
        self.work = Work()
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
        scope = caller.inside(block, key)
        arguments = {
            argument: Argument(attribute.expression, scope)
            for argument, attribute in block.body.attributes.items()
            if argument not in ("source", "version", "for_each", "count", "providers", "depends_on")
        }
        alone = caller.exclusive and not is_repeated(block) and self._uses[target] == 1 and target != ""
        prefix = f"{caller.prefix}module.{name}{index(key)}."
        return Instance(
            self.modules[target], prefix, arguments, self, exclusive=alone, call=(block, caller), step=key
        )


def _base_and_key(address: str) -> tuple[str, Key]:
    parsed = parse(address)
    key = parsed.key if parsed is not None else None
    return address.removesuffix(index(key)), key


def as_written(block: Block, name: str) -> str:
    """The text of an attribute without quotes around it, empty where the block does not set it."""
    attribute = block.body.attributes.get(name)
    return attribute.expression.text.strip().strip('"') if attribute is not None else ""


def local_source(block: Block, directory: str) -> str | None:
    """The directory of a local module, relative to the root directory; None for a remote one."""
    import posixpath

    written = as_written(block, "source")
    if not written.startswith(("./", "../")) and written not in (".", ".."):
        return None
    path = posixpath.normpath(posixpath.join(directory, written))
    return "" if path == "." else path


def is_repeated(block: Block) -> bool:
    """Whether one block stands for several instances."""
    return "for_each" in block.body.attributes or "count" in block.body.attributes


def is_true(attribute: Attribute | None) -> bool:
    return attribute is not None and attribute.expression.text.strip() == "true"


def is_false(attribute: Attribute | None) -> bool:
    return attribute is not None and attribute.expression.text.strip() == "false"


def _cast(value: Any, declared: str) -> Any:
    """A scalar as its variable's type wants it; collections are left as they are."""
    cast = _CASTS.get(declared.strip())
    if cast is None or value is UNKNOWN or value is None:
        return value
    try:
        return cast(value)
    except ValueError:
        return UNKNOWN
