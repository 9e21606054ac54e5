"""Quiet is not unread: what proves, or only says, that a place without an event was covered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import ConfigError, LampError
from lamplighter.core.trace import Place, ReadCounts, Record, Span, TraceCoverage
from lamplighter.drift import check_directory
from lamplighter.drift.check import DriftReport
from lamplighter.drift.report import covered, data, text
from tests.drift.code.world import call, resource, state_document
from tests.tools.digests import delivered, digest, hash_of, stored
from tests.tools.traces import written

HOME, OTHER = "123456789012", "210987654321"
THERE = Place(HOME, "us-east-1")
CODE = 'resource "aws_sqs_queue" "here" {}\nresource "aws_sqs_queue" "there" {}\n'


def queue(name: str, account: str, region: str) -> dict[str, Any]:
    url = f"https://sqs.{region}.amazonaws.com/{account}/{name}"
    arn = f"arn:aws:sqs:{region}:{account}:{name}"
    return resource(
        "aws_sqs_queue",
        name,
        {"id": url, "url": url, "arn": arn, "name": name, "visibility_timeout_seconds": 30},
    )


def on_queue(time: str, **fields: Any) -> dict[str, Any]:
    """A call of another queue, which changes nothing that the state holds."""
    url = f"https://sqs.eu-west-1.amazonaws.com/{HOME}/other"
    return call(
        "sqs:TagQueue",
        {"queueUrl": url, "tags": {"a": "b"}},
        eventTime=time,
        recipientAccountId=HOME,
        **fields,
    )


def check(folder: Path, *covers: str, place: Place = THERE) -> DriftReport:
    """A state with a queue in eu-west-1 and one in `place`, against what lies under `folder / "trace"`."""
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "main.tf").write_text(CODE)
    state = state_document(queue("here", HOME, "eu-west-1"), queue("there", *place))
    written(folder / "code" / "terraform.tfstate", state)
    return check_directory(folder / "code", [folder / "trace"], covers=covers)


def gaps(report: DriftReport, word: str = "holds no event") -> list[str]:
    return [line for line in report.not_checked if word in line]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A call in eu-west-1 at 10:15 and one at 12:30; digests of eu-west-1 until 13:00."""
    root = tmp_path / "trace"
    keys = {
        12: delivered(root, "a", [on_queue("2026-11-22T10:15:00Z")]),
        13: delivered(root, "b", [on_queue("2026-11-22T12:30:00Z")]),
    }
    for hour in (11, 12, 13):
        stored(root, digest(hour, {keys[hour]: hash_of(root, keys[hour])} if hour in keys else {}))
    return root


def test_a_silent_region_is_a_gap_and_with_digests_none(tmp_path: Path, trace: Path) -> None:
    report = check(tmp_path)
    assert report.incomplete and gaps(report) == ["region us-east-1: the trace holds no event of it"]
    for hour in (11, 12, 13):
        stored(trace, digest(hour, {}, "us-east-1"))
    report = check(tmp_path)
    assert not report.incomplete and not gaps(report)
    assert covered(report)[1:] == [
        f"{HOME} in eu-west-1, us-east-1: whole from 2026-11-22T10:00:00Z to 2026-11-22T13:00:00Z"
    ]
    (limit,) = gaps(report, "signatures were not checked")
    assert f"not checked: {limit}" in text(report)


def test_each_account_needs_its_own_region(tmp_path: Path, trace: Path) -> None:
    """Events of account A in one region and of B in another say nothing of B in the first."""
    elsewhere = on_queue("2026-11-22T11:00:00Z", awsRegion="eu-north-1")
    written(trace / "more.json", {"Records": [{**elsewhere, "recipientAccountId": OTHER}]})
    report = check(tmp_path, place=Place(OTHER, "eu-west-1"))
    assert report.incomplete
    assert gaps(report) == [f"account {OTHER} in region eu-west-1: the trace holds no event of it"]


def test_a_log_file_that_was_not_copied_makes_it_incomplete(tmp_path: Path, trace: Path) -> None:
    next(trace.rglob("*_b.json.gz")).unlink()
    report = check(tmp_path, "*/*")
    assert report.incomplete and gaps(report, "1 log file that a digest names was not read")


