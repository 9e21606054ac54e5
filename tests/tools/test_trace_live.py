"""The event history asked over HTTP: whole, at AWS's pace, once; and one line for each way it can fail."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import ConfigError, InputError, LampError, Refused, Unavailable
from lamplighter.core.trace import Place, Record, Span
from lamplighter.tools.cloudtrail.live import LookupEvents
from lamplighter.tools.cloudtrail.lookup import Lookup
from tests.tools.lookup_server import Answer, Asked, History, error, lookup_event, serving
from tests.tools.traces import event, ids

pytest.importorskip("boto3", reason="the aws extra is not installed")

SINCE, UNTIL = "2026-11-22T10:00:00Z", "2026-11-22T10:01:00Z"


class Noon:
    """Long after the events, unless a test says otherwise."""

    def __init__(self, now: str = "2026-11-24T12:00:00+00:00") -> None:
        self.time = datetime.fromisoformat(now)

    def now(self) -> datetime:
        return self.time.astimezone(UTC)


class World:
    def __init__(self, history: History, endpoint: str, state: Path) -> None:
        self.history, self.endpoint, self.state = history, endpoint, state

    def source(self, *regions: str, **more: Any) -> LookupEvents:
        lookup = Lookup(endpoint=more.pop("endpoint", self.endpoint), timeout_s=more.pop("timeout_s", 5.0))
        given: dict[str, Any] = {"since": SINCE, "until": UNTIL, "account": "123456789012", "pace_s": 0.0}
        given |= {"clock": Noon(), "state_dir": self.state, "regions": regions or ("eu-west-1",)}
        return LookupEvents(lookup, **(given | more))

    def read(self, *regions: str, **more: Any) -> tuple[list[Record], LookupEvents]:
        source = self.source(*regions, **more)
        return list(source.records()), source


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("ACCESS_KEY_ID", "AKIATEST"),
        ("SECRET_ACCESS_KEY", "s"),
        ("EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "none"))
    history = History()
    history.events["eu-west-1"] = [event(number) for number in range(1, 31)] + [event(40, readOnly=True)]
    with serving(history) as endpoint:
        yield World(history, endpoint, tmp_path / "state")


ALL = [f"id-{number}" for number in range(1, 31)]


def test_all_pages_of_the_window_are_read(world: World) -> None:
    world.history.page_size = 7
    records, source = world.read()
    assert sorted(ids(records)) == sorted(ALL) and not source.problems
    assert source.requests == world.history.numbers() == 5 and world.history.identity_asked == 1
    assert source.coverage.accounts == {"123456789012"} and source.coverage.regions == {"eu-west-1"}
    assert source.coverage.proven == {Place("123456789012", "eu-west-1"): [Span(SINCE, UNTIL)]}
    assert source.counts.kept == source.counts.events == 30


def test_a_quiet_region_is_covered_all_the_same(world: World) -> None:
    records, source = world.read("eu-west-1", "us-east-1")
    assert len(records) == 30 and source.coverage.regions == {"eu-west-1", "us-east-1"}


def test_the_same_question_makes_no_request(world: World) -> None:
    first, _ = world.read()
    asked = world.history.numbers(), world.history.identity_asked
    second, source = world.read(endpoint="http://127.0.0.1:1")
    assert second == first and source.requests == 0 and not source.problems
    assert (world.history.numbers(), world.history.identity_asked) == asked
    inner, _ = world.read(since="2026-11-22T10:00:05Z", until="2026-11-22T10:00:08Z")
    assert ids(inner) == ["id-5", "id-6", "id-7"] and world.history.numbers() == asked[0]


def test_a_longer_window_asks_for_the_rest_only(world: World) -> None:
    world.read(since="2026-11-22T10:00:10Z", until="2026-11-22T10:00:20Z")
    before = world.history.numbers()
    records, _ = world.read("eu-west-1", "us-east-1")
    later = world.history.asked[before:]
    windows = sorted((asked.region, asked.body["StartTime"], asked.body["EndTime"]) for asked in later)
    start = datetime.fromisoformat(SINCE).timestamp()
    assert windows == [
        ("eu-west-1", start, start + 9),
        ("eu-west-1", start + 20, start + 59),
        ("us-east-1", start, start + 59),
    ]
    assert sorted(ids(records)) == sorted(ALL)


def test_what_is_young_is_asked_for_again(world: World) -> None:
    clock = Noon("2026-11-22T10:00:30+00:00")
    _, source = world.read(until="", clock=clock)
    (held,) = source.coverage.proven.values()
    assert held[-1].until == "2026-11-22T10:00:30Z" and "last 15 minutes" in source.limits[-1]
    world.history.events["eu-west-1"].append(event(3, eventID="late"))
    records, source = world.read(until="", clock=clock)
    assert "late" in ids(records) and source.requests == 1
    _, source = world.read()
    assert "last 15 minutes" not in " ".join(source.limits)


class Waits(threading.Event):
    """Records how long it was to be waited, in seconds, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.asked.append(timeout)
        return False


