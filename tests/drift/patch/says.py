"""What the code says of every instance, as far as files and state tell, and what a candidate changes in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lamplighter.drift.hcl.address import Address, index, parse
from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, value_of
from lamplighter.drift.hcl.modules import Instance, as_written
from lamplighter.drift.hcl.syntax import Block, Body
from lamplighter.drift.members import Atom, Set, in_block, sets
from lamplighter.drift.model import Actor, DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.state import StateRead, read_resources
from lamplighter.drift.values import same
from lamplighter.tools.terraform_files import StateFile, read_code, read_state

NOBODY = Actor("nobody", "IAMUser", "console", "192.0.2.1")


def code_of(files: Mapping[str, str], resources: Mapping[str, Mapping[str, Any]] | None = None) -> Code:
    """Code of texts by path, and a state of attributes by address."""
    read = StateRead()
    entries: list[dict[str, Any]] = []
    for address, attributes in (resources or {}).items():
        parsed = parse(address)
        assert parsed is not None, address
        entry: dict[str, Any] = {"mode": "managed", "type": parsed.type, "name": parsed.name}
        entry["provider"] = 'provider["registry.terraform.io/hashicorp/aws"]'
        module = address.partition(f"{parsed.type}.{parsed.name}")[0].removesuffix(".")
        entry |= {"module": module} if module else {}
        entry["instances"] = [{"attributes": attributes, "index_key": parsed.key}]
        entries.append(entry)
    read = read_resources(StateFile("state", "v4", {"resources": entries}))
    variables = tuple(path for path in files if path.endswith((".tfvars", ".tfvars.json")))
    return Code({path: text.encode() for path, text in files.items()}, variables, read)


def code_in(directory: Path, state: Path) -> Code:
    return Code.of(read_code(directory), read_resources(read_state(directory, state)))


def item(
    address: str | None, action: Any, attribute: str = "", *, was: Any = None, live: Any = None, **more: Any
) -> DriftItem:
    """A drift item with only what rules look at."""
    parsed = parse(address) if address else None
    defaults: dict[str, Any] = {
        "resource_type": parsed.type if parsed else "",
        "resource_id": "",
        "location": None,
        "actor": NOBODY,
        "time": "2026-11-25T00:00:00Z",
        "events": (),
        "account": "123456789012",
        "region": "eu-west-1",
        "risk": "low",
        "risk_reason": "",
    }
    return DriftItem(
        address=address,
        attribute=attribute,
        action=action,
        code_value=was,
        live_value=live,
        **{**defaults, **more},
    )


def instances(code: Code) -> dict[str, dict[str, Any]]:
    """What the code says by address: attributes, and blocks as lists."""
    root = code.project.instance(())
    assert root is not None
    return dict(_within(root))


def _within(instance: Instance) -> Iterator[tuple[str, dict[str, Any]]]:
    for (kind, name), block in instance.module.resources.items():
        base = f"{instance.prefix}{kind}.{name}"
        keys = instance.keys(block)
        for key in ["?"] if keys is None else keys:
            yield base + index(key), _body(block.body, instance.inside(block, key))
    for name, block in instance.module.calls.items():
        for key in instance.keys(block) or []:
            child = instance.child(name, key)
            if child is not None:
                yield from _within(child)


def _body(body: Body, scope: Scope) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: value_of(item.expression, scope)
        for name, item in body.attributes.items()
        if name != "depends_on"
    }
    for block in body.blocks:
        if block.type == "dynamic" and block.labels:
            said.setdefault(block.labels[0], []).extend(_generated(block, scope))
        elif block.type != "lifecycle":
            said.setdefault(block.type, []).append(_body(block.body, scope))
    return said


def _generated(block: Block, scope: Scope) -> Iterator[dict[str, Any]]:
    over = value_of(block.body.attributes["for_each"].expression, scope)
    name = as_written(block, "iterator") or block.labels[0]
    content = block.body.of_type("content")[0]
    if over is UNKNOWN:
        yield {"?": UNKNOWN}
        return
    pairs = over.items() if isinstance(over, dict) else [(value, value) for value in over]
    for key, value in pairs:
        yield _body(content.body, scope.binding(**{name: {"key": key, "value": value}}))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def differences(before: Code, after: Code) -> tuple[set[str], set[str], set[str]]:
    """(new, gone, changed) addresses; one that a `moved` block leads to is neither new nor gone."""
    was, now = instances(before), instances(after)
    for address in list(now):
        base = address.removesuffix("[0]")
        if address not in was and base != address and base in was and base not in now:
            now[base] = {name: value for name, value in now.pop(address).items() if name != "count"}
    changed = {
        name
        for name in was.keys() & now.keys()
        if _text({**was[name], "for_each": 0, "count": 0}) != _text({**now[name], "for_each": 0, "count": 0})
    }
    return set(now) - set(was), set(was) - set(now), changed


def members(code: Code, address: str, attribute: str) -> list[tuple[str, Any]]:
    """(key, member) of a set as the resource's own block says."""
    parsed, said = parse(address), instances(code).get(address, {})
    assert parsed is not None
    found = sets().get((parsed.type, attribute))
    values = said.get(attribute)
    if found is None or found.inline is None or found.inline == Atom():
        return [("", value) for value in values] if isinstance(values, list) else []
    state = next((item.attributes for item in code.index.resources if item.address == address), {})
    blocks = values if isinstance(values, list) else []
    known = [{k: v for k, v in block.items() if v is not UNKNOWN} for block in blocks]
    return [pair for block in known for pair in in_block(found.inline, block, state.get("id"))]


