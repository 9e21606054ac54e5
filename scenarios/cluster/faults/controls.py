"""The controls of a scenario: doing nothing fails its check, a right repair passes it, each cheat fails it.

`python -m lamplighter.scenarios.cluster.faults.controls --seeds 0,1,2` runs them all and exits with 1 where one does
not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import click

from lamplighter.scenarios.cluster.faults import check, guards, play
from lamplighter.scenarios.cluster.faults.cheats import cheats_of
from lamplighter.scenarios.cluster.faults.load import ScenarioError, load_all
from lamplighter.scenarios.cluster.faults.perturb import perturb
from lamplighter.scenarios.cluster.faults.schema import Cheat, Json, Request, Scenario


class Control(NamedTuple):
    """One control of one scenario: whether it came out as it must, and what the check said."""

    scenario: str
    seed: int
    name: str
    holds: bool
    said: tuple[str, ...]


def outcome(player: play.Player, steps: Iterable[Request], before: guards.Baseline) -> list[str]:
    """What the check says after these steps in a copy of the player's sandbox.

    Raises ScenarioError for a step that is refused and does not say so: what was not done proves nothing.
    """
    branch = player.branch()
    branch.run(steps)
    return check.verdict(branch.client, player.scenario, before)


def _control(
    player: play.Player, seed: int, name: str, steps: Iterable[Request], before: guards.Baseline, fails: bool
) -> Control:
    """The control that the check fails, or passes, after these steps, each of which must have been done."""
    try:
        said = outcome(player, steps, before)
    except ScenarioError as error:
        return Control(player.scenario.id, seed, name, False, (f"refused: {error}",))
    return Control(player.scenario.id, seed, name, bool(said) == fails, tuple(said))


def missing_evidence(scenario: Scenario, player: play.Player) -> list[str]:
    """Texts of the expectation that stand nowhere in the cluster's objects, events and logs; and a line where none
    of them is more than the scenario's own manifests say, though it is not `silent`, or where it is not silent at all.
    """
    text = world_text(player)
    wanted = [fact for cause in scenario.expect.diagnosis for fact in cause.evidence]
    lost = [fact for fact in wanted if fact not in text]
    if scenario.healthy:
        return lost
    written = "\n".join(
        _texts([*scenario.objects, *(step.model_dump(mode="json") for step in scenario.timeline)])
    )
    shown = observed_text(player)
    told = [fact for fact in wanted if fact in shown and fact not in written]
    if not told and not scenario.expect.silent:
        lost.append("no fact is from a status, an event or a log: all stand in the scenario's own manifests")
    if told and scenario.expect.silent:
        lost.append(f"said to be silent, but {told[0]!r} is shown")
    return lost


def world_text(player: play.Player) -> str:
    """Everything that an investigation can read, as one text: objects with their status, events, logs."""
    parts: list[str] = []
    for obj in _objects(player):
        kept = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "managedFields"}}
        parts += _texts(kept)
    return "\n".join([*parts, *_logs(player)])


def observed_text(player: play.Player) -> str:
    """What the cluster itself says, as one text: statuses, events, logs."""
    parts: list[str] = []
    for obj in _objects(player):
        parts += _texts(obj if obj["kind"] == "Event" else obj.get("status"))
    return "\n".join([*parts, *_logs(player)])


def _objects(player: play.Player) -> Iterator[Json]:
    for kind in player.sandbox.cluster.registry.stored():
        yield from player.client.listed(kind)


def _logs(player: play.Player) -> Iterator[str]:
    return (line for lines in player.sandbox.cluster.records.everything() for _, line in lines)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def controls(scenario: Scenario, seed: int = 0, only: int | None = None) -> Iterator[Control]:
    """Every control of a scenario, or those of its first `only` cheats. Raises ScenarioError."""
    with play.played(scenario, seed) as player:
        before = guards.baseline(player.client)
        nothing = check.verdict(player.client, scenario, before)
        lost = missing_evidence(scenario, player)
        first = play.events(player.client)
        yield Control(scenario.id, seed, "no-op", bool(nothing) != scenario.healthy, tuple(nothing))
        yield Control(scenario.id, seed, "evidence", not lost, tuple(lost))
        for repair in scenario.repairs:
            yield _control(player, seed, f"repair: {repair.title}", repair.do, before, False)
        for cheat in cheats_of(scenario, before)[:only]:
            yield _control(player, seed, f"cheat: {cheat.id}", _steps(scenario, cheat), before, True)
    with play.played(scenario, seed) as again:
        second = play.events(again.client)
        moved = [f"{one} / {two}" for one, two in zip(first, second, strict=False) if one != two]
        yield Control(scenario.id, seed, "the same twice", first == second, tuple(moved[:1]))


def _steps(scenario: Scenario, cheat: Cheat) -> tuple[Request, ...]:
    first = scenario.repairs[0].do if cheat.after_repair and scenario.repairs else ()
    return (*first, *cheat.do)


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--seeds", default="0", show_default=True, help="Comma-separated; 0 is the scenario as written."
)
@click.option("--verbose", is_flag=True, help="Show each control with what the check said.")
def main(names: tuple[str, ...], seeds: str, verbose: bool) -> None:
    """Run the controls of all or of the named scenarios."""
    ran = wrong = 0
    for name, scenario in load_all().items():
        if names and name not in names:
            continue
        for seed in [int(text) for text in seeds.split(",")]:
            try:
                found = list(controls(perturb(scenario, seed) if seed else scenario, seed))
            except ScenarioError as error:
                found = [Control(name, seed, "play", False, (str(error),))]
            ran += len(found)
            wrong += sum(not control.holds for control in found)
            for control in found:
                if verbose or not control.holds:
                    mark = "ok" if control.holds else "WRONG"
                    click.echo(f"{mark} {name} seed {seed} {control.name}: {'; '.join(control.said) or '-'}")
    click.echo(f"{ran} controls, {wrong} wrong")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
