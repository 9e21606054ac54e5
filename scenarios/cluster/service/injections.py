"""Scenarios that are played in a running sandbox, and those that a sandbox begins with.

What a scenario does, it does as anyone could: requests to the API, and containers, load and kubelets that behave as the
cluster's world says. Nothing of it is written into objects, events or logs by hand.
"""

from __future__ import annotations

import difflib
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lamplighter.core.errors import ConfigError, Refused, Unavailable
from lamplighter.scenarios.cluster.clock import stamp
from lamplighter.scenarios.cluster.faults import load, play
from lamplighter.scenarios.cluster.faults.client import Client, ref_to
from lamplighter.scenarios.cluster.faults.schema import Scenario, Wait
from lamplighter.scenarios.cluster.kubelet.behaviour import Rule, rule_of
from lamplighter.scenarios.cluster.sandbox import Sandbox
from lamplighter.scenarios.cluster.service.control import Json

RUN_UP = timedelta(seconds=60)
"""How old a cluster is when the scenario that it begins with sets in."""


def catalogue() -> list[Json]:
    """Every scenario: id, family, title, and how many seconds its timeline takes."""
    return [
        {"id": name, "family": found.family, "title": found.title, "seconds": seconds_of(found)}
        for name, found in load.load_all().items()
    ]


def scenario_of(name: str) -> Scenario:
    """The scenario with that id. Raises ConfigError that names those alike."""
    names = list(load.paths())
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise ConfigError(repr(name), "is no scenario", f"{meant}`lamp sandbox inject --list` has them all")
    return load.load(name)


def seconds_of(scenario: Scenario) -> float:
    return sum(step.seconds for step in scenario.timeline if isinstance(step, Wait))


def begun_with(scenario: Scenario, port: int) -> Sandbox:
    """A sandbox in which the scenario's whole timeline lies in the past, and that goes by wall time from here on.

    Raises OSError for a port that is not to be had, Unavailable for a scenario that cannot be played.
    """
    start = datetime.now(UTC) - timedelta(seconds=seconds_of(scenario)) - RUN_UP
    sandbox = Sandbox(replace(play.plan_of(scenario), start=start), port=port)
    try:
        sandbox.advance((RUN_UP / 2).total_seconds())
        player = play.Player(sandbox, scenario)
        player.begin()
        player.run(scenario.timeline)
    except load.ScenarioError as error:
        sandbox.close()
        raise Unavailable(scenario.id, str(error), "mend the scenario") from error
    sandbox.release()
    return sandbox


@dataclass
class Injection:
    """One scenario in a running sandbox. `state` is playing, played or failed; `problem` says why it failed."""

    scenario: str
    since: str
    seconds: float
    state: str = "playing"
    problem: str = ""


class Injections:
    """Those of one sandbox, in the order in which they came."""

    def __init__(self, sandbox: Sandbox, begun_with: str = "") -> None:
        self._sandbox = sandbox
        self._begins = threading.Lock()
        self.all: list[Injection] = []
        if begun_with:
            self.all.append(Injection(begun_with, stamp(sandbox.cluster.clock.now()), 0.0, "played"))

    def begin(self, name: str) -> Injection:
        """Make the scenario's objects and let its timeline go on in a thread.

        Raises ConfigError for an unknown name, Refused where this sandbox is not one for it, Unavailable where the API
        server refuses an object.
        """
        scenario = scenario_of(name)
        player = play.Player(self._sandbox, scenario)
        with self._begins:
            problem = next(self._obstacles(scenario, player.client), "")
            if problem:
                remedy = f"begin with it: `lamp sandbox down`, then `lamp sandbox up --scenario {name}`"
                raise Refused(name, problem, remedy)
            self._make(player)
            found = Injection(name, stamp(self._sandbox.cluster.clock.now()), seconds_of(scenario))
            self.all.append(found)
        threading.Thread(target=_play, args=(player, found), name=f"scenario-{name}", daemon=True).start()
        return found

    def _make(self, player: play.Player) -> None:
        """Make the scenario's objects; where that fails, its rules go again. Raises Unavailable."""
        cluster = self._sandbox.cluster
        made: list[Rule] = []
        try:
            made.extend(rule_of(entry) for entry in player.scenario.rules)
            player.begin()
        except Exception as error:  # data of a scenario is at fault, whatever it is that it trips up
            with cluster.lock:
                for rule in made:
                    _remove_last(cluster.rules, rule)
            raise Unavailable(
                player.scenario.id, _reason(error), "`lamp sandbox down` takes away what it made so far"
            ) from error

    def _obstacles(self, scenario: Scenario, client: Client) -> Iterator[str]:
        """Why the scenario would not be itself here; nothing has been changed yet."""
        cluster = self._sandbox.cluster
        if scenario.nodes:
            yield "needs nodes of its own"
        if scenario.metrics != cluster.metrics:
            yield f"needs a cluster {'with' if scenario.metrics else 'without'} metrics"
        for obj in scenario.objects:
            if obj["kind"] != "Namespace" and client.get(ref_to(obj)) is not None:
                yield f"would make {ref_to(obj)}, which is there already"


def _play(player: play.Player, injection: Injection) -> None:
    problem = "ended before all of it had happened"
    try:
        player.run(player.scenario.timeline)
        problem = ""
    except Exception as error:  # noqa: BLE001 - the edge of the thread: whoever waits is to hear of it
        problem = _reason(error)
        if not isinstance(error, load.ScenarioError):
            traceback.print_exc()  # into the sandbox's log
    finally:
        injection.problem = problem
        injection.state = "failed" if problem else "played"  # last: it is what is waited for


def _reason(error: Exception) -> str:
    """In one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, load.ScenarioError) else f"{type(error).__name__}: {text}"


def _remove_last(rules: list[Rule], rule: Rule) -> None:
    for place in reversed(range(len(rules))):
        if rules[place] == rule:
            del rules[place]
            return
