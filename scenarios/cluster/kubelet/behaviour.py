"""What a container does: rules over image, command and place, from a data file and from the scenario."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lamplighter.scenarios.cluster.jsons import Json, name_of, namespace_of


@dataclass(frozen=True)
class Behaviour:
    """What one container does. `exit_code` None runs on; `ports` and `paths` None answer every probe.

    `memory` (bytes) over the container's limit ends it as OOMKilled; `disk` (bytes) is what it has written to the node;
    seconds are those after its start.
    """

    pull_error: str = ""
    pull_seconds: float = 0.3
    exit_code: int | None = None
    run_seconds: float = 0.2
    start_error: str = ""
    memory: int = 0
    disk: int = 0
    logs: tuple[str, ...] = ("starting {image}", "ready to serve")
    ports: tuple[int, ...] | None = None
    paths: tuple[str, ...] | None = None
    ready_after: float = 0.0
    failing_after: float | None = None
    """Seconds after which probes fail: a server that hangs."""
    latency: float = 0.0
    """Seconds that an answer to a probe takes: more than its `timeoutSeconds` is a failure."""
    requires: tuple[str, ...] = ()
    """`host:port` or `https://host:port` that it must reach, or it ends with 1: at its start and every few seconds."""
    awaits: tuple[str, ...] = ()
    """`host:port` that it waits for; once it reaches them all, it ends with 0."""
    depends: tuple[str, ...] = ()
    """`host:port` without which it answers readiness probes with 503."""
    calls: tuple[str, ...] = ()
    """What its service account must be allowed, or it ends with 1: `list pods`, `create jobs.batch`, `list nodes *`
    (in its own namespace; `*` is cluster-wide, any other word a namespace)."""
    exec: dict[str, str] = field(default_factory=dict, hash=False)
    """Output of a command line run in the container; one that begins with `exit N:` ends with that code."""


@dataclass(frozen=True)
class Rule:
    """A behaviour for the containers that match every expression that is given.

    `given` asks for one of a container's facts (`kubelet/facts.py`: what it is started with), `without` for none.
    """

    behaviour: dict[str, Any] = field(hash=False)
    image: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    node: str = ""
    given: str = ""
    without: str = ""

    def __deepcopy__(self, memo: object) -> Rule:
        return self

    def matches(self, pod: Json, container: Json, facts: tuple[str, ...] = ()) -> bool:
        found = (
            (self.image, container.get("image", "")),
            (self.namespace, namespace_of(pod)),
            (self.pod, name_of(pod)),
            (self.container, container["name"]),
            (self.node, pod["spec"].get("nodeName", "")),
        )
        if not all(not form or re.search(form, text) is not None for form, text in found):
            return False
        if self.given and not any(re.search(self.given, fact) for fact in facts):
            return False
        return not self.without or not any(re.search(self.without, fact) for fact in facts)


def rule_of(entry: Json) -> Rule:
    """A rule from a data file: matching fields beside those of a Behaviour."""
    entry = dict(entry)
    places = {
        name: str(entry.pop(name))
        for name in ("image", "namespace", "pod", "container", "node", "given", "without")
        if name in entry
    }
    for name in ("logs", "ports", "paths", "requires", "awaits", "depends", "calls"):
        if name in entry:
            entry[name] = tuple(entry[name])
    Behaviour(**entry)
    return Rule(entry, **places)


@lru_cache(1)
def base_rules() -> tuple[Rule, ...]:
    text = files("lamplighter.scenarios.cluster").joinpath("data/images.toml").read_text()
    return tuple(rule_of(entry) for entry in tomllib.loads(text)["rules"])


def behaviour_of(pod: Json, container: Json, rules: list[Rule], facts: tuple[str, ...] = ()) -> Behaviour:
    """What a container does; later rules override earlier ones, a scenario's come after the base ones."""
    found = _of_command(container)
    for rule in (*base_rules(), *rules):
        if rule.matches(pod, container, facts):
            found = replace(found, **rule.behaviour)
    return found


_BARE = re.compile(
    r"(^|/)(busybox|alpine|debian|ubuntu|fedora|centos|rockylinux|almalinux|amazonlinux)(:|@|$)"
)
"""Images without an entrypoint of their own: there the arguments alone are the command."""


def _of_command(container: Json) -> Behaviour:
    """What a simple command line does: echo, sleep, exit, true, false, and shell lists of them."""
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    if not command or not (container.get("command") or _BARE.search(container.get("image", ""))):
        return Behaviour()
    if command[0].rsplit("/", 1)[-1] in ("sh", "bash", "ash") and "-c" in command[1:2]:
        return _of_script(command[2] if len(command) > 2 else "")
    return _of_script(shlex.join(command))


def _of_script(text: str) -> Behaviour:
    logs: list[str] = []
    seconds, code = 0.2, 0
    if re.search(r"\b(while|until|for)\b|sleep\s+(infinity|inf|\d+d)|tail\s+-f", text):
        return Behaviour(logs=tuple(re.findall(r"echo\s+[\"']?([^\"';&]+)", text)))
    for part in re.split(r"\s*(?:;|&&|\n)\s*", text.strip()):
        words = _words(part)
        match words:
            case []:
                continue
            case ["echo", *rest]:
                logs.append(" ".join(rest))
            case ["sleep", amount] if re.fullmatch(r"[\d.]+[smh]?", amount):
                seconds += float(amount.rstrip("smh")) * {"m": 60, "h": 3600}.get(amount[-1], 1)
            case ["exit", number]:
                return Behaviour(exit_code=int(number) % 256, run_seconds=seconds, logs=tuple(logs))
            case ["true" | ":" | "date" | "ls" | "pwd" | "env", *_]:
                code = 0
            case ["false"]:
                code = 1
                break
            case _:
                return Behaviour(logs=(*logs, "starting {image}", "ready to serve"))
    return Behaviour(exit_code=code, run_seconds=seconds, logs=tuple(logs))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return ["?"]


@dataclass(frozen=True)
class Answer:
    """What a command run in a container says."""

    code: int
    output: str


def run_in(behaviour: Behaviour, command: list[str]) -> Answer:
    """The scripted answer to a command; an unknown one is not found, as in a container without it."""
    line = shlex.join(command)
    for known, output in behaviour.exec.items():
        if known == line or known == " ".join(command):
            found = re.match(r"exit (\d+):", output)
            return Answer(int(found[1]), output[found.end() :]) if found else Answer(0, output)
    match command:
        case ["true", *_]:
            return Answer(0, "")
        case ["false", *_]:
            return Answer(1, "")
        case ["echo", *words]:
            return Answer(0, " ".join(words) + "\n")
        case ["sh" | "/bin/sh" | "bash", "-c", text]:
            inner = _words(text)
            return (
                run_in(behaviour, inner)
                if inner and inner[0] in ("echo", "true", "false")
                else Answer(127, f"sh: {text.split()[0] if text.split() else ''}: not found\n")
            )
        case _:
            return Answer(127, f"{command[0] if command else ''}: not scripted in this sandbox\n")