def test_requests_to_a_region_keep_their_distance(world: World) -> None:
    world.history.page_size = 10
    world.history.events["us-east-1"] = [event(number, awsRegion="us-east-1") for number in range(1, 21)]
    waits = Waits()
    world.read("eu-west-1", "us-east-1", pace_s=1000.0, stopped=waits)
    assert [round(wait, -2) for wait in waits.asked] == [0, 0, 1000, 1000, 1000]


def test_throttling_is_waited_out_longer_each_time(world: World) -> None:
    world.history.misbehave = lambda _, number: error("ThrottlingException") if number < 6 else None
    waits = Waits()
    records, source = world.read(stopped=waits, pace_s=0.5)
    assert len(records) == 30 and not source.problems and source.requests == 7
    # Half a second, and then between half and all of 1, 2, 4, 8, 16, at most 20 seconds.
    longest = [0.0, 1.5, 2.5, 4.5, 8.5, 16.5, 20.5]
    assert all(wait <= most for wait, most in zip(waits.asked, longest, strict=True))
    assert all(wait > most * 0.4 for wait, most in zip(waits.asked[4:], longest[4:], strict=True))


def test_endless_throttling_is_one_line_and_what_came_is_kept(world: World) -> None:
    world.history.page_size = 10
    world.history.misbehave = lambda _, number: error("ThrottlingException") if number else None
    records, source = world.read(pace_s=0.001)
    first, rest = map(str, source.problems)
    assert len(records) == 10 and "kept throttling" in first
    assert rest.startswith(
        "cloudtrail in eu-west-1: 2026-11-22T10:00:00Z to 2026-11-22T10:00:22Z was not read"
    )
    assert not source.coverage.proven


def test_a_stopped_pull_goes_on_where_it_was(world: World) -> None:
    world.history.page_size = 10
    stopped = threading.Event()

    def stop(_: Asked, number: int) -> None:
        if number == 1:
            stopped.set()

    world.history.misbehave = stop
    records, source = world.read(stopped=stopped)
    assert len(records) == 20 and "stopped" in str(source.problems[0])
    before, world.history.page_size = world.history.numbers(), 50
    records, source = world.read()
    assert sorted(ids(records)) == sorted(ALL) and not source.problems
    (asked,) = world.history.asked[before:]
    assert asked.body["EndTime"] == datetime.fromisoformat("2026-11-22T10:00:11Z").timestamp()


def test_a_token_that_is_no_longer_taken_is_replaced(world: World) -> None:
    world.history.page_size = 10
    world.history.misbehave = lambda _, number: error("InvalidNextTokenException") if number == 1 else None
    records, source = world.read()
    assert sorted(ids(records)) == sorted(ALL) and not source.problems


def test_a_token_that_repeats_ends_the_pull(world: World) -> None:
    world.history.misbehave = lambda *_: (200, {"Events": [], "NextToken": "same"})
    with pytest.raises(Unavailable, match="does not take its own page tokens"):
        world.read()
    assert world.history.numbers() == 2


