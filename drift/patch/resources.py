"""Resources that the code does not have yet: made by hand, or settings that are resources of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from lamplighter.drift import members as sets
from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import ModuleStep
from lamplighter.drift.hcl.evaluate import value_of
from lamplighter.drift.hcl.modules import as_written
from lamplighter.drift.hcl.syntax import Block
from lamplighter.drift.model import Change, DriftItem
from lamplighter.drift.patch import blocks, statements
from lamplighter.drift.patch.blocks import Home
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.collections import Place, including
from lamplighter.drift.patch.creation import Made, made, nested
from lamplighter.drift.patch.fitting import fit
from lamplighter.drift.patch.importing import forms, imported
from lamplighter.drift.patch.model import Candidate
from lamplighter.drift.patch.references import to_attribute, to_named
from lamplighter.drift.patch.settings import OWNERS, Setting, owner_of, setting_of
from lamplighter.drift.patch.statements import Draft
from lamplighter.drift.patch.writing import Reference, expression
from lamplighter.drift.patch.writing import block as block_text

_NOWHERE = ("aws_iam_", "aws_route53_", "aws_cloudfront_")
"""Types of services that have no regions."""


def rules(item: DriftItem, code: Code) -> Iterator[Candidate]:
    """What makes a new resource for the item; nothing for an item that is about none."""
    if item.address is None and item.action == "create":
        yield from _unmanaged(item, code)
        return
    setting = setting_of(item, code)
    if setting is not None and item.address is not None:
        yield from _of_setting(setting, item.address, code)


def obstacle(item: DriftItem, code: Code) -> str:
    """Why an unmanaged resource has no candidates, in one line; empty where it may have some."""
    if item.address is not None or item.action != "create":
        return ""
    if not code.records:
        return f"the records of {item.resource_id} are not at hand: what it was made with is not known"
    if made(item, code) is None:
        return f"{item.resource_type} {item.resource_id}: what the call says of it is not known here (creations.toml)"
    if _provider(item, code) is None:
        return f"{item.resource_type} {item.resource_id}: no provider of the code is for {item.account} {item.region}"
    return ""


def _of_setting(setting: Setting, address: str, code: Code) -> Iterator[Candidate]:
    home, resource, owner = blocks.home_of(code, address), code.stored.get(address), owner_of(setting.type)
    if home is None or resource is None or owner is None:
        return
    known = _begun(setting, home, code)
    draft = Draft(code)
    if known is not None:
        _extended(draft, known, setting)
        yield from _drafted(draft, "setting of its own")
        return
    provider = blocks.provider_like(code, home, address)
    attributes: dict[str, Any] = {} if provider is None else {"provider": provider}
    for name, value in setting.links.items():
        own = to_attribute(code, home.modules, resource, owner[2]) if name == owner[0] else None
        if own is None and name == owner[0]:
            own = to_named(code, home.modules, name, value)
        attributes[name] = own or value
    attributes |= nested(setting.path, document(setting.path, setting.value))
    parsed = addresses.parse(address)
    hints = [str(setting.links.get("name", ""))]
    if parsed is not None:
        own_name = str(setting.links[owner[0]]) if parsed.name in ("this", "main") else parsed.name
        key = "" if parsed.key is None or parsed.name in ("this", "main") else str(parsed.key)
        hints = [own_name, key, *hints]
    name = blocks.name_of(home, setting.type, *hints)
    text = blocks.written(setting.type, name, attributes)
    if text is None:
        return
    blocks.put(draft, home, setting.type, text, address, _parts_of(owner[1], home))
    note = imported(draft, home.address(setting.type, name), setting.type, setting.links)
    yield from _drafted(draft, "setting of its own", note)


def _parts_of(owner: str, home: Home) -> list[str]:
    """Other settings of the same owner's type, below which a new one goes."""
    starts = [start for start, (_, kind, _) in OWNERS.items() if kind == owner]
    found = {kind for kind, _ in home.instance.module.resources if kind.startswith(tuple(starts))}
    return sorted(found, reverse=True)


