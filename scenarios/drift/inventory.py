"""What a project manages and where it lies; and which of it the cloud still has, as Terraform would say it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.hands import Hands
from lamplighter.scenarios.drift.readers import READERS
from lamplighter.scenarios.drift.readers.base import compared, flat, plain
from lamplighter.scenarios.drift.schema import base

PLACES: dict[str, dict[str, tuple[str, str]]] = {
    "datalake": {"": ("eu-west-1", people.ACCOUNT)},
    "identity": {"": ("eu-west-1", people.ACCOUNT)},
    "network": {
        "": ("eu-west-1", people.ACCOUNT),
        "frankfurt": ("eu-central-1", people.ACCOUNT),
        "virginia": ("us-east-1", people.ACCOUNT),
        "spoke": ("eu-west-1", people.SPOKE),
    },
    "orders": {"": ("eu-central-1", people.ACCOUNT)},
    "payments": {"": ("eu-west-1", people.ACCOUNT)},
    "platform": {"": ("eu-north-1", people.ACCOUNT)},
    "webshop": {"": ("eu-west-1", people.ACCOUNT)},
    "website": {"": ("eu-west-1", people.ACCOUNT), "us_east_1": ("us-east-1", people.ACCOUNT)},
}
"""Region and account of each provider alias of each project."""

RECREATED = {
    "aws_iam_role": "unique_id",
    "aws_iam_user": "unique_id",
    "aws_iam_policy": "policy_id",
}
"""Attributes that tell a resource of the same name from the one Terraform made."""

Reading = dict[str, Any]
"""Dotted path to value; {"": None} for a resource that is gone."""


class Resource(NamedTuple):
    """A managed resource instance."""

    address: str
    type: str
    attributes: Mapping[str, Any]
    region: str
    account: str


def resources(project: str) -> dict[str, Resource]:
    """Every managed resource instance of the project's state, by address."""
    found = {}
    for block in base(project).state()["resources"]:
        if block["mode"] != "managed":
            continue
        alias = block["provider"].rpartition("]")[2].lstrip(".")
        region, account = PLACES[project][alias]
        prefix = f"{block['module']}." if "module" in block else ""
        for instance in block["instances"]:
            key = instance.get("index_key")
            suffix = "" if key is None else f"[{json.dumps(key)}]"
            address = f"{prefix}{block['type']}.{block['name']}{suffix}"
            found[address] = Resource(address, block["type"], instance["attributes"], region, account)
    return found


@dataclass
class Inventory:
    """A project's resources in the cloud of this process. `code` are the state's values in the readers' shape."""

    project: str
    hands: Hands
    resources: dict[str, Resource]
    code: dict[str, Reading] = field(default_factory=dict)

    @classmethod
    def of(cls, project: str, hands: Hands) -> Inventory:
        """Read the untouched cloud. ValueError, naming it, where a value is not the state's."""
        made = cls(project, hands, resources(project))
        wrong = []
        for address, resource in made.resources.items():
            state, live = made._both(resource)
            made.code[address] = state
            wrong += [
                f"{address} {path}: state {state.get(path)!r}, cloud {live.get(path)!r}"
                for path in state.keys() | live.keys()
                if state.get(path) != live.get(path)
            ]
        if wrong:
            raise ValueError(
                f"{project}: the rebuilt cloud is not the recorded one: {'; '.join(sorted(wrong))}"
            )
        return made

    def read(self, addresses: Iterable[str] | None = None) -> dict[str, Reading]:
        """What the cloud has now of these resources, or of all."""
        wanted = self.resources if addresses is None else addresses
        return {address: self._both(self.resources[address])[1] for address in wanted}

    def as_read(self, resource: Resource) -> Reading:
        """What other attributes of a resource (a refreshed state's) say, under the paths a reader names now."""
        return self._both(resource)[0]

    def _both(self, resource: Resource) -> tuple[Reading, Reading]:
        """The state's values and the cloud's, under the same paths."""
        key = people.reader(resource.account)
        answer = READERS[resource.type](
            lambda service: self.hands.client(service, resource.region, key), resource.attributes
        )
        if answer is None:
            return self.code.get(resource.address, {}), {"": None}
        state = dict(resource.attributes)
        if "tags" in answer:
            # What the code says of tags, the provider's default tags included.
            state["tags"] = resource.attributes.get("tags_all", resource.attributes.get("tags")) or {}
        live = plain(answer)
        expected = compared(answer, state)
        if "tags" in live:
            expected["tags"] = dict(state["tags"])
        return _paths(expected, live), _paths(live, expected)


def _paths(value: Any, other: Any) -> Reading:
    """Flat values; keys of maps that only the other side has are None here."""
    rows = flat(value)
    for path in flat(other):
        rows.setdefault(path, None)
    return {path: item for path, item in rows.items() if item != {}}


def short(resource: Resource) -> Any:
    """A resource as the truth shows it: its id."""
    return {"id": resource.attributes["id"]}
