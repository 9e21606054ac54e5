"""One night in a cloud: who did what, what each single call changed, and what is left of it in the morning.

After every call that may change something the whole project is read back and the accounts are counted. So the truth
of a night comes from the cloud, and its attribution from the order of the calls; what an injector meant to do is not
asked.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.census import LISTERS, Item, census
from lamplighter.scenarios.drift.hands import Hands, Holder
from lamplighter.scenarios.drift.inventory import Inventory, Reading, Resource
from lamplighter.scenarios.recorder import Event, Recorder, Session


class Clock:
    """Time of a night (UTC): set by the script, a little further with each call."""

    def __init__(self, start: datetime) -> None:
        self.now = start
        self.step = 1

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: int) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class Touch(NamedTuple):
    """A call changed a value, made an item or removed one."""

    step: int
    event: Event
    key: tuple[str, str] | Item


@dataclass
class Step:
    """What one holder of a key did for one purpose."""

    kind: str
    session: str
    events: list[Event] = field(default_factory=list)


@dataclass
class World:
    """A rebuilt project and what it holds, before anybody touches it; forked for each night."""

    inventory: Inventory
    items: set[Item]

    @classmethod
    def of(cls, project: str, recorder: Recorder) -> World:
        """Read the cloud that is in this process."""
        inventory = Inventory.of(project, Hands(recorder))
        world = cls(inventory, set())
        world.items = world.count(set(LISTERS))
        return world

    def count(self, services: set[str]) -> set[Item]:
        """The items of these services now."""
        places = {(item.region, item.account) for item in self.inventory.resources.values()}
        hands = self.inventory.hands
        return census(
            lambda service, region, account: hands.client(service, region, people.reader(account)),
            places,
            services,
        )


@dataclass
class Night:
    """The cloud while it is being changed. `touches` is the log of what each call did."""

    world: World
    clock: Clock
    draw: random.Random
    steps: list[Step] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    readings: dict[str, Reading] = field(default_factory=dict)
    items: set[Item] = field(default_factory=set)
    _known: dict[str, set[str]] = field(default_factory=dict)
    _seen: int = 0

    def __post_init__(self) -> None:
        self.readings = dict(self.world.inventory.code)
        self.items = set(self.world.items)
        self.world.inventory.hands.after_call = self.look
        self._seen = len(self.recorder.events)

    @property
    def recorder(self) -> Recorder:
        """Who writes the records."""
        return self.world.inventory.hands.recorder

    @contextmanager
    def step(self, kind: str, session: str) -> Iterator[Step]:
        """Calls made inside belong together."""
        self.steps.append(Step(kind, session))
        self.look()
        yield self.steps[-1]
        self.look()

    def client(self, service: str, target: Resource | None = None, key: str | None = None) -> Holder:
        """A client of the current step's session, in the target's region."""
        region = target.region if target else next(iter(self.world.inventory.resources.values())).region
        return self.world.inventory.hands.client(service, region, key or self.steps[-1].session)

    def look(self) -> None:
        """See what the calls since the last look changed. Readers' calls leave no record, so they end here."""
        fresh = self.recorder.events[self._seen :]
        if not fresh:
            return
        self._seen = len(self.recorder.events)
        self.clock.forward(self.clock.step)
        if self.steps:
            self.steps[-1].events += fresh
        changing = [event for event in fresh if not event["readOnly"] and "errorCode" not in event]
        if not changing:
            return
        hands = self.world.inventory.hands
        hands.after_call, outer = (lambda: None), hands.after_call
        event = changing[-1]
        number = len(self.steps) - 1
        service = service_of_event(event)
        words = set(_words(event["requestParameters"])) | set(_words(event["responseElements"]))
        near = [
            address
            for address, found in self.world.inventory.resources.items()
            if service_of(found.type) == service and words & self._names(found)
        ]
        readings = self.world.inventory.read(near)
        for address, reading in readings.items():
            before = self.readings[address]
            for path in reading.keys() | before.keys():
                if reading.get(path) != before.get(path) or (path in reading) != (path in before):
                    self.touches.append(Touch(number, event, (address, path)))
        items = {item for item in self.items if service_of(item.type) != service} | self.world.count(
            {service}
        )
        self.touches += [Touch(number, event, item) for item in sorted(items ^ self.items)]
        self.readings |= readings
        self.items = items
        hands.after_call = outer

    def _names(self, resource: Resource) -> set[str]:
        """What a call may name the resource by: its own texts. `Truth` reads everything and finds what this missed."""
        if resource.address not in self._known:
            texts = {value for value in resource.attributes.values() if isinstance(value, str) and value}
            self._known[resource.address] = texts | {text.rsplit("/", 1)[-1] for text in texts}
        return self._known[resource.address]

    def add_event(self, event: Mapping[str, Any], session: Session, session_key: str) -> None:
        """A record of what is no API call of the sandbox: a sign-in, a service at work."""
        self.recorder.add(
            {**event, "userIdentity": dict(session.identity), "sourceIPAddress": session.source_ip}
        )
        self.steps[-1].session = session_key
        self.look()


SERVICES = {
    "aws_acm": "acm",
    "aws_api_gateway": "apigateway",
    "aws_apigatewayv2": "apigateway",
    "aws_autoscaling": "autoscaling",
    "aws_backup": "backup",
    "aws_cloudfront": "cloudfront",
    "aws_cloudtrail": "cloudtrail",
    "aws_cloudwatch_event": "events",
    "aws_cloudwatch_log": "logs",
    "aws_cloudwatch": "cloudwatch",
    "aws_codebuild": "codebuild",
    "aws_cognito": "cognito-idp",
    "aws_db": "rds",
    "aws_dynamodb": "dynamodb",
    "aws_ecr": "ecr",
    "aws_ecs": "ecs",
    "aws_efs": "elasticfilesystem",
    "aws_elasticache": "elasticache",
    "aws_glue": "glue",
    "aws_iam": "iam",
    "aws_kinesis": "kinesis",
    "aws_kms": "kms",
    "aws_lambda": "lambda",
    "aws_lb": "elasticloadbalancing",
    "aws_route53": "route53",
    "aws_s3": "s3",
    "aws_scheduler": "scheduler",
    "aws_secretsmanager": "secretsmanager",
    "aws_sns": "sns",
    "aws_sqs": "sqs",
    "aws_ssm": "ssm",
    "aws_wafv2": "wafv2",
}
"""Prefix of a Terraform type to the service that holds it; what is left belongs to EC2. Longer prefixes stand first."""


def service_of(kind: str) -> str:
    """The service of a Terraform type, by botocore's name."""
    return next(
        (service for prefix, service in SERVICES.items() if f"{kind}_".startswith(f"{prefix}_")), "ec2"
    )


def service_of_event(event: Event) -> str:
    """The service of a record, by the same names."""
    name = str(event["eventSource"].partition(".")[0])
    return {"monitoring": "cloudwatch"}.get(name, name)


def _words(value: Any) -> Iterator[str]:
    """Every text in a record's parameters, and the last part of each ARN."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *_words(item))
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, str):
        yield value
        yield value.rsplit("/", 1)[-1]
        yield value.rsplit(":", 1)[-1]


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


Injector = Callable[[Night, Resource], None]
