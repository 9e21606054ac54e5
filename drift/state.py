"""A Terraform state -> its managed resource instances, found by address and by what the cloud calls them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamplighter.drift.hcl.address import Key, index
from lamplighter.drift.hcl.modules import StateValues
from lamplighter.drift.model import StateResource
from lamplighter.drift.places import Layout
from lamplighter.tools.terraform_files import StateFile


@dataclass
class StateRead:
    """`problems` are one-line texts about entries that are not as a state has them, `data` the data sources."""

    resources: list[StateResource] = field(default_factory=list[StateResource])
    keys: list[Key] = field(default_factory=list[Key])
    problems: list[str] = field(default_factory=list[str])
    data: list[tuple[str, Key, Mapping[str, Any]]] = field(
        default_factory=list[tuple[str, Key, Mapping[str, Any]]]
    )

    def take(self, resource: StateResource, key: Key) -> None:
        self.resources.append(resource)
        self.keys.append(key)

    def values(self, *, data: bool = False) -> StateValues:
        """What references in the code resolve to; sensitive attributes are left out of it.

        With `data`, what data sources said when the state was written counts too.
        """
        managed = [
            (resource.address.removesuffix(index(key)), key, _open(resource))
            for resource, key in zip(self.resources, self.keys, strict=True)
        ]
        return StateValues([*managed, *(self.data if data else [])], has_data=data)


def read_resources(state: StateFile) -> StateRead:
    """Managed resources of a state of either form, and its data sources; deposed instances are left out."""
    read = StateRead()
    if state.form == "v4":
        for entry in state.document.get("resources", []):
            _from_v4(entry, read)
    else:
        values = state.document.get("values")
        root = values.get("root_module") if isinstance(values, Mapping) else None
        _from_show(root, "", read, 0)
    return read


class StateIndex:
    """Resources by (type, attribute, value); each table is made when it is first asked for."""

    def __init__(self, resources: Iterable[StateResource], layout: Layout | None = None) -> None:
        self.resources = tuple(sorted(resources, key=lambda resource: resource.address))
        self.layout = layout or Layout((), self.resources)
        self._of_type: dict[str, list[StateResource]] = defaultdict(list)
        for resource in self.resources:
            self._of_type[resource.type].append(resource)
        self._tables: dict[tuple[str, str], dict[str, list[StateResource]]] = {}

    def find(self, types: Sequence[str], identity: Mapping[str, str]) -> list[StateResource]:
        """The resources of the first of `types` that has any with every pair of `identity`, by address."""
        if not identity:
            return []
        for kind in types:
            sets = [self._table(kind, name).get(value, []) for name, value in identity.items()]
            found = [item for item in sets[0] if all(item in others for others in sets[1:])]
            if found:
                return found
        return []

    def types(self) -> tuple[str, ...]:
        """Every resource type there is, for an event that names a resource by its id alone."""
        return tuple(sorted(self._of_type))

    def of_type(self, kind: str) -> Sequence[StateResource]:
        return self._of_type.get(kind, ())

    def _table(self, kind: str, attribute: str) -> dict[str, list[StateResource]]:
        if (kind, attribute) not in self._tables:
            table: dict[str, list[StateResource]] = defaultdict(list)
            for resource in self._of_type.get(kind, ()):
                value = resource.attributes.get(attribute)
                if isinstance(value, str | int) and not isinstance(value, bool):
                    table[str(value)].append(resource)
            self._tables[kind, attribute] = dict(table)
        return self._tables[kind, attribute]


def _open(resource: StateResource) -> Mapping[str, Any]:
    return _without(resource.attributes, resource.sensitive)


def _without(attributes: Mapping[str, Any], sensitive: frozenset[str]) -> Mapping[str, Any]:
    if not sensitive:
        return attributes
    return {name: value for name, value in attributes.items() if name not in sensitive}


def _from_v4(entry: object, read: StateRead) -> None:
    if not isinstance(entry, Mapping):
        read.problems.append("a resource of the state is not an object")
        return
    kind, name, instances = entry.get("type"), entry.get("name"), entry.get("instances", [])
    if not isinstance(kind, str) or not isinstance(name, str) or not isinstance(instances, list):
        read.problems.append(f"a resource of the state has no type, name or instances ({str(name)[:100]})")
        return
    module = str(entry.get("module") or "")
    base = f"{module}.{kind}.{name}" if module else f"{kind}.{name}"
    if entry.get("mode") == "data":
        read.data += _data_of_v4(module, f"data.{kind}.{name}", instances)
        return
    for instance in instances:
        attributes = instance.get("attributes") if isinstance(instance, Mapping) else None
        if not isinstance(instance, Mapping) or not isinstance(attributes, Mapping):
            read.problems.append(f"{base}: an instance in the state has no attributes")
        elif not instance.get("deposed"):
            key = _key(instance.get("index_key"))
            sensitive = frozenset(_first_steps(instance.get("sensitive_attributes")))
            provider, alias = _provider(entry.get("provider")), _alias(entry.get("provider"))
            read.take(
                StateResource(base + index(key), kind, name, module, provider, attributes, sensitive, alias),
                key,
            )


def _data_of_v4(module: str, name: str, instances: list[Any]) -> Iterator[tuple[str, Key, Mapping[str, Any]]]:
    base = f"{module}.{name}" if module else name
    for instance in instances:
        attributes = instance.get("attributes") if isinstance(instance, Mapping) else None
        if isinstance(instance, Mapping) and isinstance(attributes, Mapping):
            hidden = frozenset(_first_steps(instance.get("sensitive_attributes")))
            yield base, _key(instance.get("index_key")), _without(attributes, hidden)


def _from_show(node: object, module: str, read: StateRead, depth: int) -> None:
    if not isinstance(node, Mapping) or depth > 50:
        return
    for entry in _list(node.get("resources")):
        if isinstance(entry, Mapping) and "deposed_key" not in entry:
            _resource_of_show(entry, module, read)
    for child in _list(node.get("child_modules")):
        if isinstance(child, Mapping):
            _from_show(child, str(child.get("address", "")), read, depth + 1)


def _resource_of_show(entry: Mapping[str, Any], module: str, read: StateRead) -> None:
    address, kind, name, values = (entry.get(part) for part in ("address", "type", "name", "values"))
    if not (
        isinstance(address, str)
        and isinstance(kind, str)
        and isinstance(name, str)
        and isinstance(values, Mapping)
    ):
        read.problems.append(f"a resource of the state has no address, type or values ({str(address)[:100]})")
        return
    marks = entry.get("sensitive_values")
    sensitive = (
        frozenset(key for key, mark in marks.items() if _any_true(mark)) if isinstance(marks, Mapping) else ()
    )
    if entry.get("mode") == "data":
        key = _key(entry.get("index"))
        read.data.append((address.removesuffix(index(key)), key, _without(values, frozenset(sensitive))))
        return
    provider = _provider(entry.get("provider_name"))
    resource = StateResource(address, kind, name, module, provider, values, frozenset(sensitive))
    read.take(resource, _key(entry.get("index")))


def _key(value: object) -> Key:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _provider(value: object) -> str:
    """`provider["registry.terraform.io/hashicorp/aws"].west` or its bare source -> `hashicorp/aws`."""
    text = str(value or "")
    source = text.split('"')[1] if text.count('"') >= 2 else text
    return "/".join(source.split("/")[-2:])


_CONFIGURATION = re.compile(r"""((?:.*\.)?)provider(?:\["[^"]*"\]|\.[^.]*)(?:\.([^.]+))?""")


def _alias(value: object) -> str | None:
    """`provider["registry.terraform.io/hashicorp/aws"].west` -> `west`, in a module `module.a.` and that."""
    found = _CONFIGURATION.fullmatch(str(value or ""))
    return found[1] + (found[2] or "") if found else None


def _first_steps(paths: object) -> Iterator[str]:
    """Names of the top-level attributes in version 4's list of attribute paths."""
    for path in _list(paths):
        first = path[0] if isinstance(path, list) and path else path
        if isinstance(first, Mapping) and isinstance(first.get("value"), str):
            yield first["value"]


def _any_true(mark: object) -> bool:
    if isinstance(mark, Mapping):
        return any(_any_true(item) for item in mark.values())
    if isinstance(mark, list):
        return any(_any_true(item) for item in mark)
    return mark is True


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
