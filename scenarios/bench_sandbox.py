"""`lamp bench sandbox`: what the sandbox cluster costs and bears, measured on a process of its own over HTTPS.

The clients are threads of this process, so that rates are those of both sides on one machine.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from lamplighter.core.errors import Unavailable
from lamplighter.scenarios.cluster.service import control, manage
from lamplighter.scenarios.cluster.service.place import Place, Record
from lamplighter.scenarios.evaluation.registry import Request, Result
from lamplighter.tools import process

START_RUNS = 3
RATE_SECONDS = 3.0
PODS = 10_000
CLIENTS = 100
CLIENT_ROUNDS = 3
REQUESTS_A_CLIENT = 10
WAIT_SECONDS = 900.0
_START = (
    "from lamplighter.scenarios.cluster.sandbox import Sandbox\n"
    "from lamplighter.scenarios.cluster.service.serve import require_answer\n"
    "with Sandbox() as sandbox: require_answer(sandbox)\n"
)


class Client:
    """One connection that is kept, as the cluster's admin."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.connection = HTTPSConnection("127.0.0.1", port, timeout=WAIT_SECONDS, context=context)

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        """The body of the answer. Raises Unavailable for one that is no success."""
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        found = answer.read()
        if answer.status >= 300:
            raise Unavailable(path, f"answers {answer.status}", found[:200].decode(errors="replace"))
        return found

    def get(self, path: str) -> Any:
        return json.loads(self.call("GET", path))