def document(path: str, value: Any) -> Any:
    """JSON text of a policy as the object it is."""
    if isinstance(value, str) and value[:1] == "{" and path.endswith("policy"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _begun(setting: Setting, home: Home, code: Code) -> Block | None:
    """The block that an earlier candidate made for another attribute of the same setting."""
    for (kind, name), block in home.instance.module.resources.items():
        if kind == setting.type and home.address(kind, name) not in code.stored:
            said = {
                link: value_of(block.body.attributes[link].expression, home.instance.scope)
                for link in setting.links
                if link in block.body.attributes
            }
            if said == dict(setting.links):
                return block
    return None


def _extended(draft: Draft, block: Block, setting: Setting) -> None:
    """One more attribute of a new block, in the inner block that it is in."""
    parts = setting.path.split(".")
    while len(parts) > 1 and block.body.of_type(parts[0]):
        block = block.body.of_type(parts[0])[0]
        parts = parts[1:]
    content = draft.content(block.file)
    value = document(setting.path, setting.value)
    if len(parts) == 1 and not isinstance(value, list | Mapping):
        text = expression(value)
        if text is not None and parts[0] not in block.body.attributes:
            draft.put(block.file, statements.attribute(content, block, parts[0], text))
        return
    lines = blocks.body_lines(nested(".".join(parts), value))
    if lines:
        draft.put(block.file, statements.inside(content, block, "\n".join(lines)))


def _unmanaged(item: DriftItem, code: Code) -> Iterator[Candidate]:
    found, provider = made(item, code), _provider(item, code)
    home = blocks.root_of(code)
    if found is None or provider is None or home is None:
        return
    values = {
        **found.attributes,
        "account": item.account,
        "region": item.region,
        "path": "/",
    } | found.attributes
    if " " not in item.resource_id:
        values["id"] = item.resource_id
    if not provider.text and not found.ignored:
        yield from _in_repeated(item, found, values, code)
    if found.parts:
        yield from _new(item, found, values, provider, home, code)
    yield from _new(item, replace(found, parts=()), values, provider, home, code)


def _new(
    item: DriftItem, found: Made, values: Mapping[str, Any], provider: Reference, home: Home, code: Code
) -> Iterator[Candidate]:
    """Its block, and those of its parts."""
    attributes: dict[str, Any] = {"provider": provider} if provider.text else {}
    attributes |= {key: _referring(code, home.modules, key, value) for key, value in found.attributes.items()}
    hints = [
        str(found.attributes.get(key, "")) for key in ("name", "bucket", "alarm_name", "statement_id", "user")
    ]
    name = blocks.name_of(home, item.resource_type, next((hint for hint in hints if hint), item.resource_id))
    text = blocks.written(item.resource_type, name, attributes)
    if text is None:
        return
    if found.ignored:
        text = f"{text[:-2]}\n\n  {_lifecycle(found.ignored)}\n}}"
    parts = [
        part for change in found.parts if (part := _part(change, item, name, provider, home)) is not None
    ]
    draft = Draft(code)
    blocks.put(
        draft,
        home,
        item.resource_type,
        "\n\n".join([text, *(part.text for part in parts)]),
        _parent(found, code),
    )
    notes = [imported(draft, home.address(item.resource_type, name), item.resource_type, values)]
    notes += [imported(draft, home.address(part.type, part.name), part.type, part.values) for part in parts]
    notes += (
        [f"ignored, since neither trace nor import tells it: {', '.join(found.ignored)}"]
        if found.ignored
        else []
    )
    rule = "new resource and its settings" if parts else "new resource"
    yield from _drafted(draft, rule, "; ".join(note for note in notes if note))


def _lifecycle(names: tuple[str, ...]) -> str:
    listed = ", ".join(names)
    return block_text("lifecycle", (), [f"ignore_changes = [{listed}]"], "  ")


def _parent(found: Made, code: Code) -> str:
    """The managed resource that a new one names, beside which it goes; empty for none."""
    for name, value in found.attributes.items():
        reference = to_named(code, (), name, value)
        for owner in code.index.resources if reference is not None else ():
            if reference is not None and reference.text.startswith(f"{owner.address}."):
                return owner.address
    return ""


def _referring(code: Code, modules: tuple[ModuleStep, ...], name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_referring(code, modules, name, item) for item in value]
    return to_named(code, modules, name, value) or value if isinstance(value, str) else value


class _Part(NamedTuple):
    type: str
    name: str
    text: str
    values: Mapping[str, Any]


def _part(change: Change, item: DriftItem, name: str, provider: Reference, home: Home) -> _Part | None:
    """What a later call set that Terraform holds as a resource of its own, linked to the new one."""
    own = f"{item.resource_type}.{name}"
    attributes: dict[str, Any] = {"provider": provider} if provider.text else {}
    owner = owner_of(change.resource_types[0])
    if change.action == "set" and owner is not None and owner[1] == item.resource_type:
        kind = change.resource_types[0]
        links: dict[str, Any] = {"name": change.identity["name"]} if "name" in change.identity else {}
        values = {**links, owner[0]: item.resource_id}
        attributes |= {**links, owner[0]: Reference(f"{own}.{owner[2]}")}
        attributes |= nested(change.attribute, document(change.attribute, change.value))
    elif (holding := sets.sets().get((item.resource_type, change.attribute))) and change.action == "add":
        holder = next((one for one in holding.holders if len(one.atom.value) == 1), None)
        if holder is None:
            return None
        kind, member = holder.type, {holder.atom.value[0]: change.value}
        values = dict.fromkeys(holder.link, item.resource_id) | member
        attributes |= {link: Reference(f"{own}.{of}") for link, of in holder.link.items()} | member
    else:
        return None
    suffix = [
        str(change.identity.get("name", "")),
        str(change.value).rpartition("/")[2] if change.action == "add" else "",
    ]
    called = blocks.name_of(home, kind, name, *suffix)
    text = blocks.written(kind, called, attributes)
    return _Part(kind, called, text, values) if text is not None and kind in forms() else None


def _in_repeated(item: DriftItem, found: Made, values: Mapping[str, Any], code: Code) -> Iterator[Candidate]:
    """One more member of what a resource of the root is made for, where that says all of it and no more."""
    instance = code.project.instance(())
    for (kind, name), block in instance.module.resources.items() if instance is not None else ():
        own = block.body.attributes
        more = set(own) - set(found.attributes) - {"for_each", "count", "provider", "depends_on"}
        if (
            instance is None
            or kind != item.resource_type
            or "for_each" not in own
            or more
            or block.body.blocks
        ):
            continue
        fitting = fit(block.body, instance.scope, found.attributes)
        if fitting is None or not fitting.key or found.parts:
            continue
        for rule, draft in including(
            Place(own["for_each"].expression, instance, block), fitting.key, fitting.value, code
        ):
            to = f"{kind}.{name}[{addresses.quote(fitting.key)}]"
            yield from _drafted(draft, f"for_each {rule}", imported(draft, to, kind, values))


def _provider(item: DriftItem, code: Code) -> Reference | None:
    """The configuration for the account and region that the resource is in: an empty reference for the default one."""
    home = blocks.root_of(code)
    if home is None:
        return None
    known = home.instance.module.providers
    default = known.get("aws")
    accounts = {
        found[1]
        for resource in code.index.resources
        if (found := re.match(r"arn:[\w-]+:[\w-]*:[\w-]*:(\d{12}):", str(resource.attributes.get("arn", ""))))
    }
    for name, block in sorted(known.items(), key=lambda entry: entry[0] != "aws"):
        if block.labels[:1] != ("aws",):
            continue
        region = block.body.attributes.get("region")
        said = value_of(region.expression, home.instance.scope) if region is not None else None
        there = item.resource_type.startswith(_NOWHERE) or not isinstance(said, str) or said == item.region
        if there and _is_account(block, item.account, accounts):
            return Reference("" if block is default else name)
    return Reference("") if not known else None


def _is_account(block: Block, account: str, accounts: set[str]) -> bool:
    """Whether a provider acts in an account: that of the role it assumes, else any that no other role is of."""
    for role in block.body.of_type("assume_role"):
        found = re.search(r":(\d{12}):", as_written(role, "role_arn"))
        return found is None or found[1] == account
    return account in accounts or not accounts


def _drafted(draft: Draft, rule: str, note: str = "") -> Iterator[Candidate]:
    candidate = draft.candidate(rule, note)
    if candidate is not None:
        yield candidate