def has_member(found: list[tuple[str, Any]], member: Any) -> bool:
    for key, value in found:
        if key and isinstance(member, Mapping) and list(member) == [key] and same(member[key], value):
            return True
        if same(value, member):
            return True
    return False


def set_of(parsed: Address, attribute: str) -> Set | None:
    """The set of an attribute, or of the type of its members."""
    known = sets().get((parsed.type, attribute))
    others = (one for (kind, _), one in sets().items() if kind == parsed.type)
    return known or next((one for one in others if any(h.type == attribute for h in one.holders)), None)


def carries(item: DriftItem, before: Code, after: Code) -> str:
    """Empty where the code now says what is live and nothing else than before, else what is wrong."""
    new, gone, changed = differences(before, after)
    address = item.address or ""
    match item.action:
        case "delete":
            return (
                ""
                if (new, gone, changed) == (set(), {address}, set())
                else f"new {new} gone {gone} changed {changed}"
            )
        case "remove":
            still = has_member(members(after, address, item.attribute), item.code_value)
            fine = not new and not gone and changed == {address} and not still
            return "" if fine else f"new {new} gone {gone} changed {changed} still {still}"
        case "add" if not new:
            there = has_member(members(after, address, item.attribute), item.live_value)
            return (
                ""
                if not gone and changed == {address} and there
                else f"gone {gone} changed {changed} there {there}"
            )
        case "add":
            return _holds(item, new, gone, changed, after)
        case _:
            parsed = {parse(name).type for name in new if parse(name)}  # type: ignore[union-attr]
            fine = parsed == {item.resource_type} and not gone and not changed and len(new) == 1
            return "" if fine else f"new {new} gone {gone} changed {changed}"


def _holds(item: DriftItem, new: set[str], gone: set[str], changed: set[str], after: Code) -> str:
    """Whether the one new resource holds the member for the set's own."""
    parsed = parse(item.address or "")
    assert parsed is not None
    if len(new) != 1 or gone or changed:
        return f"new {new} gone {gone} changed {changed}"
    found, said = set_of(parsed, item.attribute), instances(after)[next(iter(new))]
    kind = parse(next(iter(new)).replace("[?]", ""))
    assert found is not None and kind is not None
    parent = next(one.attributes for one in after.index.resources if one.address == item.address)
    for holder in found.holders:
        if holder.type == kind.type:
            linked = all(said.get(name) == parent.get(own) for name, own in holder.link.items())
            within = in_block(holder.atom, said, parent.get("id"))
            value = [(key, value) for key, value in within]
            if linked and has_member(value, item.live_value):
                return ""
    return f"{new} does not say it: {_text(said)}"
