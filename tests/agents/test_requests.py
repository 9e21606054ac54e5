"""The request parser: a table of requests, each with what it must mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lamplighter.agents.requests import MAX_REQUEST, distance, parse, vocabulary
from lamplighter.core.errors import InputError

NOW = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
INVENTORY = (
    "aws_s3_bucket.receipts",
    "aws_security_group.payments_api",
    'module.queue["jobs"].aws_sqs_queue.ledger_jobs',
)

REQUESTS = [
    ("what changed in the payments stack last night?", ("drift",), "investigate", {}),
    ("what changed last night and is anything unhealthy?", ("drift", "cluster"), "investigate", {}),
    ("show drift", ("drift",), "investigate", {}),
    ("shwo me the terrafrom drfit", ("drift",), "investigate", {}),
    ("explain the change to receipts", ("drift",), "explain", {"objects": ("aws_s3_bucket.receipts",)}),
    ("who opened port 22", ("drift",), "explain", {"port": 22}),
    ("changes by alice", ("drift",), "investigate", {"actor": "alice"}),
    ("did alice touch the bucket?", ("drift",), "investigate", {"actor": "alice"}),
    ("changes from the console", ("drift",), "investigate", {"tool": "console"}),
    ("changes made with the aws cli", ("drift",), "investigate", {"tool": "aws-cli"}),
    ("critical drift only", ("drift",), "investigate", {"severity": "critical"}),
    ("list high severity drift", ("drift",), "investigate", {"severity": "high"}),
    ("propose a patch for the drift", ("drift",), "propose", {}),
    ("fix the drift", ("drift",), "apply", {}),
    ("fix the drift but do not change anything", ("drift",), "investigate", {"observe": True}),
    ("don\u2019t touch anything, show drift", ("drift",), "investigate", {"observe": True}),
    ("revert the tag change", ("drift",), "revert", {}),
    ("are pods crashing?", ("cluster",), "investigate", {}),
    ("check the kuberntes cluster", ("cluster",), "investigate", {}),
    ("why is the deployment failing", ("cluster",), "explain", {}),
    ("which nodes have disk pressure", ("nodes",), "investigate", {}),
    ("drain the gpu machine", ("nodes",), "investigate", {}),
    ("help", ("chat",), "investigate", {}),
    ("what can you do", ("chat",), "investigate", {}),
    ("hello, show me drift", ("drift",), "investigate", {}),
    ("ledger_jobs", ("drift",), "investigate", {"objects": (INVENTORY[2],)}),
    ("aws_sqs_queue.ledger_jobs", ("drift",), "investigate", {"objects": (INVENTORY[2],)}),
    ("payments_ap", ("drift",), "investigate", {"objects": (INVENTORY[1],)}),
]


@pytest.mark.parametrize(("text", "domains", "verb", "more"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_means(text: str, domains: tuple[str, ...], verb: str, more: dict[str, object]) -> None:
    parsed = parse(text, now=NOW, inventory=INVENTORY)
    assert (parsed.domains, parsed.verb) == (domains, verb)
    assert {key: getattr(parsed, key) for key in more} == more


WINDOWS = [
    ("drift last night", "2026-03-04T18:00:00Z", "2026-03-05T06:00:00Z"),
    ("drift yesterday", "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"),
    ("drift since yesterday", "2026-03-04T00:00:00Z", "2026-03-05T09:30:00Z"),
    ("drift today", "2026-03-05T00:00:00Z", "2026-03-05T09:30:00Z"),
    ("drift in the last 3 hours", "2026-03-05T06:30:00Z", "2026-03-05T09:30:00Z"),
    ("drift since 2026-03-01", "2026-03-01T00:00:00Z", "2026-03-05T09:30:00Z"),
    ("drift last week", "2026-02-26T09:30:00Z", "2026-03-05T09:30:00Z"),
]


@pytest.mark.parametrize(("text", "start", "end"), WINDOWS)
def test_relative_times_are_resolved_in_utc(text: str, start: str, end: str) -> None:
    window = parse(text, now=NOW).window
    assert window is not None
    assert (window.start, window.end) == (start, end)


_ENTRIES = [
    (table, meaning, phrase)
    for table in ("domains", "verbs", "tools", "severities", "negations", "windows")
    for meaning, phrases in getattr(vocabulary(), table).items()
    for phrase in phrases
]
_FIELDS = {"tools": "tool", "severities": "severity"}


@pytest.mark.parametrize(("table", "meaning", "phrase"), _ENTRIES)
def test_every_entry_is_exercised(table: str, meaning: str, phrase: str) -> None:
    parsed = parse(phrase, now=NOW)
    if table == "domains":
        assert meaning in parsed.domains
    elif table == "verbs":
        assert parsed.verb == meaning
    elif table == "negations":
        assert parsed.observe
    elif table == "windows":
        assert parsed.window is not None
        assert parsed.window.said.startswith(meaning.replace("_", " "))
    else:
        assert getattr(parsed, _FIELDS[table]) == meaning


@pytest.mark.parametrize("text", ["hmm", "the usual", "qwerty", "ok then"])
def test_unclear_requests_are_asked_back(text: str) -> None:
    parsed = parse(text, now=NOW)
    assert parsed.domains == ()
    assert parsed.question
    assert parsed.options == ("drift", "cluster", "nodes")


class Chooses:
    """A model that gives one fixed answer."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer

    def choose(self, question: str, options: object) -> str | None:
        return self.answer


@pytest.mark.parametrize("answer", ["abstain", "rm -rf /", None])
def test_a_model_that_abstains_or_invents_is_asked_back(answer: str | None) -> None:
    assert parse("hmm", now=NOW, ask=Chooses(answer)).question


def test_a_model_breaks_a_tie_within_the_closed_set() -> None:
    assert parse("hmm", now=NOW, ask=Chooses("nodes")).domains == ("nodes",)


@pytest.mark.parametrize("text", ["", "   ", "x" * (MAX_REQUEST + 1), "drift since 2026-13-40"])
def test_bad_requests_are_one_line(text: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(text, now=NOW)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("a", "b", "expected"), [("", "ab", 2), ("abc", "acb", 1), ("abc", "abd", 1), ("a", "a", 0)]
)
def test_distance(a: str, b: str, expected: int) -> None:
    assert distance(a, b) == expected
