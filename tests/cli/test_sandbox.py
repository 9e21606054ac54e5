"""`lamp sandbox`: started, asked, fed and ended as a process of its own, whatever happens to it in between."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import InputError, Refused
from lamplighter.scenarios.cluster.service import manage
from lamplighter.scenarios.cluster.service.place import Place, Record, start_of
from lamplighter.tools import process
from tests.command import environment, lamp

UP = ("sandbox", "up", "--json")


def place_of(folder: Path) -> Place:
    return Place(folder / ".local" / "state" / "lamplighter")


def answer(done: process.Completed, code: int = 0) -> dict[str, Any]:
    assert done.code == code, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ended(pid: int) -> bool:
    """Within a few seconds; whoever started it does not wait for it, so it may stay on as a zombie. Its other threads
    hold its files, the lock among them, until the last of them has gone."""
    for _ in range(100):
        try:
            dead = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if dead and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1:
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A home folder in which nothing runs any more afterwards."""
    yield tmp_path
    manage.stop(place_of(tmp_path))


def test_its_life(folder: Path) -> None:
    up = answer(lamp(folder, *UP, "--nodes", "4"))
    assert (up["running"], up["started"], up["nodes"]) == (True, True, 4)
    kubeconfig = Path(up["kubeconfig"])
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(kubeconfig.parent.stat().st_mode) == 0o700
    again = lamp(folder, "sandbox", "up")
    assert again.code == 0
    lines = again.stdout.decode().splitlines()
    assert "runs already" in lines[0] and lines[-1] == f"export KUBECONFIG={kubeconfig}"
    assert [line[0] for line in lines[:-1]] == ["#", "#"], "the output is for `eval`"
    other = lamp(folder, "sandbox", "up", "--nodes", "3")
    assert (other.code, other.stdout) == (1, b"")
    assert b"lamp sandbox down" in other.stderr
    status = answer(lamp(folder, "sandbox", "status", "--json"))
    assert (status["pid"], status["objects"]["nodes"], status["injected"]) == (up["pid"], 4, [])
    assert os.getsid(up["pid"]) == up["pid"] != os.getsid(0)
    assert answer(lamp(folder, "sandbox", "down", "--json"))["ended"] == up["pid"]
    assert ended(up["pid"])
    assert not kubeconfig.exists()
    assert answer(lamp(folder, "sandbox", "status", "--json"), code=1)["running"] is False
    assert answer(lamp(folder, "sandbox", "down", "--json"))["ended"] is None


def test_one_that_was_killed_is_no_obstacle_and_leaves_nothing(folder: Path) -> None:
    first = answer(lamp(folder, *UP))
    os.kill(first["pid"], signal.SIGKILL)
    assert ended(first["pid"])
    place = place_of(folder)
    assert place.read() is not None and not place.is_held()
    assert answer(lamp(folder, "sandbox", "status", "--json"), code=1)["running"] is False
    second = answer(lamp(folder, *UP))
    assert second["started"] is True and second["pid"] != first["pid"]
    lamp(folder, "sandbox", "down")
    assert sorted(path.name for path in place.folder.iterdir()) == ["lock", "log"]


def stale(place: Place, pid: int, started: str) -> None:
    record = Record(pid=pid, started=started, token="t", url="u", port=1, nodes=3, version="v", since="s")
    place.prepare()
    place.write(record, b"{}")


