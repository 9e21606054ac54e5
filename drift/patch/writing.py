"""Values and blocks as HCL text, in the way of the file they go into: its indentation, its line ends.

Layout follows `terraform fmt`: two blanks a level, equals signs of neighbours in one column.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reference:
    """HCL that stands in a value as it is, instead of being a text."""

    text: str


_NAME = re.compile(r"[A-Za-z_][\w-]*\Z", re.ASCII)
_INLINE = 80
"""Characters up to which a list of scalars stays on one line."""


def expression(value: Any, indent: str = "") -> str | None:
    """A value of plain JSON as HCL, its later lines indented by `indent`; None for text that HCL cannot hold."""
    inner = indent + "  "
    match value:
        case None:
            return "null"
        case Reference():
            return value.text
        case Mapping():
            members = {key_text(str(key)): expression(item, inner) for key, item in value.items()}
            return _braced("{", aligned(members), "}", indent) if members else "{}"
        case list() | tuple():
            items = [expression(item, inner) for item in value]
            if None in items:
                return None
            written = [item for item in items if item is not None]
            line = f"[{', '.join(written)}]"
            short = len(indent) + len(line) <= _INLINE and "\n" not in line
            return line if short else _braced("[", [f"{item}," for item in written], "]", indent)
        case _:
            return hcl_literal(value)


def aligned(members: Mapping[str, str | None]) -> list[str] | None:
    """`name = value` a line, the equals signs of neighbours that are one line in one column; None where one is."""
    if None in members.values():
        return None
    lines: list[str] = []
    group: list[tuple[str, str]] = []
    for name, value in [*members.items(), ("", "")]:
        if name and "\n" not in str(value):
            group.append((name, str(value)))
            continue
        width = max((len(known) for known, _ in group), default=0)
        lines += [f"{known.ljust(width)} = {text}" for known, text in group]
        group = []
        if name:
            lines.append(f"{name} = {value}")
    return lines


def block(kind: str, labels: Sequence[str], lines: Sequence[str], indent: str = "") -> str:
    """`kind "label" { lines }` without a line end behind it; `lines` are whole statements, not yet indented."""
    head = " ".join([kind, *(hcl_literal(label) or '""' for label in labels)])
    body = _braced("{", list(lines), "}", indent) if lines else "{}"
    return f"{head} {body}"


def in_way_of(content: bytes, text: str) -> str:
    """The text with the line ends of the file that it goes into."""
    return text.replace("\n", "\r\n") if b"\r\n" in content else text


def indent_at(content: bytes, position: int) -> str:
    """The blanks at the beginning of the line on which a byte stands."""
    start = content.rfind(b"\n", 0, position) + 1
    found = re.match(rb"[ \t]*", content[start:])
    return found[0].decode() if found else ""


def key_text(name: str) -> str:
    """A key of an object: bare where it is a name, else quoted."""
    return name if _NAME.match(name) else hcl_literal(name) or name


def _braced(opening: str, lines: list[str] | None, closing: str, indent: str) -> str | None:
    if lines is None:
        return None
    return "\n".join(
        [opening, *(f"{indent}  {line}" if line else "" for line in lines), f"{indent}{closing}"]
    )


def hcl_literal(value: Any) -> str | None:
    """A scalar as HCL writes it; None for what is not a scalar. Text is escaped, so it stays text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if math.isfinite(value) else None
    # `$${` as text of its own has no escape that every reader of HCL takes the same way.
    if isinstance(value, str) and value.isprintable() and not re.search(r"\$\$\{|%%\{", value):
        quoted = json.dumps(value, ensure_ascii=False)
        return quoted.replace("${", "$${").replace("%{", "%%{")
    return None
