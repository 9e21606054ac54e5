"""Settings that AWS tells of a resource and Terraform holds in one of their own: the policy of a bucket, of a role.

An item about one that the code does not have yet is told by its owner's address and `TYPE.PATH`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.values import ABSENT, same

OWNERS = {
    "aws_s3_bucket_": ("bucket", "aws_s3_bucket", "id"),
    "aws_iam_role_policy": ("role", "aws_iam_role", "id"),
    "aws_iam_user_policy": ("user", "aws_iam_user", "name"),
    "aws_iam_group_policy": ("group", "aws_iam_group", "name"),
}
"""Beginnings of the types of settings: the attribute that names what they are of, its type, and the attribute there."""


class Setting(NamedTuple):
    """A setting with a resource of its own: its type, what links it to its owner, and what it says."""

    type: str
    links: Mapping[str, Any]
    """The attribute that names the owner, and where it has one the setting's own name."""
    path: str
    value: Any


def owner_of(kind: str) -> tuple[str, str, str] | None:
    """(attribute that names the owner, the owner's type, its attribute) of a type of settings."""
    return next((owner for start, owner in OWNERS.items() if kind.startswith(start)), None)


def setting_of(item: DriftItem, code: Code) -> Setting | None:
    """None for an item that is about none."""
    kind, dot, path = item.attribute.partition(".")
    owner = owner_of(kind)
    resource = code.stored.get(item.address or "")
    if not dot or owner is None or resource is None or item.action != "set" or item.live_value in ABSENT:
        return None
    links = {owner[0]: resource.attributes.get(owner[2])}
    rest = item.resource_id.split(" ", 1)
    if owner[0] != "bucket" and len(rest) == 2:
        links = {"name": rest[1], **links}
    return Setting(kind, links, path, item.live_value)


def holder_of(setting: Setting, code: Code) -> str:
    """The address of the resource that the code has for a setting; empty where it has none."""
    for address, said in code.written.instances.items():
        if said.type == setting.type and all(
            same(said.values.get(name), value) for name, value in setting.links.items()
        ):
            return address
    return ""
