"""Starting and stopping a sandbox that is a process of its own, and asking it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from lamplighter.core.errors import LampError, Refused, Unavailable
from lamplighter.scenarios.cluster.service.control import Json, ask, raise_told
from lamplighter.scenarios.cluster.service.place import Place, Record, start_of
from lamplighter.tools import process

MODULE = "lamplighter.scenarios.cluster.service.serve"
START_SECONDS = 60.0
TERM_SECONDS = 10.0
KILL_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""How long the one that runs has for an answer; `down` waits less, as it can do without."""
_SHORT_ANSWER_SECONDS = 2.0
_REFUSED_SECONDS = 2.0
"""How long it may refuse one: it is just opening its socket, or has just closed it."""
_POLL_SECONDS = 0.05


class Options(NamedTuple):
    """How a sandbox is put up. `port` 0 is a free one; a scenario may bring nodes of its own."""

    port: int = 0
    nodes: int = 3
    scenario: str = ""


def require_extra() -> None:
    """Raises Unavailable where what the extra `sandbox` brings is missing."""
    for name in ("cryptography", "yaml"):
        if importlib.util.find_spec(name) is None:
            raise Unavailable(
                name, "is not installed", "install it with `pip install 'lamplighter[sandbox]'`"
            )


def running(place: Place, answer_s: float = ANSWER_SECONDS) -> Record | None:
    """What the sandbox that runs says of itself, None where none runs: files beside its socket may be anyone's.

    Waits for one that is coming up or going. Raises Unavailable where it does not answer.
    """
    end = time.monotonic() + START_SECONDS
    refused = None
    while place.is_held():
        if place.control.exists() or place.read() is not None:
            refused = refused or time.monotonic()
            try:
                return _said(place, answer_s)
            except Unavailable:
                if place.is_held() and time.monotonic() > refused + _REFUSED_SECONDS:
                    raise
        if time.monotonic() > end:
            problem = (
                "is locked, and no sandbox answers there: it does not come up, or its files were taken away"
            )
            raise Unavailable(
                str(place.folder), problem, f"end whoever holds {place.lock} (`fuser` names the process)"
            )
        time.sleep(_POLL_SECONDS)
    return None


def _said(place: Place, answer_s: float) -> Record:
    """Raises Unavailable."""
    said = ask(place.control, {"do": "hello"}, answer_s)
    try:
        return Record.model_validate(said)
    except ValidationError as error:
        problem = "the sandbox that runs is one of another version"
        raise Unavailable(str(place.folder), problem, "end it with `lamp sandbox down`") from error


def start(place: Place, options: Options) -> Record | None:
    """Put one up and wait until it answers; None where one runs already. Raises InputError, Unavailable."""
    require_extra()
    place.prepare()
    lock = place.hold()
    if lock is None:
        return None
    reader, report = os.pipe()
    try:
        place.clear()
        argv = [
            sys.executable,
            "-m",
            MODULE,
            str(place.folder.parent),
            str(lock),
            str(report),
            json.dumps(options),
        ]
        # The lock goes over to the child with its descriptor: there is no moment in which nobody holds it.
        pid = process.detached(argv, log=place.log, pass_fds=(lock, report))
    finally:
        os.close(lock)
        os.close(report)
    with os.fdopen(reader, "rb") as stream:
        said = _reported(stream.fileno(), START_SECONDS)
    if not said:
        _give_up(place, pid)
    raise_told(said)
    return Record.model_validate(said)


def _reported(handle: int, seconds: float) -> Json:
    """What the child says of itself, nothing where it ends or the time is up before it has."""
    end, found = time.monotonic() + seconds, b""
    while (left := end - time.monotonic()) > 0 and select.select([handle], [], [], left)[0]:
        piece = os.read(handle, 65536)
        if not piece:
            break
        found += piece
    if not found.endswith(b"\n"):
        return {}
    said: Json = json.loads(found)
    return said


def _give_up(place: Place, pid: int) -> None:
    """End the child, which is ours and not yet waited for, and say what it last wrote. Raises Unavailable."""
    _kill(pid, signal.SIGKILL)
    lines = place.log.read_text(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "it wrote nothing")
    raise Unavailable("sandbox", f"did not start ({last[:200]})", f"see {place.log}")


def stop(place: Place) -> Record | None:
    """End the one that runs, and take away what it left; None where none runs.

    Raises Refused where the process on record is not the one that holds the lock: that one is not touched.
    """
    try:
        record = running(place, _SHORT_ANSWER_SECONDS)
    except Unavailable:
        record = place.read()  # one that hangs is known by its record only
        if record is None:
            raise
    if record is not None:
        with _handle(record.pid) as send:
            if is_it(place, record):
                _end(place, record, send)
            elif not _freed(place, 1.0):
                problem = f"is locked, and process {record.pid} is not the sandbox on record"
                raise Refused(
                    str(place.folder), problem, "nothing was ended; find out who holds `lock` there"
                )
    lock = place.hold() if place.folder.is_dir() else None
    if lock is not None:
        place.clear()
        os.close(lock)
    return record


def _end(place: Place, record: Record, send: Callable[[signal.Signals], None]) -> None:
    send(signal.SIGTERM)
    if not _freed(place, TERM_SECONDS):
        send(signal.SIGKILL)
        if not _freed(place, KILL_SECONDS):
            raise Unavailable(f"process {record.pid}", "does not end", "end it by hand")


def is_it(place: Place, record: Record) -> bool:
    """Whether the process with the number on record is the sandbox: numbers are given anew."""
    if record.started:
        return start_of(record.pid) == record.started
    try:
        return bool(ask(place.control, {"do": "hello"})["token"] == record.token)
    except LampError:
        return False


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[Callable[[signal.Signals], None]]:
    """Sends signals to one process; where the system has handles of processes, never to a later one of that number."""
    if sys.platform != "linux":
        yield lambda number: _kill(pid, number)
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        yield lambda number: None
        return

    def send(number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)

    try:
        yield send
    finally:
        os.close(handle)


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _freed(place: Place, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while place.is_held():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_SECONDS)
    return True
