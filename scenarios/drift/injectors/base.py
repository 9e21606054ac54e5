"""The registry of injectors, and what several of them need."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Injector, Night

INJECTORS: dict[str, Injector] = {}
FITS: dict[str, Callable[[Night, Resource], bool]] = {}

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def injects(
    kind: str, fits: Callable[[Night, Resource], bool] | None = None
) -> Callable[[Injector], Injector]:
    """Register the injector of a kind; `fits` says which resources of the kind's types it can be aimed at."""

    def register(injector: Injector) -> Injector:
        INJECTORS[kind] = injector
        if fits:
            FITS[kind] = fits
        return injector

    return register


def other(night: Night, value: Any, choices: list[Any]) -> Any:
    """A choice that differs from what is there."""
    return night.draw.choice([choice for choice in choices if choice != value])


def peers(night: Night, target: Resource, kind: str) -> list[Resource]:
    """Resources of a type in the target's region and account."""
    return [
        found
        for found in night.world.inventory.resources.values()
        if found.type == kind and (found.region, found.account) == (target.region, target.account)
    ]


def edited(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    """A policy document with a change made to it."""
    document: dict[str, Any] = json.loads(text)
    if isinstance(document.get("Statement"), dict):
        document["Statement"] = [document["Statement"]]
    change(document)
    return json.dumps(document)


def widen(document: dict[str, Any]) -> None:
    """Let the first statement do everything its service offers."""
    statement = document["Statement"][0]
    actions = statement["Action"]
    first = actions[0] if isinstance(actions, list) else actions
    service = first.partition(":")[0]
    statement["Action"] = f"{service}:*" if first != f"{service}:*" else "*"


def rule(port: int, cidr: str, description: str = "") -> list[dict[str, Any]]:
    """An EC2 IpPermissions list of one TCP rule."""
    block = {"CidrIp": cidr} | ({"Description": description} if description else {})
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [block]}]


def not_admin(night: Night, target: Resource) -> bool:
    """Whether a role or user is not yet an administrator by an attachment of the project."""
    return not any(
        found.type == "aws_iam_role_policy_attachment"
        and found.attributes["role"] == target.attributes["name"]
        and found.attributes["policy_arn"] == ADMIN
        for found in night.world.inventory.resources.values()
    )


def pause(night: Night, low: int = 20, high: int = 400) -> None:
    """Let some time pass between two calls."""
    night.clock.forward(night.draw.randint(low, high))