def test_an_answer_out_of_order_is_whole_only_at_its_end(world: World) -> None:
    shuffled = [event(20), event(5), event(12)]

    def page(_: Asked, number: int) -> Answer:
        if number:
            return error("AccessDeniedException")
        return 200, {"Events": [lookup_event(record) for record in shuffled], "NextToken": "t"}

    world.history.misbehave = page
    records, source = world.read()
    assert ids(records) == ["id-5", "id-12", "id-20"]
    assert f"{SINCE} to {UNTIL} was not read" in str(source.problems[-1])


CREDENTIALS = "AWS credentials: have expired"
FAILURES: dict[str, tuple[Answer, str]] = {
    "expired": (error("ExpiredTokenException"), CREDENTIALS),
    "not accepted": (error("UnrecognizedClientException"), "does not take the credentials"),
    "denied": (
        error("AccessDeniedException", message="not\nallowed\x1b[2J"),
        "grant cloudtrail:LookupEvents",
    ),
    "refused": (error("InvalidTimeRangeException"), "refused the question"),
    "broken": (error("InternalFailure", 500), "failed (InternalFailure"),
    "odd": ((200, {"Events": "none"}), "cloudtrail in eu-west-1"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_each_failure_is_one_line_with_a_remedy(world: World, case: str) -> None:
    answer, line = FAILURES[case]
    world.history.misbehave = lambda *_: answer
    with pytest.raises(LampError) as caught:
        world.read(pace_s=0.001)
    assert line in str(caught.value) and caught.value.remedy and str(caught.value).isprintable()


def test_a_failing_region_hides_no_other(world: World) -> None:
    world.history.misbehave = lambda asked, _: (
        error("AccessDeniedException") if asked.region == "us-east-1" else None
    )
    records, source = world.read("us-east-1", "eu-west-1")
    denied, unread = map(str, source.problems)
    assert len(records) == 30 and "us-east-1" in denied and "us-east-1" in unread
    assert source.coverage.regions == {"eu-west-1"} == {place.region for place in source.coverage.proven}


def test_expired_credentials_end_the_pull_of_every_region(world: World) -> None:
    world.read()
    world.history.misbehave = lambda *_: error("ExpiredTokenException")
    before = world.history.numbers()
    records, source = world.read("eu-west-1", "us-east-1", "us-west-2")
    assert len(records) == 30 and world.history.numbers() == before + 1
    assert [str(problem)[:24] for problem in source.problems] == [
        CREDENTIALS[:24],
        "cloudtrail in us-east-1:",
        "cloudtrail in us-west-2:",
    ]


def test_expired_before_anything_is_asked(world: World) -> None:
    world.history.identity_error = "ExpiredToken"
    with pytest.raises(Unavailable, match=CREDENTIALS):
        world.read()
    assert world.history.numbers() == 0


def test_a_hang_ends_with_one_line(world: World) -> None:
    def hang(*_: Any) -> None:
        world.history.released.wait(60)

    world.history.misbehave = hang
    with pytest.raises(Unavailable, match=r"does not answer \(Read timeout"):
        world.read(timeout_s=0.2, pace_s=0.001)


def test_a_dead_endpoint_is_one_line(world: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unavailable, match=r"does not answer \(Could not connect.*check the network"):
        world.read(endpoint=endpoint)


def test_credentials_of_another_account_ask_nothing(world: World) -> None:
    world.history.account = "999999999999"
    with pytest.raises(Refused, match="the credentials are of account 999999999999"):
        world.read()
    assert world.history.numbers() == 0


def test_records_of_another_account_are_not_believed(world: World) -> None:
    world.history.events["eu-west-1"] = [event(1), event(2, recipientAccountId="999999999999")]
    records, source = world.read()
    assert ids(records) == ["id-1"] and "999999999999" in str(source.problems[0])


def test_a_malformed_record_is_named(world: World) -> None:
    world.history.events["eu-west-1"] = [event(1), event(2, userIdentity="jo")]
    records, source = world.read()
    assert ids(records) == ["id-1"] and "userIdentity is text" in str(source.problems[0])


def test_without_an_account_sts_says_whose_index_it_is(world: World) -> None:
    records, _ = world.read(account="")
    assert len(records) == 30 and [path.name for path in (world.state / "trace").glob("*.db")] == [
        "cloudtrail-123456789012.db"
    ]


def test_what_is_older_than_90_days_is_said(world: World) -> None:
    records, source = world.read(clock=Noon("2027-02-20T10:00:20+00:00"))
    assert ids(records) == [f"id-{number}" for number in range(20, 31)]
    assert "holds 90 days: 2026-11-22T10:00:00Z to 2026-11-22T10:00:20Z" in str(source.problems[0])
    (held,) = source.coverage.proven.values()
    assert held == [Span("2026-11-22T10:00:20Z", UNTIL)]


def test_the_index_outlives_the_90_days(world: World) -> None:
    first, _ = world.read()
    later, source = world.read(clock=Noon("2027-11-22T00:00:00+00:00"))
    assert later == first and not source.problems


def test_no_region_and_wrong_settings_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="set aws_region"):
        world.read(regions=())
    with pytest.raises(ConfigError, match="no account id"):
        world.source(account="../../etc")
    with pytest.raises(ConfigError, match=r"region x\\x0a: is none"):
        world.source("x\n")
    with pytest.raises(InputError, match="not before the end"):
        world.source(since=UNTIL, until=SINCE)
    with pytest.raises(Unavailable, match=r"profile \(nobody\) could not be found.*set aws_profile"):
        list(
            LookupEvents(
                Lookup(profile="nobody"), since=SINCE, regions=["eu-west-1"], state_dir=world.state
            ).records()
        )
    config = world.state.parent / "config"
    config.write_text("no section\n")
    for name, value in (("CONFIG_FILE", str(config)), ("PROFILE", "gone")):
        with monkeypatch.context() as patch:
            patch.setenv(f"AWS_{name}", value)
            with pytest.raises(Unavailable, match=r"AWS configuration: cannot be used .*(parse|gone)"):
                world.read(regions=())
    with pytest.raises(Unavailable, match="could not be asked or understood"):
        world.read(endpoint="no address")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}")
    with pytest.raises(Unavailable, match="AWS credentials: were not found"):
        world.read()


