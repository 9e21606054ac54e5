"""Every resource instance that the code declares, by absolute address, as far as its index keys are known."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import Key, index
from lamplighter.drift.hcl.evaluate import Scope
from lamplighter.drift.hcl.modules import Instance
from lamplighter.drift.hcl.syntax import Block

_MOST = 100_000


class Declared(NamedTuple):
    """`counted` says that the code tells how many there are; else the keys are those that the state has."""

    address: str
    block: Block
    instance: Instance
    scope: Scope
    counted: bool


def declared(root: Instance, known: Iterable[str]) -> Iterator[Declared]:
    """In the order of the modules; `known` are the addresses of the state."""
    keys = _keys(known)
    for instance, counted in _instances(root, keys):
        for (kind, name), block in instance.module.resources.items():
            base = f"{instance.prefix}{kind}.{name}"
            own = instance.keys(block)
            for key in keys.get(base, ()) if own is None else own:
                scope = instance.inside(block, key)
                yield Declared(base + index(key), block, instance, scope, counted and own is not None)


def module_instances(root: Instance, known: Iterable[str]) -> Iterator[Instance]:
    """The root and every instance of a module whose code was read; `known` are the addresses of the state."""
    return (instance for instance, _ in _instances(root, _keys(known)))


def _instances(root: Instance, keys: Mapping[str, Mapping[Key, None]]) -> Iterator[tuple[Instance, bool]]:
    """Each with whether the code tells how many there are."""
    waiting = deque([(root, True)])
    while waiting and len(waiting) < _MOST:
        instance, counted = waiting.popleft()
        yield instance, counted
        for name, block in instance.module.calls.items():
            own = instance.keys(block)
            for key in keys.get(f"{instance.prefix}module.{name}", ()) if own is None else own:
                child = instance.child(name, key)
                if child is not None:
                    waiting.append((child, counted and own is not None))


def _keys(known: Iterable[str]) -> Mapping[str, Mapping[Key, None]]:
    """The index keys that the state has, by address without them."""
    keys: dict[str, dict[Key, None]] = defaultdict(dict)
    for name in known:
        for base, key in _steps(name):
            keys[base][key] = None
    return keys


def _steps(address: str) -> Iterator[tuple[str, Key]]:
    """Each step of an address without its key, and the key."""
    parsed = addresses.parse(address)
    if parsed is None:
        return
    prefix = ""
    for step in parsed.modules:
        base = f"{prefix}module.{step.name}"
        yield base, step.key
        prefix = f"{base}{index(step.key)}."
    yield f"{prefix}{parsed.type}.{parsed.name}", parsed.key
