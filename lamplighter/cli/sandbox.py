"""`lamp sandbox`: a cluster to try things on, a process of its own."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers, deliver, output_options, progress, sinks
from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.exits import Exit
from lamplighter.core.text import log_line

if TYPE_CHECKING:
    from lamplighter.scenarios.cluster.service.manage import Options
    from lamplighter.scenarios.cluster.service.place import Place, Record

_SCHEMA = "lamplighter/sandbox/v1"
_MOST_NODES = 200
_POLL_SECONDS = 0.5
INJECT_SECONDS = 60.0
_SHOWN = ("nodes", "namespaces", "deployments.apps", "pods", "events")


@click.group()
def sandbox() -> None:
    """A simulated Kubernetes cluster to try things on, a process of its own on this machine."""


def _place(invocation: Invocation) -> Place:
    from lamplighter.scenarios.cluster.service.place import Place

    return Place(invocation.resolved.config.state_dir)


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port on 127.0.0.1; a free one if not given.")
@click.option("--nodes", type=click.IntRange(1, _MOST_NODES), help="How many nodes; 3 if not given.")
@click.option(
    "--scenario", metavar="NAME", default="", help="Begin with this scenario, its timeline already past."
)
@click.option("--foreground", is_flag=True, help="Serve in this process, until Ctrl-C.")
@output_options
@click.pass_obj
def up(
    invocation: Invocation,
    port: int | None,
    nodes: int | None,
    scenario: str,
    foreground: bool,
    outputs: tuple[str, ...],
    as_json: bool,
) -> Exit:
    """Start it, wait until it answers, and print what sets KUBECONFIG, for `eval "$(lamp sandbox up)"`."""
    from lamplighter.scenarios.cluster.service import manage

    chosen = sinks(outputs, as_json)
    _require_scenario(scenario, nodes)
    place = _place(invocation)
    options = manage.Options(port or 0, nodes or 3, scenario)
    if foreground:
        return _serve(place, options, chosen)
    fresh = None if manage.running(place) else _started(invocation, place, options)
    record = fresh or manage.running(place)
    if record is None:
        raise Unavailable("sandbox", "another command was starting or stopping it", "try again")
    if fresh is None:
        _require_same(record, port, nodes)
        if scenario:
            raise _runs_already(record)
    return deliver(_up_answer(place, record, fresh is not None), chosen)


def _started(invocation: Invocation, place: Place, options: Options) -> Record | None:
    from lamplighter.scenarios.cluster.service import manage

    with progress("starting the sandbox", quiet=invocation.quiet):
        return manage.start(place, options)


def _require_scenario(name: str, nodes: int | None) -> None:
    """Raises ConfigError for an unknown scenario, UsageError where nodes are asked for that it brings itself."""
    if not name:
        return
    from lamplighter.scenarios.cluster.service.injections import scenario_of

    if scenario_of(name).nodes and nodes:
        raise click.UsageError(f"--nodes: the scenario {name} has nodes of its own")


def _runs_already(record: Record) -> Unavailable:
    problem = f"runs already (process {record.pid}, {record.url})"
    return Unavailable("sandbox", problem, "end it first with `lamp sandbox down`")


def _require_same(record: Record, port: int | None, nodes: int | None) -> None:
    """Raises InputError where the one that runs is not the one that was asked for."""
    for name, wanted, has in (("--port", port, record.port), ("--nodes", nodes, record.nodes)):
        if wanted and wanted != has:
            problem = f"the sandbox that runs (process {record.pid}) has {has}"
            raise InputError(f"{name} {wanted}", problem, "end it first with `lamp sandbox down`")


def _up_answer(place: Place, record: Record, fresh: bool) -> Answer:
    path = shlex.quote(str(place.kubeconfig))
    said = "sandbox" if fresh else "a sandbox runs already:"
    lines = [
        f"# {said} {record.version} at {record.url}, {record.nodes} nodes, process {record.pid}",
        f"# kubeconfig {path}",
        f"export KUBECONFIG={path}",
    ]
    data = {**_data(place, record), "started": fresh}
    return Answer(_SCHEMA, data, lambda: "\n".join(lines))


def _data(place: Place, record: Record) -> dict[str, Any]:
    shown = record.model_dump(include={"pid", "url", "port", "nodes", "version", "since"})
    return {"running": True, "kubeconfig": str(place.kubeconfig), **shown}


def _serve(place: Place, options: Options, chosen: list[Any]) -> Exit:
    from lamplighter.scenarios.cluster.service import manage, serve

    manage.require_extra()
    place.prepare()
    lock = place.hold()
    if lock is None:
        record = manage.running(place)
        raise _runs_already(record) if record else Unavailable("sandbox", "is just ending", "try again")
    try:
        place.clear()
        with serve.served(place, options) as record:
            deliver(_up_answer(place, record, fresh=True), chosen)
            sys.stdout.flush()
            threading.Event().wait()  # Ctrl-C and SIGTERM come as exceptions
    finally:
        os.close(lock)
    return Exit.CLEAN


@sandbox.command()
@answers
@click.pass_obj
def down(invocation: Invocation) -> Answer:
    """End it, and with it what was in it."""
    from lamplighter.scenarios.cluster.service import manage

    record = manage.stop(_place(invocation))
    text = "no sandbox runs" if record is None else f"ended: process {record.pid} at {record.url}"
    data = {"running": False, "ended": None if record is None else record.pid}
    return Answer(_SCHEMA, data, lambda: text)


@sandbox.command()
@answers
@click.pass_obj
def status(invocation: Invocation) -> Answer:
    """Say whether one runs, where, what is in it and what time it is there; exit code 1 where none runs."""
    from lamplighter.scenarios.cluster.service import control, manage

    place = _place(invocation)
    record = manage.running(place)
    if record is None:
        return Answer(
            _SCHEMA,
            {"running": False},
            lambda: "no sandbox runs; start one with `lamp sandbox up`",
            Exit.FAILED,
        )
    found = control.ask(place.control, {"do": "status"})
    objects: dict[str, int] = found["objects"]
    shown = [f"{key.partition('.')[0]} {objects.get(key, 0)}" for key in _SHOWN]
    lines = [
        f"{'running':11}{record.version} at {record.url}, process {record.pid}, since {record.since}",
        f"{'time there':11}{found['time']}",
        f"{'objects':11}{', '.join(shown)}; {sum(objects.values())} in all, {found['watches']} watches",
        f"{'kubeconfig':11}{place.kubeconfig}",
        *(f"{'scenario':11}{_told(each)}" for each in found["injected"]),
    ]
    return Answer(_SCHEMA, {**_data(place, record), **found}, lambda: "\n".join(lines))


def _told(injection: Mapping[str, Any]) -> str:
    name, seconds = injection["scenario"], injection["seconds"]
    match injection["state"]:
        case "playing":
            return f"{name}: its timeline takes {seconds:g} s from {injection['since']} on"
        case "played":
            return f"{name}: all of it has happened"
        case _:
            return f"{name}: failed: {log_line(injection['problem'])}"


@sandbox.command()
@click.argument("scenario", required=False)
@click.option("--list", "listing", is_flag=True, help="List the scenarios there are; none is injected.")
@click.option("--wait", is_flag=True, help="Wait until its whole timeline has happened.")
@answers
@click.pass_obj
def inject(invocation: Invocation, scenario: str | None, listing: bool, wait: bool) -> Answer:
    """Let SCENARIO go wrong in the sandbox that runs: its objects now, its timeline as time passes."""
    from lamplighter.scenarios.cluster.service import control, injections, manage

    manage.require_extra()
    if listing:
        return _catalogue(injections.catalogue())
    if not scenario:
        raise click.UsageError("give a SCENARIO, or --list")
    injections.scenario_of(scenario)
    place = _place(invocation)
    if manage.running(place) is None:
        raise Unavailable("sandbox", "none runs", "start one with `lamp sandbox up`")
    found = control.ask(place.control, {"do": "inject", "scenario": scenario}, INJECT_SECONDS)
    while wait and found["state"] == "playing":
        time.sleep(_POLL_SECONDS)
        all_of_them = control.ask(place.control, {"do": "status"})["injected"]
        found = next(each for each in reversed(all_of_them) if each["scenario"] == scenario)
    code = Exit.FAILED if found["state"] == "failed" else Exit.CLEAN
    return Answer(_SCHEMA, found, lambda: f"injected {_told(found)}", code)


def _catalogue(rows: Sequence[Mapping[str, Any]]) -> Answer:
    width = max((len(row["id"]) for row in rows), default=0)
    lines = [f"{row['id']:{width}}  {row['seconds']:>5g} s  {log_line(row['title'])}" for row in rows]
    return Answer(_SCHEMA, {"scenarios": list(rows)}, lambda: "\n".join(lines), rows=tuple(rows))
