"""One container through its life: pull, start, probes, end, back-off and restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lamplighter.scenarios.cluster.clock import stamp
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import Json, at, name_of, namespace_of, uid_of
from lamplighter.scenarios.cluster.kubelet.behaviour import Behaviour, behaviour_of
from lamplighter.scenarios.cluster.kubelet.config import config_error
from lamplighter.scenarios.cluster.kubelet.facts import facts_of
from lamplighter.scenarios.cluster.kubelet.needs import awaited, needy, unmet, unready
from lamplighter.scenarios.cluster.kubelet.probes import WORDS, failure
from lamplighter.scenarios.cluster.quantities import amount

START_SECONDS = 0.1
STOP_SECONDS = 0.5
"""How long a container takes to end when it is told to, unless its grace period is shorter."""
SIGKILLED, SIGTERMED = 137, 143
"""Exit codes of a process that a signal ended: 128 and its number."""
FIRST_BACKOFF, LONGEST_BACKOFF = 10.0, 300.0
CALM_SECONDS = 600.0
"""A container that ran for so long begins its back-off anew."""
CONFIG_RETRY = 10.0
NEEDS_AFTER, NEEDS_PERIOD = 1.0, 10.0
"""When a container that needs others first finds them missing, and how often it looks again."""
PULL_WORDS = {
    "not found": 'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": failed to resolve '
    'reference "{image}": {image}: not found',
    "unauthorized": 'failed to pull and unpack image "{image}": failed to resolve reference "{image}": pull access '
    "denied, repository does not exist or may require authorization: authorization failed",
}
Phase = Literal["new", "pulling", "pull_backoff", "config_error", "running", "backoff", "ended"]


@dataclass
class Probed:
    """One probe: when it is next, and how often in a row it went one way."""

    due: float
    failures: int = 0
    successes: int = 0


@dataclass
class Container:
    """A container of a pod. `advance` goes through everything that is due; `until` is when there is more to do."""

    cluster: Cluster
    pod: Json
    spec: Json
    kind: Literal["containers", "initContainers"] = "containers"
    phase: Phase = "new"
    until: float = 0.0
    restarts: int = 0
    backoff: float = 0.0
    started_at: float = 0.0
    ready: bool = False
    started: bool = False
    message: str = ""
    pulled: bool = False
    image: str = ""
    ended: Json | None = None
    last: Json | None = None
    run: int = 0
    probes: dict[str, Probed] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    needs_due: float = 0.0
    waiting: str = ""
    killed: tuple[float, int] | None = None
    """When it ends that was told to by a probe, and with which code."""

    def behaviour(self) -> Behaviour:
        return behaviour_of(self.pod, self.spec, self.cluster.rules, self.facts)

    def _look(self) -> None:
        """Note what the container is started with now: what changes later reaches its next start."""
        self.facts = facts_of(self.cluster.store, self.pod, self.spec)

    def advance(self, now: float) -> None:
        if self.phase == "running" and self.image != self.spec["image"]:
            self._event(
                "Normal", "Killing", f"Container {self.spec['name']} definition changed, will be restarted"
            )
            self._end(now, 0, "Completed", restart_at_once=True)
        for _ in range(20):
            if self.until > now + 1e-6:
                return
            before = (self.phase, self.until)
            self._step(now)
            if (self.phase, self.until) == before:
                return

    def _step(self, now: float) -> None:
        match self.phase:
            case "new" | "pull_backoff":
                self._pull(now)
            case "pulling":
                self._pull_done(now)
            case "config_error" | "backoff":
                self._start(now)
            case "running":
                self._running(now)
            case "ended":
                self.until = float("inf")

    def _event(self, kind: str, reason: str, message: str) -> None:
        path = f"spec.{self.kind}{{{self.spec['name']}}}"
        record(self.cluster, self.pod, kind, reason, message, "kubelet", self.pod["spec"]["nodeName"], path)

    def _pull(self, now: float) -> None:
        image = self.spec["image"]
        self._look()
        if self._refused_image(now, image):
            return
        self._miss_pull_secrets()
        if self.spec.get("imagePullPolicy") == "Never" or self._cached():
            if self.spec.get("imagePullPolicy") == "IfNotPresent":
                self._event("Normal", "Pulled", f'Container image "{image}" already present on machine')
            self._start(now)
            return
        self._event("Normal", "Pulling", f'Pulling image "{image}"')
        self.phase, self.until = "pulling", now + self.behaviour().pull_seconds

    def _refused_image(self, now: float, image: str) -> bool:
        """Whether the image is not even asked for: its name is none, or it may not be pulled and is not there."""
        last = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
        path = image[: len(image) - len(image.rpartition("/")[2])] + last
        if path != path.lower():
            why = f"invalid reference format: repository name ({path.partition('/')[2]}) must be lowercase"
            self.message = (
                f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {why}'
            )
            self._event("Warning", "InspectFailed", self.message)
            self.waiting = "InvalidImageName"
        elif self.spec.get("imagePullPolicy") == "Never" and image not in self._images():
            self.message = f'Container image "{image}" is not present with pull policy of Never'
            self._event("Warning", "ErrImageNeverPull", self.message)
            self.waiting = "ErrImageNeverPull"
        else:
            self.waiting = ""
            return False
        self._event("Warning", "Failed", f"Error: {self.waiting}")
        self.phase, self.until = "pull_backoff", now + FIRST_BACKOFF
        return True

    def _miss_pull_secrets(self) -> None:
        """Say which of the pod's pull secrets are not there; the pull is tried all the same."""
        space = namespace_of(self.pod)
        wanted = [entry["name"] for entry in self.pod["spec"].get("imagePullSecrets") or ()]
        missing = [name for name in wanted if self.cluster.store.get("secrets", space, name) is None]
        if missing:
            text = (
                f"Unable to retrieve some image pull secrets ({', '.join(missing)}); attempting to pull the image may "
                "not succeed."
            )
            record(
                self.cluster, self.pod, "Warning", "FailedToRetrieveImagePullSecret", text, "kubelet",
                self.pod["spec"]["nodeName"],
            )  # fmt: skip

    def _images(self) -> set[str]:
        return self.cluster.images.setdefault(self.pod["spec"]["nodeName"], set())

    def _cached(self) -> bool:
        """Whether the node has the image, and no rule says that it cannot be had."""
        return (
            self.spec.get("imagePullPolicy") == "IfNotPresent"
            and self.spec["image"] in self._images()
            and not self.behaviour().pull_error
        )

    def _pull_done(self, now: float) -> None:
        image, behaviour = self.spec["image"], self.behaviour()
        if not behaviour.pull_error:
            took = f"{behaviour.pull_seconds * 1000:.0f}ms"
            self._images().add(image)
            size = "Image size: 31415926 bytes."
            text = f'Successfully pulled image "{image}" in {took} ({took} including waiting). {size}'
            self._event("Normal", "Pulled", text)
            self._start(now)
            return
        words = PULL_WORDS.get(behaviour.pull_error, behaviour.pull_error).format(image=image)
        self.message = words
        self._event("Warning", "Failed", f'Failed to pull image "{image}": {words}')
        self._event("Warning", "Failed", "Error: ErrImagePull")
        self._event("Normal", "BackOff", f'Back-off pulling image "{image}"')
        self._event("Warning", "Failed", "Error: ImagePullBackOff")
        self.backoff = min(max(FIRST_BACKOFF, self.backoff * 2), LONGEST_BACKOFF)
        self.phase, self.until = "pull_backoff", now + self.backoff

    def _start(self, now: float) -> None:
        wrong = config_error(self.cluster.store, self.pod, self.spec)
        if wrong:
            self.message = wrong
            self._event("Warning", "Failed", f"Error: {wrong}")
            self.phase, self.until = "config_error", now + CONFIG_RETRY
            return
        self._look()
        behaviour = self.behaviour()
        name = self.spec["name"]
        self._event("Normal", "Created", f"Container created: {name}")
        if self.phase == "backoff" or self.ended is not None:
            self.restarts += 1
            self.last, self.ended = self.ended, None
        if behaviour.start_error:
            self._event("Warning", "Failed", f"Error: {behaviour.start_error}")
            self.started_at = now
            self._end(now, 128, "StartError", message=behaviour.start_error)
            return
        self._event("Normal", "Started", f"Container started: {name}")
        self.image, self.phase, self.started_at, self.run = self.spec["image"], "running", now, self.run + 1
        self.cluster.records.begin(uid_of(self.pod), name)
        for line in behaviour.logs:
            self.cluster.records.write(
                uid_of(self.pod), name, now, line.replace("{image}", self.spec["image"])
            )
        self.probes = {
            kind: Probed(now + (self.spec[kind].get("initialDelaySeconds") or 0) + START_SECONDS)
            for kind in WORDS
            if self.spec.get(kind)
        }
        self.started = "startupProbe" not in self.probes
        self.ready = self.started and "readinessProbe" not in self.probes
        self.needs_due = now + NEEDS_AFTER
        self.killed = None
        self.until = now
        self._running(now)

    def _limit(self) -> float:
        limit = at(self.spec, "resources", "limits", "memory")
        return float(amount(limit)) if limit else float("inf")

    def _running(self, now: float) -> None:
        behaviour = self.behaviour()
        end = self.started_at + behaviour.run_seconds
        killed = behaviour.memory > self._limit()
        if killed and now + 1e-6 >= end:
            self._end(now, 137, "OOMKilled")
            return
        if behaviour.exit_code is not None and now + 1e-6 >= end:
            code = behaviour.exit_code
            self._end(now, code, "Completed" if code == 0 else "Error")
            return
        if self.killed and now + 1e-6 >= self.killed[0]:
            self._end(now, self.killed[1], "Error")
            return
        if self._stopped_by_needs(now, behaviour):
            return
        self._probe(now, behaviour)
        if self.phase == "running":
            waits = [self.needs_due] if needy(behaviour) else []
            waits += [probed.due for kind, probed in self.probes.items() if self._applies(kind)]
            if killed or behaviour.exit_code is not None:
                waits.append(end)
            if self.killed:
                waits.append(self.killed[0])
            self.until = min(waits, default=float("inf"))

    def _stopped_by_needs(self, now: float, behaviour: Behaviour) -> bool:
        """Whether the container ended for what it needs and does not get."""
        if not needy(behaviour) or now + 1e-6 < self.needs_due:
            return False
        missing = awaited(self.cluster, self.pod, behaviour)
        if missing:
            self.cluster.records.write(uid_of(self.pod), self.spec["name"], now, missing)
        elif behaviour.awaits:
            self._end(now, 0, "Completed")
            return True
        wrong = unmet(self.cluster, self.pod, behaviour)
        if not wrong:
            self.needs_due = now + NEEDS_PERIOD
            return False
        self.cluster.records.write(uid_of(self.pod), self.spec["name"], now, wrong)
        self._end(now, 1, "Error")
        return True

    def _applies(self, kind: str) -> bool:
        if self.killed and kind != "readinessProbe":
            return False
        return not self.started if kind == "startupProbe" else self.started

    def _probe(self, now: float, behaviour: Behaviour) -> None:
        address = at(self.pod, "status", "podIP") or ""
        for kind, probed in self.probes.items():
            if not self._applies(kind) or probed.due > now + 1e-6:
                continue
            probe = self.spec[kind]
            probed.due = now + (probe.get("periodSeconds") or 10)
            lacking = unready(self.cluster, self.pod, behaviour) if kind == "readinessProbe" else ""
            if lacking:
                self.cluster.records.write(uid_of(self.pod), self.spec["name"], now, lacking)
            wrong = failure(kind, self.spec, behaviour, address, now - self.started_at, lacking)
            if not wrong:
                probed.successes, probed.failures = probed.successes + 1, 0
                self._passed(kind, probe, probed)
                continue
            self._event("Warning", "Unhealthy", wrong)
            probed.successes, probed.failures = 0, probed.failures + 1
            if probed.failures >= (probe.get("failureThreshold") or 3):
                self._failed(kind, now, behaviour)
            if self.phase != "running":
                return

    def _passed(self, kind: str, probe: Json, probed: Probed) -> None:
        if kind == "startupProbe":
            self.started = True
            self.ready = "readinessProbe" not in self.probes
            for other in self.probes.values():
                other.due = max(other.due, probed.due - (probe.get("periodSeconds") or 10))
        elif kind == "readinessProbe" and probed.successes >= (probe.get("successThreshold") or 1):
            self.ready = True

    def _failed(self, kind: str, now: float, behaviour: Behaviour) -> None:
        if kind == "readinessProbe":
            self.ready = False
            return
        word = WORDS[kind].lower()
        self._event(
            "Normal", "Killing", f"Container {self.spec['name']} failed {word} probe, will be restarted"
        )
        grace = self.spec[kind].get("terminationGracePeriodSeconds")
        if grace is None:
            grace = self.pod["spec"].get("terminationGracePeriodSeconds", 30)
        if behaviour.failing_after is not None and now - self.started_at >= behaviour.failing_after:
            self.killed = (now + grace, SIGKILLED)  # what hangs does not hear SIGTERM either
        else:
            self.killed = (now + min(STOP_SECONDS, grace), SIGTERMED)

    def _end(
        self, now: float, code: int, reason: str, message: str = "", restart_at_once: bool = False
    ) -> None:
        calm = now - self.started_at > CALM_SECONDS
        self.ended = {
            "exitCode": code,
            "reason": reason,
            "startedAt": stamp(self.started_at),
            "finishedAt": stamp(now),
            "containerID": self.identity(),
        }
        if message:
            self.ended["message"] = message
        self.ready = self.started = False
        if not self._restarts(code):
            self.phase, self.until = "ended", float("inf")
            return
        self.phase = "backoff"
        if restart_at_once or self.backoff == 0 or calm:
            self.backoff = 0.001
            self.until = now + START_SECONDS
            return
        self.backoff = FIRST_BACKOFF if self.backoff < 1 else min(self.backoff * 2, LONGEST_BACKOFF)
        self.until = now + self.backoff
        text = f"Back-off restarting failed container {self.spec['name']} in pod {self._place()}"
        self._event("Warning", "BackOff", text)

    def _place(self) -> str:
        return f"{name_of(self.pod)}_{namespace_of(self.pod)}({uid_of(self.pod)})"

    def _restarts(self, code: int) -> bool:
        policy = self.pod["spec"].get("restartPolicy", "Always")
        if self.kind == "initContainers":
            if self.spec.get("restartPolicy") == "Always":
                return True
            return code != 0 and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    def identity(self) -> str:
        return f"sandbox://{uid_of(self.pod)}-{self.spec['name']}-{self.run}"

    def state(self) -> Json:
        """`state` of the container's status."""
        match self.phase:
            case "running":
                return {"running": {"startedAt": stamp(self.started_at)}}
            case "ended":
                return {"terminated": self.ended}
            case "pull_backoff" if self.waiting:
                return {"waiting": {"reason": self.waiting, "message": self.message}}
            case "pull_backoff":
                text = f'Back-off pulling image "{self.spec["image"]}": ErrImagePull: {self.message}'
                return {"waiting": {"reason": "ImagePullBackOff", "message": text}}
            case "config_error":
                return {"waiting": {"reason": "CreateContainerConfigError", "message": self.message}}
            case "backoff" if self.backoff >= 1:
                name = self.spec["name"]
                text = f"back-off {_minutes(self.backoff)} restarting failed container={name} pod={self._place()}"
                return {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
            case "backoff":
                return {"terminated": self.ended}
            case _:
                return {"waiting": {"reason": "ContainerCreating"}}

    def status(self) -> Json:
        """The entry of containerStatuses."""
        last = self.ended if self.phase == "backoff" and self.backoff >= 1 else self.last
        image = self.spec["image"]
        ran = self.run > 0
        return {
            "name": self.spec["name"],
            "state": self.state(),
            "lastState": {"terminated": last} if last else {},
            "ready": (self.ready and self.phase == "running")
            or (self.kind == "initContainers" and self.succeeded()),
            "restartCount": self.restarts,
            "image": image,
            "imageID": f"sandbox://sha256:{image}" if ran else "",
            **({"containerID": self.identity()} if ran else {}),
            "started": self.started and self.phase == "running",
        }

    def was_tried(self) -> bool:
        """Whether it was started, or could not be: what has not been is what makes a pod Pending (getPhase)."""
        return self.run > 0 or self.ended is not None or self.last is not None

    def succeeded(self) -> bool:
        """Whether it ran to a good end."""
        return self.phase == "ended" and (self.ended or {}).get("exitCode") == 0


def _minutes(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"
