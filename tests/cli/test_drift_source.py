"""Where `lamp drift check` takes the trace from: files with a window, or the account itself; and its HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lamplighter.cli.drift_options import moment
from lamplighter.scenarios.bench_cli import SAMPLE_CHECK
from tests.command import lamp
from tests.drift.code.world import call, resource, state_document
from tests.tools.lookup_server import History, serving

ARN = "arn:aws:sqs:eu-west-1:123456789012:q"
QUEUE = resource("aws_sqs_queue", "q", {"id": "u", "name": "q", "arn": ARN, "delay_seconds": 5})
LIVE = ("drift", "check", "code", "--live", "--region", "eu-west-1")


@pytest.fixture
def history() -> History:
    made = History()
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    parameters = {"queueUrl": "https://x/1/q", "attributes": {"DelaySeconds": "900"}}
    event = call("sqs:SetQueueAttributes", parameters, eventTime=hour_ago, recipientAccountId=made.account)
    made.events["eu-west-1"] = [event]
    return made


@pytest.fixture
def endpoint(history: History) -> Iterator[str]:
    with serving(history) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    code.mkdir()
    (code / "main.tf").write_text('resource "aws_sqs_queue" "q" {\n  name = "q"\n  delay_seconds = 5\n}\n')
    (code / "terraform.tfstate").write_text(json.dumps(state_document(QUEUE)))
    return tmp_path


def keys(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_the_account_is_asked_once_and_tells_who(folder: Path, history: History, endpoint: str) -> None:
    first, second = (lamp(folder, *LIVE, "--since", "24h", "--json", **keys(endpoint)) for _ in range(2))
    report = json.loads(first.stdout)
    assert first.code == second.code == report["exit_code"] == 2, first.stderr
    (finding,) = report["findings"]
    assert (finding["where"], finding["details"]["actor"]) == ("aws_sqs_queue.q", "alice")
    assert report["coverage"]["accounts"] == [history.account]
    # The second run may ask again for the hour in which calls can still arrive, and for nothing older.
    spans = [(one.body["EndTime"] - one.body["StartTime"]) for one in history.asked]
    assert spans[0] > 80000 and all(span < 4000 for span in spans[1:])


def test_a_quiet_account_is_a_clean_answer(folder: Path, history: History, endpoint: str) -> None:
    history.events.clear()
    done = lamp(folder, *LIVE, "--since", "24h", **keys(endpoint))
    assert done.code == 0, (done.stdout, done.stderr)


def test_an_endpoint_that_does_not_answer_is_one_line(folder: Path) -> None:
    done = lamp(folder, *LIVE, "--since", "24h", **keys("http://127.0.0.1:9"))
    assert done.code == 1 and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--live",), b"--live needs --since"),
        (("--live", "--since", "24h", "--trace", "x"), b"leave --trace out"),
        (("--trace", "x", "--since", "yesterday"), b"yesterday"),
    ],
)
def test_wrong_usage_is_one_line(folder: Path, more: tuple[str, ...], words: bytes) -> None:
    done = lamp(folder, "drift", "check", "code", *more)
    assert done.code in (1, 64) and words in done.stderr and done.stderr.count(b"\n") == 1


def test_only_what_happened_since_is_checked(tmp_path: Path) -> None:
    whole = json.loads(lamp(tmp_path, *SAMPLE_CHECK, "--json").stdout)
    late = json.loads(lamp(tmp_path, *SAMPLE_CHECK, "--since", "2026-11-23T00:00:00Z", "--json").stdout)
    kept = [row for row in whole["findings"] if row["details"]["time"] >= "2026-11-23"]
    assert 0 < len(kept) < len(whole["findings"])
    assert [row["id"] for row in late["findings"]] == [row["id"] for row in kept]


def test_a_page_is_written_beside_the_answer(tmp_path: Path) -> None:
    done = lamp(tmp_path, *SAMPLE_CHECK, "-o", "html=report.html")
    page = (tmp_path / "report.html").read_text()
    assert done.code == 2 and b"aws_security_group.web" in done.stdout
    assert page.startswith("<!doctype html>") and "<svg" in page and "maria.lindqvist" in page


def test_an_answer_without_a_page_of_its_own_is_shown_as_it_stands(tmp_path: Path) -> None:
    done = lamp(tmp_path, "version", "-o", "html")
    assert done.stdout.startswith(b"<!doctype html>") and b"<pre>" in done.stdout


def test_a_span_is_counted_back_from_now() -> None:
    now = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
    assert [moment(text, now) for text in ("90m", "24h", "7d")] == [
        "2026-03-05T08:00:00Z",
        "2026-03-04T09:30:00Z",
        "2026-02-26T09:30:00Z",
    ]
    assert [moment(text, now) for text in ("", "2026-03-05", "7x")] == ["", "2026-03-05", "7x"]
