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
    "aws_security_group.web",
    "aws_sqs_queue.any",
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
    ("what drifted since 2026-03-01", ("drift",), "investigate", {}),
    ("is there any drift in the security group?", ("drift",), "investigate", {}),
    ("who changed the iam role", ("drift",), "explain", {}),
    ("why was the bucket modified?", ("drift",), "explain", {}),
    ("who edited aws_s3_bucket.receipts by hand", ("drift",), "explain", {"tool": "console", "actor": ""}),
    ("explain what opened port 5432 overnight", ("drift",), "explain", {"port": 5432}),
    ("what did jonas change?", ("drift",), "investigate", {"actor": "jonas"}),
    ("changes by alice@example.com", ("drift",), "investigate", {"actor": "alice@example.com"}),
    ("what changed by hand this week", ("drift",), "investigate", {"tool": "console", "actor": ""}),
    ("list the changes a script made", ("drift",), "investigate", {"tool": "boto3"}),
    ("changes made with boto3", ("drift",), "investigate", {"tool": "boto3"}),
    ("show drift done from the command line", ("drift",), "investigate", {"tool": "aws-cli"}),
    ("show me dangerous changes", ("drift",), "investigate", {"severity": "high"}),
    ("any low severity drift", ("drift",), "investigate", {"severity": "low"}),
    ("moderate drift please", ("drift",), "investigate", {"severity": "medium"}),
    ("bring the code up to date with the drift", ("drift",), "propose", {}),
    ("suggest an edit for the bucket tags", ("drift",), "propose", {}),
    ("plan for the drifted queue", ("drift",), "propose", {}),
    ("adopt the manual change to receipts", ("drift",), "propose", {"objects": (INVENTORY[0],)}),
    ("apply the patch for the drift", ("drift",), "apply", {}),
    ("fix payments_api", ("drift",), "apply", {"objects": (INVENTORY[1],)}),
    ("don't fix the drift, just look", ("drift",), "investigate", {"observe": True}),
    ("apply nothing, read only: show drift", ("drift",), "investigate", {"observe": True}),
    ("undo the change to the security group", ("drift",), "revert", {}),
    ("find last night's drift and put it back into code", ("drift",), "apply", {"into_code": True}),
    ("codify the tag changes", ("drift",), "apply", {"into_code": True}),
    ("fix the drift", ("drift",), "apply", {"into_code": False}),
    ("roll back what bob changed in iam", ("drift",), "revert", {}),
    ("check the k8s cluster", ("cluster",), "investigate", {}),
    ("list workloads in the shop namespace", ("cluster",), "investigate", {}),
    ("why are pods restarting", ("cluster",), "explain", {}),
    ("is the ingress unhealthy", ("cluster",), "investigate", {}),
    ("drain node worker-3", ("nodes",), "investigate", {}),
    ("reboot the machine with the bad gpu", ("nodes",), "investigate", {}),
    ("are pods on the gpu nodes crashing", ("cluster", "nodes"), "investigate", {}),
    ("drift, pods and nodes: anything wrong?", ("drift", "cluster", "nodes"), "investigate", {}),
    ("hi", ("chat",), "investigate", {}),
    ("who are you", ("chat",), "explain", {}),
    ("thanks!", ("chat",), "investigate", {}),
    (
        "who opened 22 to the world on web-sg",
        ("drift",),
        "explain",
        {"port": 22, "world": True, "objects": (INVENTORY[3],)},
    ),
    ("who exposed 5432 to the internet", ("drift",), "explain", {"port": 5432, "world": True}),
    ("what opened tcp/8080 on web", ("drift",), "investigate", {"port": 8080, "objects": (INVENTORY[3],)}),
    ("what changed on sg-web", ("drift",), "investigate", {"objects": (INVENTORY[3],), "world": False}),
    ("explain the receipts-bucket", ("drift",), "explain", {"objects": (INVENTORY[0],)}),
    ("who opened 3 changes", ("drift",), "explain", {"port": None}),
    ("any drift", ("drift",), "investigate", {"objects": ()}),
    ("show what is webby", (), "investigate", {"objects": ()}),
]


@pytest.mark.parametrize(("text", "domains", "verb", "more"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_means(text: str, domains: tuple[str, ...], verb: str, more: dict[str, object]) -> None:
    parsed = parse(text, now=NOW, inventory=INVENTORY)
    assert (parsed.domains, parsed.verb) == (domains, verb)
    assert {key: getattr(parsed, key) for key in more} == more


# Written after the rules, and not used to make them: other word orders, and the errors of hurried typing.
HELD_APART = [
    ("last night, what in the stack was changed?", ("drift",), "investigate", {}),
    ("port 22: who opend it", ("drift",), "explain", {"port": 22}),
    ("in payments_api, which chnages happened", ("drift",), "investigate", {"objects": (INVENTORY[1],)}),
    ("teh terraform satte, has it drifted?", ("drift",), "investigate", {}),
    ("tags on the receitps bucket: explian", ("drift",), "explain", {"objects": (INVENTORY[0],)}),
    ("by alice, yesterday, any chagnes", ("drift",), "investigate", {"actor": "alice"}),
    ("severity critical only, drift of today", ("drift",), "investigate", {"severity": "critical"}),
    ("for the drift, a patch please: porpose one", ("drift",), "propose", {}),
    ("the drift, apply its ptach now", ("drift",), "apply", {}),
    ("drift - show it, and do not touch anything", ("drift",), "investigate", {"observe": True}),
    ("the tag chnage, revret it", ("drift",), "revert", {}),
    ("from the consoel, what was modifed", ("drift",), "investigate", {"tool": "console"}),
    ("crashing: are the pods of our deploymnet", ("cluster",), "investigate", {}),
    ("kubernets healthy? terrafrom drifted?", ("drift", "cluster"), "investigate", {}),
    ("the machnies with disk presure, list them", ("nodes",), "investigate", {}),
    ("to the world 443 was opened: by whom", ("drift",), "investigate", {"world": True}),
    ("bob's console changes, drift", ("drift",), "investigate", {"tool": "console"}),
    ("infrastucture, modified by hand since yesterday", ("drift",), "investigate", {"tool": "console"}),
]


@pytest.mark.parametrize(("text", "domains", "verb", "more"), HELD_APART, ids=[row[0] for row in HELD_APART])
def test_means_the_same_in_other_words(
    text: str, domains: tuple[str, ...], verb: str, more: dict[str, object]
) -> None:
    test_means(text, domains, verb, more)


def test_the_tables_are_of_some_size() -> None:
    assert len({row[0] for row in REQUESTS}) >= 60
    assert len({row[0] for row in HELD_APART}) >= 15


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


def test_a_possessive_is_a_window_too() -> None:
    parsed = parse("revert last night's console changes in payments", now=NOW, inventory=INVENTORY)
    assert parsed.window is not None and parsed.window.said.startswith("last night")
    assert (parsed.verb, parsed.tool) == ("revert", "console")