@pytest.mark.parametrize("covers", [f"{HOME}/us-east-1", "*/us-east-1", f"{HOME}/*", "*/*"])
def test_what_is_declared_is_said_to_be(tmp_path: Path, trace: Path, covers: str) -> None:
    report = check(tmp_path, covers)
    assert not report.incomplete
    assert gaps(report, "declared, not proven") == [
        f"{HOME}/us-east-1: that the trace covers it is declared, not proven: it holds no event of it"
    ]
    assert f"{covers}: declared with `covers`, not proven by the trace" in covered(report)
    assert data(report)["coverage"]["declared"] == [covers]


@pytest.mark.parametrize("covers", [f"{OTHER}/*", f"{HOME}/eu-north-1"])
def test_another_place_is_not_declared(tmp_path: Path, trace: Path, covers: str) -> None:
    report = check(tmp_path, covers)
    assert report.incomplete and gaps(report)


@pytest.mark.parametrize(
    "covers", ["", "*", "eu-west-1", "1/eu-west-1", f"{HOME}/eu\x1b-1", f"{HOME}/eu-west-1/x"]
)
def test_what_is_no_place_is_refused(tmp_path: Path, trace: Path, covers: str) -> None:
    with pytest.raises(ConfigError, match="is no ACCOUNT/REGION") as raised:
        check(tmp_path, covers)
    assert str(raised.value).isprintable()


def test_an_empty_trace_stays_a_gap_whatever_is_declared(tmp_path: Path) -> None:
    written(tmp_path / "trace" / "a.json", {"Records": []})
    report = check(tmp_path, "*/*")
    assert report.incomplete and "the trace is empty: no API call was looked at" in report.not_checked


def test_digests_alone_are_a_whole_answer(tmp_path: Path) -> None:
    for region in ("eu-west-1", "us-east-1"):
        stored(tmp_path / "trace", digest(11, {}, region))
    report = check(tmp_path)
    assert not report.incomplete and report.covered == ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z")


def test_a_hole_between_digests_is_a_gap_within_the_window_alone(tmp_path: Path, trace: Path) -> None:
    for hour in (11, 13):
        stored(trace, digest(hour, {}, "us-east-1"))
    report = check(tmp_path)
    said = "from 2026-11-22T11:00:00Z to 2026-11-22T12:00:00Z"
    assert report.incomplete and said in gaps(report, "nothing proves")[0]
    assert f"us-east-1: whole from 2026-11-22T10:00:00Z to {said[5:25]}" in covered(report)[-1]
    own = "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io)"
    apply = on_queue("2026-11-22T12:10:00Z", userAgent=own)
    apply["eventName"] = "SetQueueAttributes"
    apply["requestParameters"] = {
        "queueUrl": f"https://sqs.eu-west-1.amazonaws.com/{HOME}/here",
        "attributes": {"VisibilityTimeout": "30"},
    }
    written(trace / "apply.json", {"Records": [apply]})
    report = check(tmp_path)
    assert not report.incomplete and not gaps(report, "nothing proves")
    assert covered(report)[-1].startswith("what changed since 2026-11-22T12:10:00Z")


@pytest.mark.parametrize(
    ("first", "last", "missing"),
    [
        (11, 13, ""),
        (12, 13, ""),
        (13, 13, "from 2026-11-22T10:15:00Z to 2026-11-22T12:00:00Z"),
        (11, 12, ""),
        (11, 11, "from 2026-11-22T11:00:00Z to 2026-11-22T13:00:00Z"),
    ],
)
def test_a_quiet_place_is_held_to_the_window(
    tmp_path: Path, trace: Path, first: int, last: int, missing: str
) -> None:
    stored(trace, digest(10, {}))
    for hour in range(first, last + 1):
        stored(trace, digest(hour, {}, "us-east-1"))
    report = check(tmp_path)
    assert report.incomplete == bool(missing)
    assert missing in "".join(gaps(report, "nothing proves"))


class Asked:
    """A source that was asked for two regions, as the event history is."""

    counts = ReadCounts()
    problems: tuple[LampError, ...] = ()
    limits = ()

    def __init__(self, *regions: str) -> None:
        self.coverage = TraceCoverage()
        for region in regions:
            self.coverage.prove(Place(HOME, region), Span("2026-11-22T10:00:00Z", "2026-11-22T12:00:00Z"))

    def records(self) -> Iterator[Record]:
        return iter(())


def test_a_region_that_was_asked_and_is_quiet_is_covered(tmp_path: Path, trace: Path) -> None:
    check(tmp_path)
    assert not check_directory(tmp_path / "code", Asked("eu-west-1", "us-east-1")).incomplete
    report = check_directory(tmp_path / "code", Asked("eu-west-1"))
    assert gaps(report) == ["region us-east-1: the trace holds no event of it"]
