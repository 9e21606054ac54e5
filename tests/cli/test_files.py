"""`-o FORMAT=FILE`: what stands at the path decides how it is written, and nothing is written twice."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lamplighter.cli.files import write_file
from lamplighter.core.errors import InputError
from tests.command import lamp, shell

VERSION = "lamplighter/version/v1"


def schema(path: Path) -> object:
    return json.loads(path.read_text())["schema"]


def test_a_link_stays_and_its_target_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("fresh")
    assert lamp(tmp_path, "version", "-o", "json=link", "-o", "json=dangling").code == 0
    assert (tmp_path / "link").is_symlink() and (tmp_path / "dangling").is_symlink()
    assert schema(tmp_path / "real") == schema(tmp_path / "fresh") == VERSION
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o640


@pytest.mark.parametrize("mask", ["077", "027", "002"])
def test_a_new_file_has_what_the_umask_leaves(tmp_path: Path, mask: str) -> None:
    assert shell(tmp_path, f"umask {mask}; lamp version -o json=new; touch other").code == 0
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = shell(tmp_path, "cat pipe > copy & lamp version -o json=pipe && wait")
    assert (done.code, done.stdout) == (0, b"lamp 0.1.0\n")
    assert schema(tmp_path / "copy") == VERSION
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_process_substitution_is_written_into(tmp_path: Path) -> None:
    done = shell(
        tmp_path, "lamp version -o json=>(cat > copy; echo end > done); while ! test -s done; do :; done"
    )
    assert done.code == 0, done.stderr
    assert schema(tmp_path / "copy") == VERSION


def test_a_reader_that_has_enough_of_a_pipe_is_no_error(tmp_path: Path) -> None:
    # The reader is gone before anything is written: the write fails for certain.
    script = "exec 9> >(exec true); wait $!; lamp version -o json=/dev/fd/9"
    done = shell(tmp_path, script)
    assert (done.code, done.stdout, done.stderr) == (0, b"lamp 0.1.0\n", b"")


@pytest.mark.parametrize(
    ("redirection", "into"), [("2>err", "err"), (">all 2>&1", "all"), ("2>&1 >/dev/null", "")]
)
def test_stderr_is_written_into_whatever_it_is(tmp_path: Path, redirection: str, into: str) -> None:
    done = shell(tmp_path, f"echo before > err; lamp version -o json=/dev/stderr {redirection}")
    written = (tmp_path / into).read_text() if into else done.stdout.decode()
    assert json.loads(written.removesuffix("lamp 0.1.0\n"))["schema"] == VERSION
    assert done.stderr == b""


def test_devices_stay_devices(tmp_path: Path) -> None:
    done = lamp(tmp_path, "version", "-o", "json=/dev/null", "-o", "markdown=/dev/null")
    assert (done.code, done.stdout) == (0, b"lamp 0.1.0\n")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_dash_and_dev_stdout_are_stdout(tmp_path: Path) -> None:
    for place in ("-", "/dev/stdout", "/proc/self/fd/1"):
        assert json.loads(lamp(tmp_path, "version", "-o", f"json={place}").stdout)["schema"] == VERSION
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        "-o json=a -o text=a",
        "-o json=a -o text=./a",
        "-o json=a -o markdown=link",
        "-o json=old -o markdown=hard",
        "-o json=old -o text=sub/../old",
        "-o json=pipe -o text=pipe",
        "-o json=/dev/stderr -o text=/dev/fd/2",
        "-o json=/dev/stdout -o text",
        "-o json=old >> old",
    ],
)
def test_two_for_one_file_is_wrong_usage_and_nothing_is_written(tmp_path: Path, arguments: str) -> None:
    (tmp_path / "old").write_text("kept")
    (tmp_path / "hard").hardlink_to(tmp_path / "old")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "pipe")
    done = shell(tmp_path, f"lamp version {arguments}")
    assert done.code == 64
    assert b"would be written twice" in done.stderr and len(done.stderr.splitlines()) == 1
    assert (tmp_path / "old").read_text() == "kept" and not (tmp_path / "a").exists()


def make_loop(folder: Path) -> Path:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    return folder / "a"


def make_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
    return folder / "socket"


def make_protected(folder: Path) -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    (folder / "protected").write_text("kept")
    (folder / "protected").chmod(0o444)
    return folder / "protected"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda folder: folder, "is a directory"),
        (lambda folder: folder / "no" / "such", "No such file or directory"),
        (lambda folder: Path("/dev/full"), "No space left on device"),
        (lambda folder: folder / ("x" * 300), "File name too long"),
        (make_loop, "Too many levels of symbolic links"),
        (make_socket, "is neither a file nor a pipe"),
        (make_protected, "Permission denied"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_leaves_nothing(
    tmp_path: Path, place: Callable[[Path], Path], words: str
) -> None:
    path = place(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=words):
        write_file(path, "body")
    assert sorted(tmp_path.iterdir()) == before
