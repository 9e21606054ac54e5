"""Absolute addresses: `module.a["x"].module.b[0].aws_sqs_queue.main["k"]`, to parts and back."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

Key: TypeAlias = str | int | None
"""An index key: of for_each (text), of count (number), or none."""

_STEP = re.compile(
    r'(?P<name>[\w-]+(?:\.[\w-]+)?)(?:\[(?:(?P<number>\d{1,9})|"(?P<text>(?:[^"\\]|\\.)*)")\])?(?:\.|$)'
)


class ModuleStep(NamedTuple):
    name: str
    key: Key


class Address(NamedTuple):
    modules: tuple[ModuleStep, ...]
    type: str
    name: str
    key: Key


def quote(text: str) -> str:
    """An index key as Terraform writes it inside an address."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def index(key: Key) -> str:
    """`["k"]`, `[0]` or nothing."""
    return "" if key is None else f"[{key}]" if isinstance(key, int) else f"[{quote(key)}]"


@lru_cache(maxsize=10_000)
def parse(address: str) -> Address | None:
    """None for what is not the absolute address of a managed resource."""
    modules: list[ModuleStep] = []
    position = 0
    while match := _STEP.match(address, position):
        kind, _, name = match["name"].partition(".")
        key = _key(match)
        position = match.end()
        if kind == "module" and name and position < len(address):
            modules.append(ModuleStep(name, key))
        elif name and kind != "data" and position == len(address) and not address.endswith("."):
            return Address(tuple(modules), kind, name, key)
        else:
            return None
    return None


def _key(match: re.Match[str]) -> Key:
    if match["number"] is not None:
        return int(match["number"])
    if match["text"] is None:
        return None
    plain = {"n": "\n", "r": "\r", "t": "\t"}
    text = re.sub(r"\\(.)", lambda found: plain.get(found[1], found[1]), match["text"], flags=re.DOTALL)
    return text.replace("$${", "${").replace("%%{", "%{")
