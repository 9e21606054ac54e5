"""The functions of Terraform's language that a static value is commonly made with. All are pure.

Source: "Functions", Terraform language documentation. Sets are sorted lists without repeats. A function that
is not here, or is given what it cannot take, makes the value unknown. What would be too large raises TooMuch before
it is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lamplighter.drift.hcl.work import TooMuch

MAX_TEXT = 1_000_000
"""Characters of a text, or of all texts in a value."""
MAX_MEMBERS = 10_000
"""Members of a value, those of its members included."""


def to_string(value: Any) -> str:
    """A scalar as Terraform would write it in a string. Raises ValueError on anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("not a scalar")


def to_number(value: Any) -> int | float:
    """A number, or text that spells one. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a number")
    if not isinstance(value, str):
        return value
    number = float(value)
    return int(value) if re.fullmatch(r"-?\d{1,300}", value) else number


def to_bool(value: Any) -> bool:
    """A boolean, or text that spells one. Raises ValueError."""
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError("not a boolean")


def to_set(value: Any) -> list[Any]:
    """A list -> its members once each, sorted."""
    return [item for _, item in sorted(_once_each(value).items())]


def json_encode(value: Any) -> str:
    """As Terraform does: no white space, keys sorted, `<`, `>` and `&` escaped, `1.0` as `1`."""
    text = json.dumps(
        _whole_numbers(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError("not a list")


def _once_each(value: Any) -> dict[str, Any]:
    """The members once each, in their order, by what they say: `true` is not `1`."""
    kept: dict[str, Any] = {}
    for item in _list(value):
        kept.setdefault(json.dumps(item, sort_keys=True), item)
    return kept


def _short(length: int) -> None:
    if length > MAX_TEXT:
        raise TooMuch("too long a text")


def _few(count: int) -> None:
    if count > MAX_MEMBERS:
        raise TooMuch("too many members")


def _map(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise ValueError("not a map")


def _merge(*maps: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for item in maps:
        merged.update(_map(item) if item is not None else {})
        _few(len(merged))
    return merged


def _format(pattern: Any, *values: Any) -> str:
    parts = iter(values)
    made = 0

    def one(match: re.Match[str]) -> str:
        nonlocal made
        text = "%" if match[0] == "%%" else _formatted(match[2], match[1], next(parts))
        made += len(text)
        _short(made)
        return text

    if re.search(r"%(?!%|0?\d{0,3}[sdvq])", str(pattern).replace("%%", "")):
        _unsupported()
    return re.sub(r"%%|%(0?\d{0,3})([sdvq])", one, str(pattern))


def _formatted(verb: str, width: str, value: Any) -> str:
    if verb == "d":
        return f"{int(to_number(value)):{width}d}"
    if verb == "q":
        return json.dumps(to_string(value))
    return to_string(value) if not width else _unsupported()


def _unsupported() -> str:
    raise ValueError("a verb of format that is not supported")


def _concat(*lists: Any) -> list[Any]:
    _few(sum(len(_list(part)) for part in lists))
    return [item for part in lists for item in part]


def _flatten(value: Any) -> list[Any]:
    return [
        inner
        for item in _list(value)
        for inner in (_flatten(item) if isinstance(item, list) else [item])
    ]  # fmt: skip


def _lookup(table: Any, key: Any, *default: Any) -> Any:
    if key in _map(table):
        return table[key]
    if default:
        return default[0]
    raise ValueError("no such key")


def _coalesce(*values: Any) -> Any:
    return next(value for value in values if value not in (None, ""))


def _range(*bounds: Any) -> list[int]:
    numbers = [int(to_number(value)) for value in bounds]
    found = range(*numbers)
    if len(found) > 1024:
        raise ValueError("longer than Terraform allows")
    return list(found)


def _substr(text: Any, offset: Any, length: Any) -> str:
    start = offset if offset >= 0 else len(text) + offset
    return str(text)[start:] if length == -1 else str(text)[start : start + length]


def _replace(text: Any, old: Any, new: Any) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        raise ValueError("regular expressions are not evaluated")
    whole = str(text)
    _short(len(whole) + whole.count(old) * max(0, len(new) - len(old)))
    return whole.replace(old, new)


def _join(separator: Any, value: Any) -> str:
    texts = [to_string(item) for item in _list(value)]
    _short(sum(map(len, texts)) + len(separator) * len(texts))
    return str(separator).join(texts)


def _split(separator: Any, text: Any) -> list[str]:
    _few(str(text).count(separator) + 1)
    return str(text).split(separator)


def _length(value: Any) -> int:
    if isinstance(value, str | list | Mapping):
        return len(value)
    raise ValueError("has no length")


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda value: abs(to_number(value)),
    "coalesce": _coalesce,
    "compact": lambda value: [item for item in _list(value) if item not in (None, "")],
    "concat": _concat,
    "contains": lambda value, item: item in _list(value),
    "distinct": lambda value: list(_once_each(value).values()),
    "element": lambda value, index: _list(value)[int(index) % len(value)],
    "endswith": lambda text, end: str(text).endswith(end),
    "flatten": _flatten,
    "format": _format,
    "join": _join,
    "jsondecode": json.loads,
    "jsonencode": json_encode,
    "keys": lambda table: sorted(_map(table)),
    "length": _length,
    "lookup": _lookup,
    "lower": lambda text: to_string(text).lower(),
    "max": lambda *values: max(to_number(value) for value in values),
    "merge": _merge,
    "min": lambda *values: min(to_number(value) for value in values),
    "nonsensitive": lambda value: value,
    "one": lambda value: None if not _list(value) else value[0],
    "range": _range,
    "replace": _replace,
    "reverse": lambda value: _list(value)[::-1],
    "sensitive": lambda value: value,
    "setunion": lambda *sets: to_set(_concat(*sets)),
    "slice": lambda value, start, end: _list(value)[int(start) : int(end)],
    "sort": lambda value: sorted(_list(value)),
    "split": _split,
    "startswith": lambda text, start: str(text).startswith(start),
    "substr": _substr,
    "title": lambda text: re.sub(r"\b[a-z]", lambda match: match[0].upper(), to_string(text)),
    "tobool": to_bool,
    "tolist": _list,
    "tomap": lambda value: dict(_map(value)),
    "tonumber": to_number,
    "toset": to_set,
    "tostring": lambda value: None if value is None else to_string(value),
    "trimprefix": lambda text, prefix: str(text).removeprefix(prefix),
    "trimspace": lambda text: str(text).strip(),
    "trimsuffix": lambda text, suffix: str(text).removesuffix(suffix),
    "upper": lambda text: to_string(text).upper(),
    "values": lambda table: [_map(table)[key] for key in sorted(table)],
    "zipmap": lambda keys, values: dict(zip(_list(keys), _list(values), strict=True)),
}
