"""A new resource block: how it is written, what it is called, and where in the code it goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import ModuleStep
from lamplighter.drift.hcl.modules import Instance, as_written
from lamplighter.drift.hcl.syntax import Block
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.statements import Draft, below
from lamplighter.drift.patch.writing import Reference, aligned, block, expression

DOCUMENTS = re.compile(
    r"(\A|_)(policy|definitions?|pattern|document)\Z|\A(dashboard_body|access_policies)\Z"
    r"|\A(container|node|ecs)_properties\Z"
)
"""Attributes that are JSON text, which code writes with jsonencode."""
MAPS = frozenset(
    (
        "tags",
        "tags_all",
        "variables",
        "dimensions",
        "parameters",
        "labels",
        "environment_variables",
        "request_parameters",
    )
)
"""Attributes that are maps: their members are text that means nothing to Terraform."""
_LONGEST_NAME = 60


class Home(NamedTuple):
    """Where new blocks for something go: a module whose code is this instance's alone."""

    modules: tuple[ModuleStep, ...]
    instance: Instance

    @property
    def directory(self) -> str:
        return self.instance.module.directory

    def address(self, kind: str, name: str) -> str:
        """The absolute address of a plain resource here."""
        return f"{self.instance.prefix}{kind}.{name}"


def home_of(code: Code, address: str) -> Home | None:
    """The module of a resource, or the nearest one above it that has only one instance; None for what is no address."""
    parsed = addresses.parse(address)
    steps = parsed.modules if parsed is not None else ()
    for depth in range(len(steps), -1, -1):
        instance = code.project.instance(steps[:depth])
        if instance is not None and instance.exclusive and not instance.module.directory.startswith(".."):
            return Home(tuple(steps[:depth]), instance)
    return None


def root_of(code: Code) -> Home | None:
    """The root module."""
    instance = code.project.instance(())
    return Home((), instance) if instance is not None else None


def name_of(home: Home, kind: str, *hints: str) -> str:
    """A name for a new resource, made of words; any text becomes a valid identifier that no resource here has."""
    words = [word for hint in hints for word in re.findall(r"[a-z0-9]+", hint.lower(), re.ASCII)]
    name = "_".join(dict.fromkeys(words))[:_LONGEST_NAME].strip("_") or "imported"
    name = name if name[0].isalpha() else f"{kind.rpartition('_')[2]}_{name}"
    taken = {known for type_, known in home.instance.module.resources if type_ == kind}
    number = 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


def written(kind: str, name: str, attributes: Mapping[str, Any]) -> str | None:
    """The block; None where HCL cannot hold a value. A list of objects is blocks, as the provider's schemas have it."""
    lines = body_lines(attributes)
    return block("resource", (kind, name), lines) if lines is not None else None


def body_lines(attributes: Mapping[str, Any]) -> list[str] | None:
    """The statements of a body: attributes first, blocks after them."""
    plain: dict[str, str | None] = {}
    blocks: list[str] = []
    for name, value in attributes.items():
        if value is None:
            continue
        if _is_blocks(name, value):
            for inner in value if isinstance(value, list) else [value]:
                lines = body_lines(inner)
                if lines is None:
                    return None
                blocks += ["", *block(name, (), lines).split("\n")]
        elif isinstance(value, Mapping) and DOCUMENTS.search(name):
            text = expression(value)
            plain[name] = f"jsonencode({text})" if text is not None else None
        else:
            plain[name] = expression(value)
    lines = aligned(plain)
    if lines is None:
        return None
    lines = [part for line in lines for part in line.split("\n")]
    return lines + blocks if lines else blocks[1:]


def _is_blocks(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, Mapping) for item in value) and not DOCUMENTS.search(name)
    return isinstance(value, Mapping) and name not in MAPS and not DOCUMENTS.search(name)


def put(draft: Draft, home: Home, kind: str, text: str, beside: str = "", first: Iterable[str] = ()) -> None:
    """Adds a block below its siblings; `first` are the types that count as such before its own, `beside` its parent.

    Without siblings it goes below its parent, or what calls the module that the parent is in, else below what is of the
    same service, else at the end of `main.tf`.
    """
    parent = _standing(home, beside)
    found = _last(home, [kind, *first], parent.file if parent is not None else "")
    found = found or parent or _of_service(home, kind)
    if found is None:
        draft.append("/".join(part for part in (home.directory, "main.tf") if part), text)
        return
    draft.put(found.file, below(draft.content(found.file), found.span, text))


def _standing(home: Home, address: str) -> Block | None:
    """The block of an address in the home module, or the call that leads to it from there."""
    parsed = addresses.parse(address) if address else None
    if parsed is None:
        return None
    if tuple(parsed.modules) == home.modules:
        return home.instance.module.resources.get((parsed.type, parsed.name))
    return home.instance.module.calls.get(parsed.modules[len(home.modules)].name)


def _last(home: Home, kinds: Iterable[str], file: str) -> Block | None:
    """The last block of the first of the types that has any, in the parent's file if one is there."""
    for kind in kinds:
        found = [item for (type_, _), item in home.instance.module.resources.items() if type_ == kind]
        near = [item for item in found if item.file == file] or found
        if near:
            return max(near, key=lambda item: (item.file == near[-1].file, item.span))
    return None


def _of_service(home: Home, kind: str) -> Block | None:
    service = "_".join(kind.split("_")[:2])
    found = [
        item
        for (type_, _), item in home.instance.module.resources.items()
        if type_.startswith(f"{service}_") or type_ == service
    ]
    return max(found, key=lambda item: (item.file == found[-1].file, item.span)) if found else None


def provider_like(code: Code, home: Home, address: str) -> Reference | None:
    """The `provider` that a resource beside another one must name, None for the one that it has anyway."""
    seen = code.project.seen(address)
    if seen is None:
        return None
    own, instance, _ = seen
    named = as_written(own, "provider")
    if tuple(step for step in addresses.parse(address).modules) == home.modules:  # type: ignore[union-attr]
        return Reference(named) if named else None
    found = instance.provider(named or own.labels[0].partition("_")[0])
    if found is None:
        return None
    alias = as_written(found[0], "alias")
    return Reference(f"{found[0].labels[0]}.{alias}") if alias and found[1] is home.instance else None
