"""Every change of a stored record is found, and so is a deleted tail."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from lamplighter.core.audit import read_anchor, write_anchor
from lamplighter.core.errors import LedgerError
from lamplighter.core.execution import execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.policy import Policy
from tests.core.world import CountingEffect, make_plan
from tests.forks import end_of, forked

COLUMNS = ("seq", "time", "actor", "action", "subject", "body", "prev_hash", "hash")


def filled(path: Path, count: int) -> Ledger:
    """A ledger with `count` audit records, written in one transaction to be quick."""
    ledger = Ledger.open(path)
    with ledger._write("fill") as now:
        for number in range(count):
            ledger.audit.append(
                now.isoformat(), f"user{number}", "test.event", f"subject/{number}", {"number": number}
            )
    return ledger


def flip(connection: sqlite3.Connection, seq: int, column: str, bit: int) -> bool:
    """Flips one bit of a stored value in place, keeping its type; False where the value has no such bit."""
    value = connection.execute(f"SELECT CAST({column} AS BLOB) FROM audit WHERE seq = ?", (seq,)).fetchone()[
        0
    ]
    if column == "seq":
        if bit >= 62:
            return False
        new = seq ^ (1 << bit)
        taken = connection.execute("SELECT 1 FROM audit WHERE seq = ?", (new,)).fetchone()
        if taken:
            return False
        connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, seq))
        return True
    if bit >= 8 * len(value):
        return False
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << (bit % 8)
    connection.execute(f"UPDATE audit SET {column} = CAST(? AS TEXT) WHERE seq = ?", (bytes(changed), seq))
    return True


def test_every_bit_of_20_records(tmp_path: Path) -> None:
    missed, flips = [], 0
    with filled(tmp_path / "ledger.db", 20) as ledger:
        assert ledger.audit.verify().ok
        connection = ledger._connection
        for seq in range(1, 21):
            for column in COLUMNS:
                bit = 0
                while True:
                    connection.execute("BEGIN")
                    flipped = flip(connection, seq, column, bit)
                    if flipped and ledger.audit.verify().ok:
                        missed.append((seq, column, bit))
                    connection.execute("ROLLBACK")
                    flips += flipped
                    bit += 1
                    if not flipped and (column != "seq" or bit >= 62):
                        break
    assert missed == []
    assert flips > 20 * 8 * 150


def test_2000_random_flips_in_1000_records(tmp_path: Path) -> None:
    chance = random.Random(20)
    missed, flips = [], 0
    with filled(tmp_path / "ledger.db", 1000) as ledger:
        connection = ledger._connection
        while flips < 2000:
            # The chain is walked from the start, so what is early is found early: draw by record, not by cost.
            seq, column, bit = chance.randint(1, 1000), chance.choice(COLUMNS), chance.randrange(600)
            connection.execute("BEGIN")
            if flip(connection, seq, column, bit):
                flips += 1
                if ledger.audit.verify().ok:
                    missed.append((seq, column, bit))
            connection.execute("ROLLBACK")
    assert missed == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit SET actor = CAST(actor AS BLOB) WHERE seq = 3",
        "UPDATE audit SET body = 7 WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 5",
        "DELETE FROM audit WHERE seq > 7",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 1",
    ],
)
def test_other_damage(damage: str, tmp_path: Path) -> None:
    with filled(tmp_path / "ledger.db", 10) as ledger:
        ledger._connection.execute(damage)
        report = ledger.audit.verify()
        assert not report.ok and report.problem
        with pytest.raises(LedgerError):
            ledger.audit.require_intact()


def test_a_deleted_tail_stops_everything(tmp_path: Path) -> None:
    policy = Policy()
    plan = make_plan(policy)
    effect = CountingEffect(tmp_path / "world")
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.request_approval(plan, requested_by="ann", channel="cli", policy=policy)
        approval = ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=policy)
        ledger._connection.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
        with pytest.raises(LedgerError):
            execute(approval.id, ledger=ledger, policy=policy, effects={"restart": effect})
        with pytest.raises(LedgerError):
            ledger.freeze("ann", "more records must not hide it")
        assert ledger.frozen() is None
    assert effect.lines() == []


def test_a_missing_or_torn_head_is_found(tmp_path: Path) -> None:
    with filled(tmp_path / "ledger.db", 3) as ledger:
        for text in ("", "3 abc\n", None):
            head = tmp_path / "audit.head"
            head.unlink() if text is None else head.write_text(text)
            assert not ledger.audit.verify().ok


def test_database_ahead_of_its_head_is_repaired_by_the_next_write(tmp_path: Path) -> None:
    with filled(tmp_path / "ledger.db", 3) as ledger:
        before = read_anchor(tmp_path / "audit.head")
        ledger.freeze("ann", "x")
        write_anchor(tmp_path / "audit.head", before)
        assert ledger.audit.verify().ok
        ledger.unfreeze("ann")
        assert read_anchor(tmp_path / "audit.head").seq == 5
        assert ledger.audit.verify().ok


def test_a_torn_last_record_is_repaired_and_no_executed_operation_is_lost(tmp_path: Path) -> None:
    """The log file of SQLite is cut at every depth within the transaction that records a performed step."""
    policy = Policy()
    plan = make_plan(policy, steps=1)
    original = tmp_path / "original"
    sizes: dict[str, int] = {}
    wal = original / "ledger.db-wal"

    class Dies(BaseException):
        pass

    def at(point: str) -> None:
        if point == "record:written":
            sizes["before"] = wal.stat().st_size
        if point == "record:committed":
            sizes["after"] = wal.stat().st_size
            shutil.copytree(original, tmp_path / "crashed")
            raise Dies

    with Ledger.open(original / "ledger.db", at=at) as ledger:
        effect = CountingEffect(original / "world")
        ledger.request_approval(plan, requested_by="ann", channel="cli", policy=policy)
        approval = ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=policy)
        with pytest.raises(Dies):
            execute(approval.id, ledger=ledger, policy=policy, effects={"restart": effect})
    assert sizes["after"] > sizes["before"]
    for number, size in enumerate(range(sizes["before"], sizes["after"] + 1, 997)):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "crashed", folder)
        (folder / "ledger.db-shm").unlink(missing_ok=True)
        os.truncate(folder / "ledger.db-wal", size)
        effect = CountingEffect(folder / "world")
        with Ledger.open(folder / "ledger.db") as ledger:
            report = execute(approval.id, ledger=ledger, policy=policy, effects={"restart": effect})
            assert report.exit_code == 0
            assert ledger.audit.verify().ok
        assert len(effect.lines()) == 1


def test_export_and_tail(tmp_path: Path) -> None:
    stream = io.StringIO()
    with filled(tmp_path / "ledger.db", 5) as ledger:
        assert ledger.audit.export(stream) == 5
        assert [record.seq for record in ledger.audit.tail(2)] == [4, 5]
    assert [json.loads(line)["seq"] for line in stream.getvalue().splitlines()] == [1, 2, 3, 4, 5]


def test_many_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    def write(number: int) -> None:
        with Ledger.open(path) as ledger:
            for turn in range(10):
                ledger.freeze(f"user{number}", f"turn {turn}")

    children = [forked(partial(write, number)) for number in range(4)]
    assert [end_of(child) for child in children] == [0] * 4
    with Ledger.open(path) as ledger:
        report = ledger.audit.verify()
    assert report.ok and report.records == report.anchored == 40
