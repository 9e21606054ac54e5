"""What is true of a night: drifts, unmanaged resources, and the events that mean nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.census import Item
from lamplighter.scenarios.drift.inventory import RECREATED, Inventory, Reading, Resource
from lamplighter.scenarios.drift.night import Night, Touch, same
from lamplighter.scenarios.drift.schema import (
    Action,
    Attribution,
    DriftTruth,
    Key,
    NonFinding,
    UnmanagedTruth,
)
from lamplighter.scenarios.recorder import Event

ECHOES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "aws_s3_bucket_versioning": (("aws_s3_bucket", "bucket", "bucket", "versioning"),),
    "aws_s3_bucket_logging": (("aws_s3_bucket", "bucket", "bucket", "logging"),),
    "aws_s3_bucket_policy": (("aws_s3_bucket", "bucket", "bucket", "policy"),),
    "aws_s3_bucket_cors_configuration": (("aws_s3_bucket", "bucket", "bucket", "cors_rule"),),
    "aws_s3_bucket_website_configuration": (("aws_s3_bucket", "bucket", "bucket", "website"),),
    "aws_s3_bucket_lifecycle_configuration": (("aws_s3_bucket", "bucket", "bucket", "lifecycle_rule"),),
    "aws_s3_bucket_server_side_encryption_configuration": (
        ("aws_s3_bucket", "bucket", "bucket", "server_side_encryption_configuration"),
    ),
    "aws_sqs_queue_policy": (("aws_sqs_queue", "queue_url", "url", "policy"),),
    "aws_sns_topic_policy": (("aws_sns_topic", "arn", "arn", "policy"),),
    "aws_iam_role_policy": (("aws_iam_role", "role", "name", "inline_policy"),),
    "aws_iam_role_policy_attachment": (
        ("aws_iam_role", "role", "name", "managed_policy_arns"),
        ("aws_iam_policy", "policy_arn", "arn", "attachment_count"),
    ),
    "aws_vpc_security_group_ingress_rule": (("aws_security_group", "security_group_id", "id", "ingress"),),
    "aws_vpc_security_group_egress_rule": (("aws_security_group", "security_group_id", "id", "egress"),),
    "aws_security_group_rule": (
        ("aws_security_group", "security_group_id", "id", "ingress"),
        ("aws_security_group", "security_group_id", "id", "egress"),
    ),
    "aws_route": (("aws_route_table", "route_table_id", "id", "route"),),
    "aws_volume_attachment": (("aws_instance", "instance_id", "id", "ebs_block_device"),),
}
"""By type: computed attributes of another type that repeat it: that type, the own attribute that names it, the
attribute there that is named, and the path there."""

RULES = (
    "aws_vpc_security_group_ingress_rule",
    "aws_vpc_security_group_egress_rule",
    "aws_security_group_rule",
)


class Truth:
    """Derives the truth of a night from its touches and from what the cloud holds at the end."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.inventory: Inventory = night.world.inventory
        self.final = self.inventory.read()
        # Reads are cut to the services of a call: a change that no look saw would have no cause.
        for address, reading in self.final.items():
            if not same(reading, night.readings[address]):
                raise ValueError(
                    f"{address} changed behind the looks: {night.readings[address]} -> {reading}"
                )
        self.touches: dict[Any, list[Touch]] = defaultdict(list)
        for touch in night.touches:
            self.touches[touch.key].append(touch)
        self.used: set[str] = set()

    def drifts(self) -> tuple[DriftTruth, ...]:
        """Attributes whose value is not the state's; a resource that is gone or another is path ""."""
        found = []
        for address, live in sorted(self.final.items()):
            resource = self.inventory.resources[address]
            code = self.inventory.code[address]
            for path, value, now in self._differences(resource, code, live):
                if not self._is_echo(resource, path):
                    found.append(self._drift(resource, path, value, now))
        return tuple(found)

    def _differences(
        self, resource: Resource, code: Reading, live: Reading
    ) -> Iterator[tuple[str, Any, Any]]:
        identity = RECREATED.get(resource.type, "")
        if "" in live:
            yield "", {"id": resource.attributes["id"]}, None
            return
        if identity and live[identity] != code[identity]:
            yield "", {identity: code[identity]}, {identity: live[identity]}
        for path in sorted(code.keys() | live.keys()):
            if path != identity and not same(code.get(path), live.get(path)):
                yield path, code.get(path), live.get(path)

    def _is_echo(self, resource: Resource, path: str) -> bool:
        """Whether the path repeats what other resources of the project hold."""
        own = resource.attributes["id"]
        if resource.type == "aws_security_group" and path in {"ingress", "egress"}:
            return any(
                other.type in RULES and other.attributes["security_group_id"] == own
                for other in self.inventory.resources.values()
            )
        if resource.type == "aws_route_table" and path == "route":
            return any(
                other.type == "aws_route" and other.attributes["route_table_id"] == own
                for other in self.inventory.resources.values()
            )
        return False

    def _drift(self, resource: Resource, path: str, code: Any, live: Any) -> DriftTruth:
        touches = self._touches_of(resource.address, path)
        added, removed = members(code, live) if isinstance(code or live, list) else ((), ())
        if path == "":
            action: Action = "delete" if live is None else "create"
        elif added and not removed:
            action = "add"
        elif removed and not added:
            action = "remove"
        elif path.startswith("tags."):
            action = "add" if code is None else "remove" if live is None else "set"
        else:
            action = "set"
        return DriftTruth(
            address=resource.address,
            type=resource.type,
            path=path,
            action=action,
            code=code,
            live=live,
            added=added,
            removed=removed,
            kind=self.night.steps[touches[-1].step].kind,
            attribution=self._attribution(touches, resource.address),
            also=(*self._also(resource.type, resource.attributes), *_tags_all(resource.address, path)),
        )

    def _touches_of(self, address: str, path: str) -> list[Touch]:
        touches = list(self.touches[address, path])
        if path == "" and not touches:
            touches = list(self.touches[address, RECREATED[self.inventory.resources[address].type]])
        if not touches:
            # The resource went and came back in between: the value changed when it came back.
            touches = list(self.touches[address, ""])
        if not touches:
            raise ValueError(f"{address} {path}: no call changed it")
        return touches

    def _attribution(self, touches: list[Touch], key: Any) -> Attribution:
        cause = touches[-1].event
        owned = set()
        for number in {touch.step for touch in touches}:
            elsewhere = {
                touch.event["eventID"]
                for touch in self.night.touches
                if touch.step == number and self._owner(touch.key) != key
            }
            here = {
                touch.event["eventID"]
                for touch in self.night.touches
                if touch.step == number and self._owner(touch.key) == key
            }
            for event in self.night.steps[number].events:
                if (
                    not event["readOnly"]
                    and "errorCode" not in event
                    and event["eventID"] not in elsewhere - here
                ):
                    owned.add(event["eventID"])
        order = [event["eventID"] for event in self.night.recorder.events]
        self.used |= owned
        session = self.night.steps[touches[-1].step].session
        return Attribution(
            who=cause["userIdentity"]["arn"],
            identity_type=cause["userIdentity"]["type"],
            when=cause["eventTime"],
            tool=people.tool(people.SESSIONS[session].user_agent),  # type: ignore[arg-type]
            user_agent=cause["userAgent"],
            source_ip=cause["sourceIPAddress"],
            event=cause["eventID"],
            events=tuple(sorted(owned, key=order.index)),
            session=session,
        )

    def _also(self, kind: str, attributes: Any) -> tuple[Key, ...]:
        keys = []
        for other_type, own, named, path in ECHOES.get(kind, ()):
            for other in self.inventory.resources.values():
                if other.type == other_type and other.attributes[named] == attributes.get(own):
                    keys.append(Key(address=other.address, path=path))
        return tuple(keys)

    def unmanaged(self) -> tuple[UnmanagedTruth, ...]:
        """Items that were not there before and are in no state."""
        found = []
        for item in sorted(self.night.items - self.night.world.items):
            attributes = _parts(item)
            touches = self.touches[item]
            if "HashiCorp" in touches[-1].event["userAgent"] or self._belongs_to_inline(item):
                continue
            also = self._also(item.type, attributes)
            if item.type in RULES:
                also = self._rule_group(item)
            found.append(
                UnmanagedTruth(
                    type=item.type,
                    id=item.id,
                    region=item.region,
                    account=item.account,
                    kind=self.night.steps[touches[-1].step].kind,
                    attribution=self._attribution(touches, item),
                    also=also,
                )
            )
        return tuple(found)

    def _belongs_to_inline(self, item: Item) -> bool:
        """A rule or route inside a resource that lists its own: that resource's drift, no resource of its own."""
        if item.type in RULES:
            groups = {key.address for key in self._rule_group(item)}
            return any(
                not self._is_echo(self.inventory.resources[address], "ingress") for address in groups
            ) or (not groups and self._parent_is_new(item))
        if item.type == "aws_route":
            table = item.id.partition("_")[0]
            for other in self.inventory.resources.values():
                if other.type == "aws_route_table" and other.attributes["id"] == table:
                    return not self._is_echo(other, "route")
        if item.type.startswith("aws_s3_bucket_") or ":" in item.id or "/" in item.id:
            return self._parent_is_new(item)
        return False

    def _parent_is_new(self, item: Item) -> bool:
        """Whether the item is part of something that is itself unmanaged and new: told once, by that."""
        return bool(self._owner(item) != item)

    def _owner(self, key: Any) -> Any:
        """A touch of an attribute belongs to its resource; an item to itself, or to the new thing it is part of."""
        if not isinstance(key, Item):
            return key[0]
        if key.type in RULES:
            parent = ("aws_security_group", self._group_of(key))
        elif key.type.startswith("aws_s3_bucket_"):
            parent = ("aws_s3_bucket", key.id)
        elif key.type.startswith(("aws_iam_role_", "aws_iam_user_", "aws_iam_group_")):
            kind = "_".join(key.type.split("_")[:3])
            parent = (kind, key.id.partition("/" if "/" in key.id else ":")[0])
        else:
            return key
        whole = Item(*parent, key.region, key.account)
        return whole if whole in self.night.items - self.night.world.items else key

    def _group_of(self, item: Item) -> str:
        for touch in self.touches[item]:
            for part in ("requestParameters", "responseElements"):
                name = (touch.event[part] or {}).get("groupId")
                if name:
                    return str(name)
        return ""

    def _rule_group(self, item: Item) -> tuple[Key, ...]:
        group = self._group_of(item)
        path = "egress" if "egress" in item.type else "ingress"
        return tuple(
            Key(address=other.address, path=path)
            for other in self.inventory.resources.values()
            if other.type == "aws_security_group" and other.attributes["id"] == group
        )

    def non_findings(self) -> tuple[NonFinding, ...]:
        """Every event that belongs to no drift and no unmanaged resource, by its reason. Call it last."""
        rows: dict[str, list[str]] = defaultdict(list)
        for event in self.night.recorder.events:
            if event["eventID"] not in self.used:
                rows[self._reason(event)].append(event["eventID"])
        return tuple(NonFinding(reason=reason, events=tuple(ids)) for reason, ids in sorted(rows.items()))  # type: ignore[arg-type]

    def _reason(self, event: Event) -> str:
        if event["readOnly"]:
            return "read only"
        if "errorCode" in event:
            return "failed"
        if event["userIdentity"]["type"] == "AWSService":
            return "AWS service"
        if event["eventType"] == "AwsConsoleSignIn":
            return "sign-in"
        if "HashiCorp" in (event["userAgent"] or ""):
            name = event["userIdentity"]["arn"].rsplit("/", 1)[-1]
            return "another terraform root" if name.startswith("search") else "terraform"
        touched = [touch for touch in self.night.touches if touch.event["eventID"] == event["eventID"]]
        items = [touch.key for touch in touched if isinstance(touch.key, Item)]
        if items and len(items) == len(touched):
            return "created and deleted"
        if touched:
            return "reverted"
        step = next(step for step in self.night.steps if event in step.events)
        alone = [one for one in step.events if not one["readOnly"] and "errorCode" not in one]
        return "same value" if len(alone) == 1 else "companion call"


def members(code: Any, live: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Members that only the live list has, and those that only the code's has."""
    before = {json.dumps(row, sort_keys=True): row for row in code or ()}
    after = {json.dumps(row, sort_keys=True): row for row in live or ()}
    return (
        tuple(row for text, row in sorted(after.items()) if text not in before),
        tuple(row for text, row in sorted(before.items()) if text not in after),
    )


def _tags_all(address: str, path: str) -> tuple[Key, ...]:
    return (Key(address=address, path="tags_all." + path[5:]),) if path.startswith("tags.") else ()


def _parts(item: Item) -> dict[str, str]:
    """What an import id says of the resource, under the names of the type's own attributes."""
    if item.type == "aws_iam_role_policy_attachment":
        role, _, arn = item.id.partition("/")
        return {"role": role, "policy_arn": arn}
    if item.type == "aws_iam_role_policy":
        return {"role": item.id.partition(":")[0]}
    if item.type == "aws_route":
        return {"route_table_id": item.id.partition("_")[0]}
    return {"bucket": item.id, "queue_url": item.id, "arn": item.id}
