"""Why a Terraform command failed, as one line with the remedy: told from its own text, never from its exit code alone.

What it prints is text from outside: it is shown escaped, shortened and without secrets.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from lamplighter.core.redaction import redact
from lamplighter.core.results import Status
from lamplighter.core.text import printable

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME = re.compile(r"^[│╷╵|] ?", re.MULTILINE)
_PREFACE = "Terraform encountered problems during initiali"
"""Heads a list of errors in the code and says nothing itself."""
_LINE_LIMIT = 300


class Failure(NamedTuple):
    """`kind` is a closed vocabulary: see terraform_failures.toml, and `locked`, `other`."""

    kind: str
    status: Status
    line: str


class Lock(NamedTuple):
    """A state lock as Terraform tells it; every field is text from outside, empty where it is not told."""

    id: str
    who: str
    created: str
    operation: str


class _Rule(NamedTuple):
    kind: str
    pattern: re.Pattern[str]
    status: Status
    problem: str
    remedy: str


def explain(text: str) -> Failure:
    """`text` is what the command printed to stderr (or, for want of that, to stdout)."""
    plain = _plain(text)
    flat = " ".join(plain.split())
    found = _stated(flat)
    # Trying to take the lock is the first thing done with a state: an unreachable one shows as a failed lock too.
    if "acquiring the state lock" in flat and (found is None or found.kind == "access_denied"):
        return Failure("locked", Status.ERROR, _locked(plain, flat))
    return found or Failure("other", Status.ERROR, _first_error(plain))


def lock_of(text: str) -> Lock | None:
    """Who holds the state, from an error text; None where it does not say.

    The HTTP backend prints the caller's own request under "Lock Info" and only the id of the lock that is held.
    """
    plain = _plain(text)
    fields = {
        name: match[1].strip()
        for name in ("ID", "Who", "Created", "Operation")
        if (match := re.search(rf"^\s*{name}:[ \t]*(\S[^\n]*)$", plain, re.MULTILINE)) is not None
    }
    held = re.search(r"already locked:\s*ID=(\S+)", plain)
    if held is not None and held[1] != fields.get("ID"):
        return Lock(held[1], "", "", "")
    if not fields.get("ID"):
        return None
    created = re.sub(r"\.\d+ \+0000 UTC$", " UTC", fields.get("Created", ""))
    operation = fields.get("Operation", "").removeprefix("OperationType").lower()
    return Lock(fields["ID"], fields.get("Who", ""), created, operation)


def _locked(plain: str, flat: str) -> str:
    lock = lock_of(plain)
    if lock is None:
        held = "temporarily unavailable" in flat
        problem = "the state is locked by another process on this machine" if held else _first_error(plain)
        return f"{problem}; wait for it to end"
    by = f" by {lock.who}" if lock.who else ""
    since = f" since {lock.created}" if lock.created else ""
    doing = f" ({lock.operation})" if lock.operation else ""
    remedy = f"wait for it; where it is dead, `terraform force-unlock {lock.id}`"
    return _shown(f"the state is locked{by}{since}{doing}; {remedy}")


def _stated(flat: str) -> Failure | None:
    for rule in _rules():
        found = rule.pattern.search(flat)
        if found is not None:
            groups = {name: value or "" for name, value in found.groupdict().items()}
            said = rule.problem.format(**groups).strip()
            return Failure(rule.kind, rule.status, _shown(f"{said}; {rule.remedy.format(**groups)}"))
    return None


@cache
def _rules() -> tuple[_Rule, ...]:
    text = resources.files("lamplighter.tools").joinpath("terraform_failures.toml").read_text("utf-8")
    return tuple(_rule(entry) for entry in tomllib.loads(text)["failure"])


def _rule(entry: dict[str, Any]) -> _Rule:
    pattern = re.compile(entry["pattern"], re.IGNORECASE)
    status = Status(entry.get("status", "error"))
    return _Rule(entry["kind"], pattern, status, entry["problem"], entry["remedy"])


def _first_error(plain: str) -> str:
    """The heading of the first error, where it stands, and the first sentence of what is said about it."""
    errors = re.split(r"^\s*Error: ", plain, flags=re.MULTILINE)[1:]
    if not errors:
        return _shown(" ".join(plain.split()) or "it failed and said nothing")
    told = next((text for text in errors if not text.startswith(_PREFACE)), errors[0])
    paragraphs = re.split(r"\n\s*\n", told.strip())
    place = next(
        (
            match[1]
            for part in paragraphs[1:3]
            if (match := re.search(r"^\s*on (\S+ line \d+)", part, re.MULTILINE))
        ),
        "",
    )
    detail = next(
        (part for part in paragraphs[1:] if not re.match(r"\s*(on \S+ line|with |Error:)", part)), ""
    )
    heading = " ".join(paragraphs[0].split())
    said = f"{heading} ({place})" if place else heading
    sentence = re.split(r"(?<=\.)\s", " ".join(detail.split()))[0]
    return _shown(f"{said}: {sentence}" if sentence else said)


def _plain(text: str) -> str:
    return _FRAME.sub("", _ANSI.sub("", text))


def _shown(text: str) -> str:
    return printable(redact(text), limit=_LINE_LIMIT)
