"""Do the readers see what Terraform sees? `python -m lamplighter.scenarios.drift.crosscheck [PROJECT...]`

In a rebuilt cloud many kinds are done at once, each to a resource of its own; then a real `terraform apply
-refresh-only` writes what the provider finds into the state, and every value a reader names is compared with it.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from lamplighter.scenarios.drift.catalogue import kinds
from lamplighter.scenarios.drift.inventory import Inventory, Reading
from lamplighter.scenarios.drift.night import Night, World
from lamplighter.scenarios.drift.probe import PEOPLE, inject, new_night, targets
from lamplighter.scenarios.drift.schema import PROJECTS, base, projects
from lamplighter.scenarios.drift.worlds import prepared, rebuild, terraform
from lamplighter.scenarios.people import TERRAFORM
from lamplighter.scenarios.world import served, terraform_environment


class Agreement(NamedTuple):
    """One round: how many kinds were done, how many values differ from the code, and where Terraform disagrees."""

    project: str
    kinds: tuple[str, ...]
    values: int
    drifted: int
    disagreements: tuple[str, ...]
    unread: tuple[str, ...]
    """Attributes that changed in Terraform's eyes and that no reader names: echoes, and what a reader should name."""


def rounds(project: str, mirror: Path, most: int = 3) -> Iterator[Agreement]:
    """Rounds until every kind that leaves something was done, `most` at the most."""
    left = [kind for kind in kinds().values() if kind.outcome == "drift"]
    for number in range(most):
        world = World.of(project, rebuild(project))
        night = new_night(world, f"crosscheck/{number}", datetime(2026, 11, 22, 22, tzinfo=UTC))
        done = _many(night, left, random.Random(number))
        if not done:
            return
        left = [kind for kind in left if kind.id not in done]
        night.world.inventory.hands.after_call = lambda: None
        yield _agreement(project, world.inventory, tuple(done), _refreshed(project, world, mirror))


def _many(night: Night, left: list[Any], draw: random.Random) -> list[str]:
    """Do as many kinds as there are free resources for; a kind that another one has made impossible waits."""
    done: list[str] = []
    taken: set[str] = set()
    for kind in left:
        free = [one for one in targets(night, kind) if one.address not in taken]
        if not free:
            continue
        target = draw.choice(free)
        taken.add(target.address)
        try:
            inject(night, kind.id, target, PEOPLE[target.account][0])
        except (ClientError, BotoCoreError):
            continue
        done.append(kind.id)
    return done


def _refreshed(project: str, world: World, mirror: Path) -> dict[str, Any]:
    """The state after a real refresh of the drifted cloud."""
    with served(world.inventory.hands.recorder) as endpoint, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = terraform_environment(folder, mirror, endpoint, TERRAFORM)
        code = prepared(PROJECTS / project, folder)
        base(project).write_state(code)
        terraform(["init", "-no-color", "-input=false"], code, environment)
        arguments = ["apply", "-refresh-only", "-auto-approve", "-no-color", "-input=false"]
        terraform(arguments, code, environment)
        loaded: dict[str, Any] = json.loads((code / "terraform.tfstate").read_text())
        return loaded


def _agreement(project: str, inventory: Inventory, done: tuple[str, ...], state: dict[str, Any]) -> Agreement:
    from lamplighter.scenarios.injection import instances

    found = instances(state)
    wrong, values, drifted = [], 0, 0
    unread: set[str] = set()
    for address, resource in inventory.resources.items():
        live = inventory.read([address])[address]
        values += len(live)
        drifted += sum(1 for path in live if live[path] != inventory.code[address].get(path, object()))
        seen: Reading = {"": None}
        if address in found:
            seen = inventory.as_read(resource._replace(attributes=found[address]))
            named = {path.partition(".")[0] for path in live} | {"tags_all"}
            unread |= {
                f"{resource.type}.{name}"
                for name, value in found[address].items()
                if name not in named and value != resource.attributes.get(name)
            }
        wrong += [
            f"{address} {path}: reader {live.get(path)!r}, Terraform {seen.get(path)!r}"
            for path in sorted(live.keys() | seen.keys())
            if live.get(path) != seen.get(path)
        ]
    return Agreement(project, done, values, drifted, tuple(wrong), tuple(sorted(unread)))


def main(arguments: list[str]) -> int:
    """Print each round; 1 where a value differs."""
    mirror = os.environ.get("LAMP_TEST_TF_MIRROR")
    if not mirror:
        print(
            "usage: LAMP_TEST_TF_MIRROR=FOLDER python -m lamplighter.scenarios.drift.crosscheck [PROJECT...]"
        )
        return 64
    worst = 0
    for project in arguments or projects():
        for result in rounds(project, Path(mirror)):
            print(
                f"{project}: {len(result.kinds)} kinds, {result.values} values read, {result.drifted} drifted, "
                f"{len(result.disagreements)} disagreements",
                flush=True,
            )
            if result.unread:
                print("   changed, and no reader names it:", ", ".join(result.unread))
            for text in result.disagreements:
                print("  ", text)
                worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