def test_a_process_that_got_the_number_of_a_dead_one_is_left_alone(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    stale(
        place, os.getpid(), start_of(os.getpid())
    )  # even its start time: what counts is that nobody holds the lock
    assert lamp(tmp_path, "sandbox", "down").code == 0
    assert place.read() is None
    stale(place, os.getpid(), "1")
    lock = place.hold()
    assert lock is not None
    try:
        with pytest.raises(Refused, match="is not the sandbox on record"):
            manage.stop(place)
        assert place.read() is not None
    finally:
        os.close(lock)


def test_one_that_does_not_hear_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = answer(lamp(folder, *UP))
    os.kill(up["pid"], signal.SIGSTOP)
    monkeypatch.setattr(manage, "TERM_SECONDS", 0.3)
    record = manage.stop(place_of(folder))
    assert record is not None and record.pid == up["pid"]
    assert ended(up["pid"])


def test_two_that_start_at_once_are_one(folder: Path) -> None:
    script = f'"{sys.executable}" -m lamplighter sandbox up --json'
    both = process.run(
        ["sh", "-c", f"{script} > a & {script} > b; wait"], cwd=folder, env=environment(folder)
    )
    found = [json.loads((folder / name).read_text()) for name in "ab"]
    assert both.code == 0, both.stderr
    assert found[0]["pid"] == found[1]["pid"]
    assert sorted(one["started"] for one in found) == [False, True]


def test_a_port_that_is_taken_is_said_and_nothing_is_left(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lamp(folder, "sandbox", "up", "--port", str(port))
    assert done.code == 1
    assert done.stderr.decode().startswith(f"lamp: --port {port}: cannot be listened on")
    assert b"Traceback" not in done.stderr
    assert not place_of(folder).is_held()
    assert answer(lamp(folder, *UP, "--port", str(port)))["port"] == port


def test_in_the_foreground_it_ends_with_a_signal(folder: Path) -> None:
    script = f'exec "{sys.executable}" -m lamplighter sandbox up --foreground'
    running = process.run(
        ["sh", "-c", f"({script}) > out & echo $! > pid; while ! [ -s out ]; do sleep 0.1; done; "
         f'"{sys.executable}" -m lamplighter sandbox status; "{sys.executable}" -m lamplighter sandbox down; '
         "wait $(cat pid)"],
        cwd=folder, env=environment(folder),
    )  # fmt: skip
    assert running.code == 143, running.stderr
    text = running.stdout.decode()
    assert f"process {(folder / 'pid').read_text().strip()}" in text
    assert "export KUBECONFIG=" in (folder / "out").read_text()
    assert [path.name for path in place_of(folder).folder.iterdir()] == ["lock"]


def test_a_scenario_goes_wrong_in_the_one_that_runs(folder: Path) -> None:
    listed = answer(lamp(folder, "sandbox", "inject", "--list", "--json"))["scenarios"]
    assert {"id", "family", "title", "seconds"} == set(listed[0])
    assert lamp(folder, "sandbox", "inject", "image-bad-tag").code == 1
    assert b"did you mean image-bad-tag" in lamp(folder, "sandbox", "inject", "image-bad-tags").stderr
    assert lamp(folder, "sandbox", "inject", "image-bad-tags").code == 64
    assert lamp(folder, "sandbox", "inject").code == 64
    answer(lamp(folder, *UP))
    injected = answer(lamp(folder, "sandbox", "inject", "config-missing-configmap", "--json"))
    assert injected["state"] == "playing"
    twice = lamp(folder, "sandbox", "inject", "config-missing-configmap")
    assert twice.code == 3
    assert b"which is there already" in twice.stderr
    status = answer(lamp(folder, "sandbox", "status", "--json"))
    assert [each["scenario"] for each in status["injected"]] == ["config-missing-configmap"]
    assert status["objects"]["pods"] == 2


def test_one_can_begin_with_a_scenario_that_lies_behind(folder: Path) -> None:
    answer(lamp(folder, *UP, "--scenario", "memory-limit-too-low"))
    status = answer(lamp(folder, "sandbox", "status", "--json"))
    assert [each["state"] for each in status["injected"]] == ["played"]
    now = time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    before = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 60))
    assert status["time"][:16] in (now, before), "it goes by wall time again"
    assert status["objects"]["events"] > 5


def test_it_says_when_another_holds_the_lock_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(tmp_path)
    place.prepare()
    monkeypatch.setattr(manage, "START_SECONDS", 0.2)
    with (place.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Exception, match="is locked, and no sandbox answers there"):
            manage.running(place)


def test_what_runs_is_what_answers_not_what_a_file_says(folder: Path) -> None:
    up = answer(lamp(folder, *UP))
    place = place_of(folder)
    for forged in (
        None,
        Record(pid=1, started="1", token="t", url="u", port=1, nodes=3, version="v", since="s"),
    ):
        (place.folder / "record.json").unlink()
        if forged is not None:
            place.write(forged, place.kubeconfig.read_bytes())
        status = answer(lamp(folder, "sandbox", "status", "--json"))
        assert (status["pid"], status["url"]) == (up["pid"], up["url"])
        again = answer(lamp(folder, *UP))
        assert (again["pid"], again["url"], again["started"]) == (up["pid"], up["url"], False)
        (place.folder / "record.json").touch()
    (place.folder / "record.json").unlink()
    assert answer(lamp(folder, "sandbox", "down", "--json"))["ended"] == up["pid"]
    assert ended(up["pid"])


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    place.folder.parent.mkdir(parents=True)
    place.folder.write_text("a file in its place")
    for command in (("status",), ("down",), ("up",), ("inject", "image-bad-tag")):
        said_of_folder(lamp(tmp_path, "sandbox", *command), place)
    place.folder.unlink()
    (place.folder / "lock").mkdir(parents=True)
    for command in (("status",), ("down",), ("up",), ("inject", "image-bad-tag")):
        said_of_folder(lamp(tmp_path, "sandbox", *command), place)
    with pytest.raises(InputError, match="set another state_dir"):
        place.hold()


def said_of_folder(done: process.Completed, place: Place) -> None:
    lines = done.stderr.decode().splitlines()
    assert (done.code, len(lines)) == (1, 1), lines
    assert str(place.folder) in lines[0] and "another state_dir" in lines[0]