def test_without_boto3_the_extra_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Unavailable, match=r"pip install 'lamplighter\[aws\]'"):
        world.read()


def spoil(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("change", [spoil, newer])
def test_an_index_that_cannot_be_used_is_one_line(world: World, change: Callable[[Path], None]) -> None:
    world.read()
    path = world.state / "trace" / "cloudtrail-123456789012.db"
    for file in path.parent.glob("*.db-*"):
        file.unlink()
    change(path)
    with pytest.raises(InputError, match=r"\.db: is no index .* delete it"):
        world.read()


def test_the_index_is_for_its_owner_only(world: World) -> None:
    world.read()
    for path in (world.state / "trace").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert (world.state / "trace").stat().st_mode & 0o077 == 0


def test_a_quiet_history_of_which_a_part_is_too_old_is_no_failure(world: World) -> None:
    world.history.events.clear()
    records, source = world.read(clock=Noon("2027-02-20T10:00:20+00:00"))
    assert records == [] and "holds 90 days" in str(source.problems[0])
    (held,) = source.coverage.proven.values()
    assert source.coverage.regions == {"eu-west-1"} and held == [Span("2026-11-22T10:00:20Z", UNTIL)]


def test_an_index_that_takes_nothing_is_never_a_whole_answer(world: World) -> None:
    world.read("us-east-1")
    with sqlite3.connect(world.state / "trace" / "cloudtrail-123456789012.db") as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    with pytest.raises(InputError, match="disk is full"):
        world.read()
    assert world.history.numbers() == 2
