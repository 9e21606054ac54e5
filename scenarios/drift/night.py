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


SERVICE_NAMES = {"monitoring": "cloudwatch"}


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
    _seen: int = 0

    def __post_init__(self) -> None:
        self.readings = self.world.inventory.read()
        self.items = set(self.world.items)
        self.world.inventory.hands.after_call = self._look
        self._seen = len(self.recorder.events)

    @property
    def recorder(self) -> Recorder:
        """Who writes the records."""
        return self.world.inventory.hands.recorder

    @contextmanager
    def step(self, kind: str, session: str) -> Iterator[Step]:
        """Calls made inside belong together."""
        self.steps.append(Step(kind, session))
        self._look()
        yield self.steps[-1]
        self._look()

    def client(self, service: str, target: Resource | None = None, key: str | None = None) -> Holder:
        """A client of the current step's session, in the target's region."""
        region = target.region if target else next(iter(self.world.inventory.resources.values())).region
        return self.world.inventory.hands.client(service, region, key or self.steps[-1].session)

    def _look(self) -> None:
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
        readings = self.world.inventory.read()
        for address, reading in readings.items():
            before = self.readings[address]
            for path in reading.keys() | before.keys():
                if reading.get(path) != before.get(path) or (path in reading) != (path in before):
                    self.touches.append(Touch(number, event, (address, path)))
        service = event["eventSource"].partition(".")[0]
        service = SERVICE_NAMES.get(service, service)
        items = {item for item in self.items if _service(item) != service} | self.world.count({service})
        self.touches += [Touch(number, event, item) for item in sorted(items ^ self.items)]
        self.readings, self.items = readings, items
        hands.after_call = outer

    def add_event(self, event: Mapping[str, Any], session: Session, session_key: str) -> None:
        """A record of what is no API call of the sandbox: a sign-in, a service at work."""
        self.recorder.add(
            {**event, "userIdentity": dict(session.identity), "sourceIPAddress": session.source_ip}
        )
        self.steps[-1].session = session_key
        self._look()


def _service(item: Item) -> str:
    prefixes = {
        "aws_s3": "s3",
        "aws_sqs": "sqs",
        "aws_sns": "sns",
        "aws_iam": "iam",
        "aws_cloudwatch_log": "logs",
        "aws_cloudwatch_event": "events",
        "aws_cloudwatch": "cloudwatch",
        "aws_lambda": "lambda",
        "aws_dynamodb": "dynamodb",
        "aws_ssm": "ssm",
        "aws_secretsmanager": "secretsmanager",
        "aws_route53": "route53",
        "aws_ecr": "ecr",
        "aws_kms": "kms",
        "aws_kinesis": "kinesis",
        "aws_ecs": "ecs",
    }
    for prefix, service in prefixes.items():
        if item.type.startswith(prefix):
            return service
    return "ec2"


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


Injector = Callable[[Night, Resource], None]
