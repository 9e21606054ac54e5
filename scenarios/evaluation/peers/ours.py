"""`lamp drift check`, from code, state and trace alone; and with Terraform, where this version can ask it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

from lamplighter import __version__
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Finding
from lamplighter.scenarios.evaluation.drift_score import names_of
from lamplighter.scenarios.evaluation.peers.model import Place, Report, Tool, top
from lamplighter.tools import process
from lamplighter.tools.process import Completed

_CODES = frozenset({Exit.CLEAN, Exit.FINDINGS, Exit.INCOMPLETE})
_LAMP = (sys.executable, "-m", "lamplighter")
WITH_TERRAFORM = "--terraform"
"""The option by which the check asks Terraform too."""


def tools() -> Iterator[Tool]:
    """From the trace alone; and with Terraform, in a version that has the option."""
    yield _tool("lamp drift check", "what nobody's call in the trace changed")
    said = process.run([*_LAMP, "drift", "check", "--help"]).stdout.decode()
    if WITH_TERRAFORM in said:
        yield _tool(f"lamp drift check {WITH_TERRAFORM}", "", WITH_TERRAFORM)


def _tool(name: str, cannot: str, *options: str) -> Tool:
    def command(place: Place) -> list[str]:
        given = ["--trace", str(place.trace), "--state", str(place.state), "--json", *options]
        return [*_LAMP, "drift", "check", str(place.code), *given]

    return Tool(name, __version__, cannot, command, _read, frozenset(_CODES))


def _read(_: Place, done: Completed) -> list[Report]:
    found = json.loads(done.stdout)["findings"]
    return list(reports(Finding.model_validate(finding) for finding in found))


def reports(findings: Iterable[Finding]) -> Iterator[Report]:
    """A finding may stand for a setting under more than one name."""
    for finding in findings:
        who, when = (str(finding.details.get(name, "")) for name in ("actor", "time"))
        for address, attribute in names_of(finding):
            yield Report(address, top(attribute) if address else attribute, who, when)
