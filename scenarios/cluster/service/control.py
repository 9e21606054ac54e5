"""The channel to a running sandbox: a Unix socket in its folder, one line of JSON each way."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from lamplighter.core.errors import ConfigError, InputError, LampError, Refused, Unavailable

Json: TypeAlias = dict[str, Any]
_MOST_BYTES = 1024 * 1024
_LONGEST_PATH = 100
"""Bytes of a socket's path: sun_path has 108 on Linux and 104 on macOS (unix(7))."""
_READ_SECONDS = 5.0


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name of the socket that is short enough for the kernel."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class _Handler(socketserver.StreamRequestHandler):
    timeout = _READ_SECONDS
    server: Listener  # pyright: ignore[reportIncompatibleVariableOverride]  # the one that made it

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            line = self.rfile.readline(_MOST_BYTES)
            self.wfile.write(json.dumps(self.server.reply(line)).encode() + b"\n")


class Listener(socketserver.ThreadingUnixStreamServer):
    """Answers requests in a thread until it is closed; `answer` may raise LampError."""

    daemon_threads = True

    def __init__(self, path: Path, answer: Callable[[Json], Json]) -> None:
        self._answer = answer
        with _reachable(path) as name:
            super().__init__(name, _Handler)
        path.chmod(0o600)
        threading.Thread(target=self.serve_forever, args=(0.2,), name="sandbox-control", daemon=True).start()

    def reply(self, line: bytes) -> Json:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise TypeError("not an object")
            return self._answer(request)
        except LampError as error:
            return told(error)
        except (ValueError, TypeError, KeyError) as error:
            return told(InputError("request", f"is not understood ({error})", "use `lamp sandbox`"))

    def close(self) -> None:
        self.shutdown()
        self.server_close()


def ask(path: Path, request: Json, timeout_s: float = 10.0) -> Json:
    """The answer. Raises Unavailable where the sandbox does not answer, and the error that it tells of."""
    try:
        with _reachable(path) as name, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(name)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                answer = json.loads(stream.readline())
    except (OSError, ValueError) as error:
        why = "in time" if isinstance(error, TimeoutError) else f"({error})"
        remedy = "look into the file `log` beside it, or end it with `lamp sandbox down`"
        raise Unavailable(str(path), f"the sandbox does not answer {why}", remedy) from error
    found: Json = answer
    raise_told(found)
    return found


_ERRORS: dict[str, type[LampError]] = {kind.__name__: kind for kind in (ConfigError, InputError, Refused)}


def told(error: LampError) -> Json:
    """An error as it goes over to another process."""
    return {"error": [error.subject, error.problem, error.remedy], "kind": type(error).__name__}


def raise_told(answer: Json) -> None:
    """Raises the error that an answer tells of, if it does."""
    if "error" in answer:
        raise _ERRORS.get(answer["kind"], Unavailable)(*answer["error"])
