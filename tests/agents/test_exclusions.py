"""What a request leaves out is never what it plans: it is read where it is plain, and asked back otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lamplighter.agents.requests import Parsed, parse, vocabulary

NOW = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
INVENTORY = ("aws_sqs_queue.jobs", "aws_instance.web", "aws_security_group.web", "aws_dynamodb_table.orders")
GROUPS = ("aws_security_group", "aws_vpc_security_group_")


def meant(text: str) -> Parsed:
    return parse(text, now=NOW, inventory=INVENTORY, place="shop")


@pytest.mark.parametrize(
    ("text", "verb", "sort", "names"),
    [
        ("codify everything except the security group", "apply", "resources", GROUPS),
        ("revert everything except the iam role", "revert", "resources", ("aws_iam_role",)),
        ("propose a patch for all drift excluding tags", "propose", "settings", ("tag",)),
        ("codify all drift other than the jobs queue", "apply", "objects", ("aws_sqs_queue.jobs",)),
        ("codify all drift apart from the web instance", "apply", "objects", ("aws_instance.web",)),
        (
            "codify everything except for the iam role and the queues",
            "apply",
            "resources",
            ("aws_iam_role", "aws_sqs_queue"),
        ),
        ('codify all except aws_instance.web["a"]', "apply", "objects", ('aws_instance.web["a"]',)),
        ("show everything except the security group", "investigate", "resources", GROUPS),
        ("codify everything excpet the security group", "apply", "resources", GROUPS),
    ],
)
def test_a_plain_exception_is_left_out(text: str, verb: str, sort: str, names: tuple[str, ...]) -> None:
    parsed = meant(text)
    assert (parsed.question, parsed.domains, parsed.verb) == ("", ("drift",), verb)
    assert (parsed.objects, parsed.resources, parsed.settings) == ((), (), ())
    assert getattr(parsed.excluded, sort) == names and len(parsed.excluded.all) == len(names)


@pytest.mark.parametrize(
    "text",
    [
        "never fix the security group, codify the rest",
        "without touching iam, codify the drift",
        "codify the drift without the tags",
        "codify the drift, but leave the instance type alone",
        "codify everything but the security group",
        "codify the tags, not the security group",
        "fix the drift, no iam please",
        "codify the drift, don't touch the security group",
        "don't revert the tags, codify them",
        "except the security group, codify everything",
        "codify everything except the tags of the bucket",
        "codify everything except web and the queue",
        "codify everything except the thing of yesterday",
        "codify everything except",
        "codify all drift except the tags and revert the queue",
        "codify the tags, leave the security group as it is",
        "nothing else but the tags: codify them",
        "codify the rest of the drift",
        "fix drift below high",
        "show all drift except what bob did",
    ],
)
def test_what_is_not_plain_is_asked_back(text: str) -> None:
    parsed = meant(text)
    assert parsed.question and parsed.options and parsed.anew


@pytest.mark.parametrize("word", [*vocabulary().exceptions, *vocabulary().exclusions])
def test_every_word_that_leaves_something_out_is_exercised(word: str) -> None:
    for text in (f"{word} codify the drift", f"codify the drift {word} whatever"):
        parsed = meant(text)
        assert parsed.question or parsed.observe, text


@pytest.mark.parametrize("phrase", vocabulary().restated)
def test_nothing_else_is_no_nothing(phrase: str) -> None:
    parsed = meant(f"codify the tags, {phrase}")
    assert (parsed.verb, parsed.settings, parsed.question) == ("apply", ("tag",), "")


@pytest.mark.parametrize("phrase", vocabulary().negations["hypothetical"])
def test_what_is_only_wondered_about_is_only_looked_at(phrase: str) -> None:
    parsed = meant(f"{phrase} codify the security group drift?")
    assert parsed.observe and parsed.verb == "investigate" and parsed.resources == GROUPS


def test_a_polite_order_is_one() -> None:
    assert meant("could you codify the tags please").verb == "apply"


@pytest.mark.parametrize(
    ("text", "lowest", "exactly"),
    [
        ("fix only low drift", "low", ("low",)),
        ("fix the low drift", "low", ("low",)),
        ("codify low and high drift", "low", ("high", "low")),
        ("show only medium drift", "medium", ("medium",)),
        ("fix medium drift or above", "medium", ()),
        ("show high drift", "high", ()),
    ],
)
def test_a_severity_is_exact_where_something_is_done(
    text: str, lowest: str, exactly: tuple[str, ...]
) -> None:
    parsed = meant(text)
    assert (parsed.severity, parsed.severities, parsed.question) == (lowest, exactly, "")


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        ("codify what bob did to the instance", "bob"),
        ("codify what bob changed", "bob"),
        ("codify bob's changes", "bob"),
        ("what did bob do to the instance?", "bob"),
        ("codify last night's changes", ""),
        ("codify the queue's changes", ""),
        ("codify the jobs queue's changes", ""),
        ("what instances changed", ""),
    ],
)
def test_who_did_it(text: str, actor: str) -> None:
    assert meant(text).actor == actor


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("fix the tag Schedule", ("schedule",)),
        ("fix the DataClass tag", ("dataclass",)),
        ("put the settlement queue into the code", ("settlement",)),
        ("codify module billing", ("billing",)),
        ("fix the jobs queue", ()),
        ("codify the tag changes", ()),
        ("bring the code of shop up to what is live", ()),
    ],
)
def test_a_word_beside_a_noun_is_a_name(text: str, wanted: tuple[str, ...]) -> None:
    assert meant(text).wanted == wanted
