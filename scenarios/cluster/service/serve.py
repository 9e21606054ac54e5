"""The process of a sandbox: `python -m lamplighter.scenarios.cluster.service.serve STATE_DIR LOCK REPORT OPTIONS`.

LOCK is the descriptor that holds the lock of the folder, REPORT one to which a line of JSON goes once the sandbox
answers, or once it is known why it does not.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path

from lamplighter.core.errors import InputError, LampError
from lamplighter.scenarios.cluster.api import VERSION
from lamplighter.scenarios.cluster.clock import stamp
from lamplighter.scenarios.cluster.sandbox import Node, Plan, Sandbox
from lamplighter.scenarios.cluster.service.control import Json, Listener, told
from lamplighter.scenarios.cluster.service.injections import Injections, begun_with, scenario_of
from lamplighter.scenarios.cluster.service.manage import Options
from lamplighter.scenarios.cluster.service.place import Place, Record, start_of
from lamplighter.scenarios.cluster.watches import Watcher

ZONES = "abc"
READY_SECONDS = 10.0


@contextlib.contextmanager
def served(place: Place, options: Options) -> Iterator[Record]:
    """A sandbox that answers, on record, and gone afterwards with what it kept in its folder. The caller holds the
    lock. Raises InputError for a port that is not to be had."""
    place.scratch.mkdir(mode=0o700, exist_ok=True)
    tempfile.tempdir = str(place.scratch)  # so that whoever comes after a SIGKILL finds what to take away
    try:
        with _sandbox(options) as sandbox:
            record = _record(sandbox)
            injections = Injections(sandbox, options.scenario)
            require_answer(sandbox)
            place.write(record, sandbox.kubeconfig.read_bytes())
            # Last of all: whoever is answered finds the rest.
            listener = Listener(place.control, Service(sandbox, record, injections).answer)
            try:
                yield record
            finally:
                listener.close()
    finally:
        tempfile.tempdir = None
        place.clear()


def _sandbox(options: Options) -> Sandbox:
    try:
        if options.scenario:
            return begun_with(scenario_of(options.scenario), options.port)
        return Sandbox(Plan(nodes=nodes_of(options.nodes)), port=options.port)
    except OSError as error:
        why = f"cannot be listened on ({error.strerror})"
        raise InputError(f"--port {options.port}", why, "give another, or none for a free one") from error


def nodes_of(count: int) -> list[Node]:
    """Nodes of equal size, in turn in each of three zones."""
    return [Node(f"node-{n}", f"zone-{ZONES[(n - 1) % len(ZONES)]}") for n in range(1, count + 1)]


def require_answer(sandbox: Sandbox) -> None:
    """Raises OSError where the API server does not say over HTTPS that it is ready."""
    context = ssl.create_default_context(cafile=str(sandbox.ca_file))
    host, port = sandbox.server.server_address[:2]
    connection = HTTPSConnection(str(host), port, timeout=READY_SECONDS, context=context)
    with contextlib.closing(connection):
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"/readyz answers {answer.status}")


def _record(sandbox: Sandbox) -> Record:
    return Record(
        pid=os.getpid(),
        started=start_of(os.getpid()),
        token=secrets.token_hex(16),
        url=sandbox.url,
        port=sandbox.server.server_address[1],
        nodes=sandbox.cluster.store.count("nodes"),
        version=VERSION["gitVersion"],
        since=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


class Service:
    """What a running sandbox answers on its control channel."""

    def __init__(self, sandbox: Sandbox, record: Record, injections: Injections) -> None:
        self.sandbox = sandbox
        self.record = record
        self.injections = injections

    def answer(self, request: Json) -> Json:
        """Raises LampError, KeyError and ValueError for a request that is none."""
        match request["do"]:
            case "hello":
                return self.record.model_dump()
            case "status":
                return self._status()
            case "inject":
                return asdict(self.injections.begin(str(request["scenario"])))
            case other:
                raise ValueError(f"no such request: {other!r}")

    def _status(self) -> Json:
        cluster = self.sandbox.cluster
        with cluster.lock:
            counts = {kind.key: cluster.store.count(kind.key) for kind in cluster.registry.stored()}
            watches = sum(isinstance(listener, Watcher) for listener in cluster.store.listeners)
        objects = {key: count for key, count in sorted(counts.items()) if count}
        injected = [asdict(each) for each in self.injections.all]
        return {
            "objects": objects,
            "time": stamp(cluster.clock.now()),
            "watches": watches,
            "injected": injected,
        }


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM; 1 where that cannot begin."""
    place, report = Place(Path(arguments[0])), int(arguments[2])
    options = Options(**dict(zip(Options._fields, json.loads(arguments[3]), strict=True)))
    os.set_inheritable(int(arguments[1]), False)
    os.chdir("/")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        with served(place, options) as record:
            # Nobody is there to read it where the command that started this was ended; then this ends too.
            os.write(report, record.model_dump_json().encode() + b"\n")
            os.close(report)
            stopping.wait()
    except LampError as error:
        os.write(report, json.dumps(told(error)).encode() + b"\n")
        return 1
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
