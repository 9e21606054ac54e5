"""What a `provider` block says of where it works, and any block's settings as far as they are static."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from lamplighter.drift.hcl.evaluate import Scope, evaluate, is_known
from lamplighter.drift.hcl.syntax import Block, Body

_ARN_ACCOUNT = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):")
_PLACING = ("region", "assume_role", "assume_role_with_web_identity", "allowed_account_ids", "profile")
"""Settings of a provider that say where it works."""


class Provider(NamedTuple):
    """A `provider` block. `accounts` are those that the block itself names: of roles to assume, or allowed ones."""

    name: str
    alias: str = ""
    region: str = ""
    accounts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def provider_of(block: Block, scope: Scope) -> Provider:
    """A `provider` block, as far as its settings are static."""
    settings, unknown = static_settings(block.body, scope)
    roles = [
        inner.get("role_arn")
        for name in ("assume_role", "assume_role_with_web_identity")
        if isinstance(inner := single(settings.get(name)), Mapping)
    ]
    arns = [role for role in roles if isinstance(role, str)]
    allowed = settings.get("allowed_account_ids")
    accounts = {match[1] for role in arns if (match := _ARN_ACCOUNT.match(role))}
    if not accounts and isinstance(allowed, list):
        accounts = {str(account) for account in allowed}
    return Provider(
        name=block.labels[0] if block.labels else "",
        alias=str(settings.get("alias", "")),
        region=str(settings.get("region") or ""),
        accounts=tuple(sorted(accounts)),
        roles=tuple(arns),
        unknown=tuple(name for name in unknown if name.partition(".")[0] in _PLACING),
    )


def static_settings(body: Body, scope: Scope) -> tuple[dict[str, Any], list[str]]:
    """(settings that are static, names of the others); a block inside is an object."""
    settings: dict[str, Any] = {}
    unknown: list[str] = []
    for name, attribute in body.attributes.items():
        value = evaluate(attribute.expression.node, scope)
        if is_known(value):
            settings[name] = value
        else:
            unknown.append(name)
    for block in body.blocks:
        inner, missing = static_settings(block.body, scope)
        settings[block.type] = inner
        unknown += [f"{block.type}.{name}" for name in missing]
    return settings, unknown


def single(value: Any) -> Any:
    """A block as `init` records it: a list of one."""
    return (
        value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping) else value
    )