def _context(place: Place, folder: Path) -> ssl.SSLContext:
    config = json.loads(place.kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    pair = folder / "client.pem"
    pair.touch(0o600)
    pair.write_bytes(
        base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"])
    )
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    context.load_cert_chain(pair)
    return context


class Bench:
    """A sandbox that runs, and a client of it."""

    def __init__(self, place: Place, record: Record, folder: Path) -> None:
        self.place = place
        self.record = record
        self._context = _context(place, folder)
        self.client = self.new_client()

    def new_client(self) -> Client:
        return Client(self.record.port, self._context)

    def watches(self) -> int:
        found: int = control.ask(self.place.control, {"do": "status"}, WAIT_SECONDS)["watches"]
        return found

    def rss(self) -> int | None:
        """Bytes of memory that the server holds, None where the system does not say (proc(5), status)."""
        try:
            text = Path(f"/proc/{self.record.pid}/status").read_text()
        except OSError:
            return None
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


@contextlib.contextmanager
def _running(nodes: int) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as temporary:
        place = Place(Path(temporary))
        record = manage.start(place, manage.Options(nodes=nodes))
        assert record is not None
        try:
            yield Bench(place, record, Path(temporary))
        finally:
            manage.stop(place)


def measure(request: Request) -> Result:
    """All parts. `sample` is how many pods the large cluster has at most."""
    pods = min(request.sample or PODS, PODS)
    metrics = {"start_cpu_seconds": start_cpu_seconds()}
    with _running(3) as bench:
        metrics |= {"rollout_settle_seconds": rollout_seconds(bench.client), **rates(bench)}
        metrics |= crowd(bench)
    with _running(max(3, -(-pods // 100))) as bench:
        metrics |= large(bench, pods)
    return Result(metrics, pods, ("simulated",), sampled=request.sample is not None)


def start_cpu_seconds() -> float:
    """CPU of a process that puts a sandbox up, asks whether it is ready, and ends; imports and Python included."""
    done = [process.run([sys.executable, "-c", _START]) for _ in range(START_RUNS)]
    if any(one.code for one in done):
        raise Unavailable("the sandbox", "does not start", done[0].stderr.decode()[-200:])
    return round(statistics.median(one.cpu_seconds for one in done), 3)


def deployment(name: str, replicas: int) -> dict[str, Any]:
    container = {"name": "main", "image": f"registry.example.com/{name}:1", "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
PODS_PATH = "/api/v1/namespaces/default/pods"


def rollout_seconds(client: Client) -> float:
    """Wall time from the creation of a Deployment of three replicas until it has three that are available."""
    start = time.monotonic()
    client.call("POST", DEPLOYMENTS, deployment("settle", 3))
    while client.get(f"{DEPLOYMENTS}/settle")["status"].get("availableReplicas") != 3:
        if time.monotonic() - start > WAIT_SECONDS:
            raise Unavailable("the rollout", "does not settle", "")
        time.sleep(0.02)
    return round(time.monotonic() - start, 2)


def _rate(act: Callable[[int], object]) -> float:
    """How often a second."""
    count, end, start = 0, time.monotonic() + RATE_SECONDS, time.monotonic()
    while time.monotonic() < end:
        act(count)
        count += 1
    return round(count / (time.monotonic() - start), 1)


def rates(bench: Bench) -> dict[str, float]:
    """One client, one request after another; then what a watch hands over while objects are created."""
    client = bench.client
    made = {
        "creates_per_second": _rate(lambda n: client.call("POST", CONFIGMAPS, _configmap("rate", n))),
        "gets_per_second": _rate(lambda n: client.call("GET", f"{CONFIGMAPS}/rate-0")),
    }
    client.call("DELETE", CONFIGMAPS)
    for number in range(100):
        client.call("POST", CONFIGMAPS, _configmap("list", number))
    made["lists_of_100_per_second"] = _rate(
        lambda n: client.call("GET", f"{CONFIGMAPS}?labelSelector=of=list")
    )
    return {**made, "watch_events_per_second": _watched(bench, 1000)}


def _configmap(name: str, number: int) -> dict[str, Any]:
    return {"metadata": {"name": f"{name}-{number}", "labels": {"of": name}}, "data": {"key": "v" * 100}}


def _watched(bench: Bench, events: int) -> float:
    """Events a second that a client gets that watches from before they happened: how fast they are handed over."""
    client, watcher = bench.client, bench.new_client()
    version = client.get(f"{CONFIGMAPS}?limit=1")["metadata"]["resourceVersion"]
    for number in range(events):
        client.call("POST", CONFIGMAPS, _configmap("watch", number))
    start = time.monotonic()
    watcher.connection.request(
        "GET", f"{CONFIGMAPS}?watch=1&resourceVersion={version}&labelSelector=of=watch"
    )
    answer = watcher.connection.getresponse()
    for _ in range(events):
        answer.readline()
    seconds = time.monotonic() - start
    watcher.connection.close()
    return round(events / seconds, 1)


def crowd(bench: Bench) -> dict[str, float]:
    """A hundred clients at once, several rounds: each asks, watches, and drops its watch without a word."""
    before, failures, requests = bench.rss(), [0], 0
    start = time.monotonic()
    for _ in range(CLIENT_ROUNDS):
        threads = [threading.Thread(target=_one_of_many, args=(bench, failures)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        requests += CLIENTS * (REQUESTS_A_CLIENT + 1)
    seconds = time.monotonic() - start
    end = time.monotonic() + 30
    while bench.watches() and time.monotonic() < end:
        time.sleep(0.1)
    found = {
        "crowd_requests_per_second": round(requests / seconds, 1),
        "crowd_failures": float(failures[0]),
        "watches_left": float(bench.watches()),
    }
    after = bench.rss()
    if before is None or after is None:
        return found
    return {**found, "rss_before_mib": round(before / 2**20, 1), "rss_after_mib": round(after / 2**20, 1)}


def _one_of_many(bench: Bench, failures: list[int]) -> None:
    try:
        client = bench.new_client()
        for _ in range(REQUESTS_A_CLIENT):
            client.call("GET", f"{CONFIGMAPS}?limit=20")
        client.connection.request("GET", f"{PODS_PATH}?watch=1")
        failures[0] += client.connection.getresponse().status != 200
        client.connection.close()
    except (OSError, Unavailable):
        failures[0] += 1


def large(bench: Bench, pods: int) -> dict[str, float]:
    """A cluster of so many pods, a hundred to a node: until all run, what memory it takes, and what lists take."""
    client, each = bench.client, 100
    start = time.monotonic()
    for number, first in enumerate(range(0, pods, each)):
        client.call("POST", DEPLOYMENTS, deployment(f"large-{number}", min(each, pods - first)))
    count = -(-pods // each)
    while True:
        found = client.get(DEPLOYMENTS)["items"]
        if sum(one["status"].get("availableReplicas", 0) for one in found) == pods and len(found) == count:
            break
        if time.monotonic() - start > WAIT_SECONDS:
            raise Unavailable(f"{pods} pods", "do not come up", "")
        time.sleep(1.0)
    made: dict[str, float] = {
        "large_pods": float(pods),
        "large_up_seconds": round(time.monotonic() - start, 1),
    }
    seconds, body = [], b""
    for _ in range(3):
        start = time.monotonic()
        body = client.call("GET", "/api/v1/pods")
        seconds.append(time.monotonic() - start)
    if len(json.loads(body)["items"]) != pods:
        raise Unavailable("the list", "is not whole", "")
    start = time.monotonic()
    client.call("GET", "/api/v1/pods?limit=500")
    made |= {
        "large_list_seconds": round(statistics.median(seconds), 4),
        "large_list_mib": round(len(body) / 2**20, 1),
        "large_page_seconds": round(time.monotonic() - start, 4),
    }
    rss = bench.rss()
    return made if rss is None else {**made, "large_rss_mib": round(rss / 2**20, 1)}
