"""What a pod answers by way of its kubelet: logs, and commands run in a container."""

from __future__ import annotations

from lamplighter.scenarios.cluster.clock import stamp
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import bad_request, invalid, invalid_value, not_simulated
from lamplighter.scenarios.cluster.http import Request, Response, Target
from lamplighter.scenarios.cluster.jsons import Json, at, name_of, uid_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.kubelet.logs import Records


def connect(cluster: Cluster, kind: Kind, pod: Json, target: Target, request: Request) -> Response:
    """The answer to log, exec, attach and portforward. The last three need an upgrade, which `server` does."""
    if target.subresource == "log":
        return _log(cluster, pod, request)
    if target.subresource == "exec":
        container_of(pod, request.option("container"))
    if "upgrade" not in request.headers.get("connection", "").lower():
        raise bad_request("Upgrade request required")
    raise not_simulated(f"pods/{target.subresource} by this protocol")


def container_of(pod: Json, name: str) -> str:
    """The container that is meant. Raises 400 where that is not clear, or where there is none of that name."""
    spec = pod["spec"]
    names = [
        c["name"]
        for group in ("containers", "initContainers", "ephemeralContainers")
        for c in spec.get(group) or ()
    ]
    if name:
        if name not in names:
            raise bad_request(f"container {name} is not valid for pod {name_of(pod)}")
        return name
    own = [c["name"] for c in spec["containers"]]
    if len(own) == 1:
        return str(own[0])
    chosen = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    if chosen in own:
        return str(chosen)
    init = [c["name"] for c in spec.get("initContainers") or ()]
    more = f" or one of the init containers: [{' '.join(init)}]" if init else ""
    raise bad_request(
        f"a container name must be specified for pod {name_of(pod)}, choose one of: [{' '.join(own)}]{more}"
    )


def _number(request: Request, name: str, least: int, why: str, pod: Json) -> int | None:
    text = request.option(name)
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if value < least:
        raise invalid("PodLogOptions", "", name_of(pod), [invalid_value(name, value, why)])
    return value


def _log(cluster: Cluster, pod: Json, request: Request) -> Response:
    tail = _number(request, "tailLines", 0, "must be greater than or equal to 0", pod)
    since = _number(request, "sinceSeconds", 1, "must be greater than 0", pod)
    limit = _number(request, "limitBytes", 1, "must be greater than 0", pod)
    name = container_of(pod, request.option("container"))
    if not at(pod, "spec", "nodeName"):
        return Response(204, b"", "")
    lines = _lines(cluster.records, pod, name, request.flag("previous"))
    if since is not None:
        lines = [line for line in lines if line[0] >= cluster.clock.now() - since]
    if tail is not None:
        lines = lines[-tail:] if tail else []

    stamped = request.flag("timestamps")
    text = "".join(
        f"{stamp(moment).replace('Z', '.000000000Z')} {line}\n" if stamped else f"{line}\n"
        for moment, line in lines
    )
    body = text.encode()
    return Response(200, body if limit is None else body[:limit], "text/plain")


def _lines(records: Records, pod: Json, name: str, previous: bool) -> list[tuple[float, str]]:
    """Time and text of each line. Raises 400 for a container that has not started or has not run before."""
    statuses = [
        entry
        for group in ("containerStatuses", "initContainerStatuses")
        for entry in at(pod, "status", group) or ()
        if entry["name"] == name
    ]
    quoted = f'container "{name}" in pod "{name_of(pod)}"'
    status = statuses[0] if statuses else None
    if previous:
        if status is None or "terminated" not in (status.get("lastState") or {}):
            raise bad_request(f"previous terminated {quoted} not found")
        return records.previous_log(uid_of(pod), name)
    waiting = at(status, "state", "waiting", "reason") if status else "ContainerCreating"
    if waiting and status is not None and at(status, "lastState", "terminated"):
        return records.log(uid_of(pod), name)
    if waiting:
        words = {
            "ImagePullBackOff": "trying and failing to pull image",
            "ErrImagePull": "image can't be pulled",
        }
        raise bad_request(f"{quoted} is waiting to start: {words.get(waiting, waiting)}")
    return records.log(uid_of(pod), name)
