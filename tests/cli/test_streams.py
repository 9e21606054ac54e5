"""stdout and stderr that are full, closed or left by their reader."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lamplighter.scenarios.bench_cli import SAMPLE_CHECK
from tests.command import shell

CHECK = shlex.join(SAMPLE_CHECK)


@pytest.mark.parametrize("variables", [{}, {"PYTHONUNBUFFERED": "1"}])
@pytest.mark.parametrize(
    "arguments", ["version", "--version", "--help", "completion bash", "config show --json", CHECK]
)
def test_a_full_stdout_is_one_line(tmp_path: Path, arguments: str, variables: dict[str, str]) -> None:
    done = shell(tmp_path, f"lamp {arguments} > /dev/full", **variables)
    assert done.code == 1
    assert done.stderr.startswith(b"lamp: stdout: cannot be written (No space left on device)")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("redirection", "words"), [(">&-", b"is closed"), ("1</dev/null", b"cannot be written")]
)
def test_a_closed_stdout_is_one_line(tmp_path: Path, redirection: str, words: bytes) -> None:
    done = shell(tmp_path, f"lamp version {redirection}")
    assert done.code == 1
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_nothing_is_done_where_stdout_is_closed(tmp_path: Path) -> None:
    assert shell(tmp_path, "lamp freeze >&-").code == 1
    assert b"is not frozen" in shell(tmp_path, "lamp unfreeze").stderr


@pytest.mark.parametrize("arguments", [CHECK, f"{CHECK} --json"])
def test_a_reader_that_went_away_is_quiet_and_leaves_the_exit_code(tmp_path: Path, arguments: str) -> None:
    done = shell(tmp_path, f"lamp {arguments} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == (b"2\n", b"")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_without_stderr_the_exit_code_is_left(tmp_path: Path, redirection: str) -> None:
    done = shell(tmp_path, f"lamp nope {redirection}")
    assert (done.code, done.stdout, done.stderr) == (64, b"", b"")
    assert shell(tmp_path, f"lamp version {redirection}").code == 0
