"""How a trail delivers a night's records: one file for each region, account and quarter of an hour, not in order.

Some come late, some twice. AWS CloudTrail user guide, "How CloudTrail works": files within an average of about five
minutes of a call, several times an hour; the order inside a file is not the order of the calls.
"""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from lamplighter.scenarios.drift.schema import Delivery


def delivered(
    events: list[dict[str, Any]], draw: random.Random, *, late: bool = False, twice: bool = False
) -> tuple[Delivery, ...]:
    """The log files of these events; with `late`, one event comes 20 to 90 minutes later; with `twice`, one again."""
    slots: dict[tuple[str, str, datetime], list[int]] = defaultdict(list)
    held = draw.randrange(len(events)) if late else None
    for index, event in enumerate(events):
        moment = datetime.fromisoformat(event["eventTime"]).astimezone(UTC) + timedelta(minutes=5)
        if index == held:
            moment += timedelta(minutes=draw.randint(20, 90))
        slot = moment.replace(minute=moment.minute - moment.minute % 15, second=0)
        slots[event["recipientAccountId"], event["awsRegion"], slot].append(index)
    files = [_file(key, indices, draw) for key, indices in sorted(slots.items())]
    if twice:
        again = draw.choice(files)
        index = draw.choice(again.events)
        later = datetime.fromisoformat(again.delivered) + timedelta(minutes=1)
        files.append(_file((again.account, again.region, later), [index], draw))
    return tuple(files)


def _file(key: tuple[str, str, datetime], indices: list[int], draw: random.Random) -> Delivery:
    account, region, slot = key
    order = list(indices)
    draw.shuffle(order)
    stamp = slot.strftime("%Y%m%dT%H%MZ")
    unique = uuid.UUID(int=draw.getrandbits(128)).hex[:16]
    return Delivery(
        account=account,
        region=region,
        delivered=slot.strftime("%Y-%m-%dT%H:%M:%SZ"),
        name=f"{account}_CloudTrail_{region}_{stamp}_{unique}.json.gz",
        events=tuple(order),
    )
