"""What readers share: the registry, markers of how a value is compared, and flattening."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Attributes = Mapping[str, Any]


class Cloud(Protocol):
    """Gives SDK clients that leave no record, for the region and account of the resource that is read."""

    def __call__(self, service: str) -> Any: ...


Reader = Callable[[Cloud, Attributes], "dict[str, Any] | None"]
READERS: dict[str, Reader] = {}


class Whole(list[Any]):
    """A set of blocks: compared as one value, in an order of its own."""


class Sources(Whole):
    """Rules of a security group, one row for each source; the provider keeps several in one block."""


class Bag(dict[str, Any]):
    """A map with keys of the caller's: compared key by key, also those that only one side has."""


class Policy(str):
    """A JSON document: compared by meaning, shown without spaces."""

    __slots__ = ()


def reads(kind: str) -> Callable[[Reader], Reader]:
    """Register the reader of a resource type; what AWS answers for an absent resource becomes None."""

    def register(reader: Reader) -> Reader:
        def guarded(cloud: Cloud, attributes: Attributes) -> dict[str, Any] | None:
            from botocore.exceptions import ClientError

            try:
                return reader(cloud, attributes)
            except ClientError as error:
                if is_absent(error.response["Error"]["Code"]):
                    return None
                raise

        READERS[kind] = guarded
        return guarded

    return register


def is_absent(code: str) -> bool:
    """Whether an error code says that the thing is not there."""
    return any(
        word in code for word in ("NotFound", "NoSuch", "NotExist", "NonExistent", "404", "ResourceNotReady")
    ) and not code.startswith("InvalidParameter")


def first(items: Sequence[Any]) -> Any:
    """The first of a list, None of an empty one."""
    return items[0] if items else None


def tag_map(
    tags: Sequence[Mapping[str, str]] | None, key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """AWS's list of tags as a map; system tags left out, as the provider does."""
    return {tag[key]: tag[value] for tag in tags or () if not tag[key].startswith("aws:")}


def document(text: str | Mapping[str, Any]) -> str:
    """A JSON document in one spelling: keys sorted, no spaces, lists of one as their member, lists sorted."""
    loaded = json.loads(text) if isinstance(text, str) else text
    return json.dumps(_canonical(loaded), separators=(",", ":"), sort_keys=True)


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]
        if all(isinstance(item, str) for item in items):
            items.sort()
        return items[0] if len(items) == 1 and isinstance(items[0], str) else items
    return value


def compared(live: Any, state: Any) -> Any:
    """The state's value in the shape of what a reader answers, so that the two can be compared."""
    if isinstance(live, Policy):
        return document(state) if state else ""
    if isinstance(live, Sources):
        return _sorted([row for block in state or () for row in _one_source(block)])
    if isinstance(live, Whole):
        rows = [compared(live[0], row) if live else row for row in state or ()]
        if live or not state or not isinstance(state[0], Mapping):
            return _sorted(rows)
        return _sorted([{key: value for key, value in row.items() if value} for row in rows])
    if isinstance(live, Bag):
        found = state[0] if isinstance(state, list) and len(state) == 1 else state
        return dict(found or {})
    if isinstance(live, dict):
        found = state[0] if isinstance(state, list) and len(state) == 1 else state
        known = found if isinstance(found, Mapping) else {}
        return {key: compared(value, known.get(key)) for key, value in live.items()}
    if isinstance(live, list):
        if live and isinstance(live[0], dict):
            return [compared(live[min(index, len(live) - 1)], row) for index, row in enumerate(state or ())]
        return sorted(state or ())
    return state


def _one_source(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    shared = {key: block.get(key) for key in ("from_port", "to_port", "protocol")}
    shared["description"] = block.get("description") or ""
    fields = ("cidr_blocks", "ipv6_cidr_blocks", "security_groups")
    return [{**shared, field: [value]} for field in fields for value in block.get(field) or ()]


def plain(live: Any) -> Any:
    """A reader's answer without the markers."""
    if isinstance(live, Policy):
        return document(live) if live else ""
    if isinstance(live, Whole):
        return _sorted([plain(row) for row in live])
    if isinstance(live, dict):
        return {key: plain(value) for key, value in live.items()}
    if isinstance(live, list):
        return [plain(row) for row in live] if live and isinstance(live[0], dict) else sorted(live)
    return live


def _sorted(rows: list[Any]) -> Whole:
    return Whole(_in_order(rows))


def _in_order(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Dotted paths to values; a list of plain values and a set of blocks (`Whole`) are one value each."""
    if isinstance(value, dict):
        rows: dict[str, Any] = {}
        for key, item in value.items():
            rows |= flat(item, f"{path}.{key}" if path else key)
        return rows
    if isinstance(value, list) and not isinstance(value, Whole) and value and isinstance(value[0], dict):
        rows = {}
        for index, item in enumerate(value):
            rows |= flat(item, f"{path}.{index}")
        return rows
    return {path: value}
