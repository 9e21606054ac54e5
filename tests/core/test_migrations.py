"""A ledger that an older version wrote is brought up in place, and its unfinished work goes on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lamplighter.core._schema import MIGRATIONS, VERSION
from lamplighter.core.approvals import ApprovalState
from lamplighter.core.errors import LedgerError
from lamplighter.core.execution import execute
from lamplighter.core.exits import Exit
from lamplighter.core.ledger import Ledger
from lamplighter.core.policy import Policy
from lamplighter.core.results import Outcome, Verification
from tests.core.world import CountingEffect, FakeClock

FIRST = Path(__file__).parent / "fixtures" / "ledger-v1.sql"
"""Dumped by the program that wrote version 1: `s0` is done, `s1` was claimed when the process ended."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST.read_text())
        head = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    connection.close()
    (tmp_path / "audit.head").write_text("{} {}\n".format(*head))
    return path


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
    finally:
        connection.close()


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def test_an_old_ledger_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    assert version(old) == 1
    Ledger.open(old).close()
    Ledger.open(tmp_path / "new" / "ledger.db").close()
    assert version(old) == version(tmp_path / "new" / "ledger.db") == VERSION
    assert columns(old) == columns(tmp_path / "new" / "ledger.db")


def test_what_an_old_ledger_knows_is_kept_and_its_steps_are_verified(old: Path, tmp_path: Path) -> None:
    effect = CountingEffect(tmp_path / "world")
    with Ledger.open(old, FakeClock()) as ledger:
        ledger.audit.require_intact()
        (approval,) = ledger.approvals(ApprovalState.APPROVED)
        before = ledger.steps(approval.id)
        assert [(row.outcome, row.verification) for row in before] == [(Outcome.DONE, None), (None, None)]
        (tmp_path / "world").write_text("".join(f"{row.claim}\n" for row in before))
        report = execute(approval.id, ledger=ledger, policy=Policy(), effects={"restart": effect})
        assert [step.verification for step in report.steps] == [Verification(True, "looked")] * 2
        assert report.exit_code is Exit.CLEAN
        ledger.audit.require_intact()
    assert len(effect.lines()) == 2


def test_a_migration_that_fails_leaves_the_old_ledger(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (MIGRATIONS[0], f"{MIGRATIONS[1]} ALTER TABLE nothing ADD COLUMN x;")
    with monkeypatch.context() as patched:
        patched.setattr("lamplighter.core._schema.MIGRATIONS", broken)
        with pytest.raises(LedgerError, match="cannot be opened"):
            Ledger.open(old)
    assert version(old) == 1 and len(columns(old)["steps"]) == 8
    Ledger.open(old).close()
    assert version(old) == VERSION
