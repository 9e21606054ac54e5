"""The scenario format, "lamplighter/cluster-scenario/v1": closed models of one YAML file. README.md describes it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["lamplighter/cluster-scenario/v1"] = "lamplighter/cluster-scenario/v1"
Json: TypeAlias = dict[str, Any]

REF = r"^[A-Z][A-Za-z]+(\.[a-z0-9.-]+)? ([a-z0-9*-]+/)?[a-z0-9.:*-]+$"
RefText: TypeAlias = Annotated[str, Field(pattern=REF)]
"""`Kind namespace/name`, `Kind name` for what has no namespace, `Kind.group ...` for custom kinds."""

Family: TypeAlias = Literal[
    "admission",
    "autoscaling",
    "cascade",
    "certificates",
    "config",
    "crash",
    "disruption",
    "dns",
    "finalizers",
    "healthy",
    "image",
    "ingress",
    "init",
    "jobs",
    "memory",
    "multi",
    "network",
    "node",
    "probes",
    "quota",
    "rbac",
    "rollout",
    "scheduling",
    "service",
    "storage",
]


class Ref(NamedTuple):
    """What a RefText names. `group` is given for custom kinds only."""

    kind: str
    namespace: str
    name: str
    group: str = ""

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


def ref_of(text: str) -> Ref:
    """The parts of a RefText. Raises ValueError for a text that is none."""
    if re.match(REF, text) is None:
        raise ValueError(f"{text!r} is no reference: write 'Kind namespace/name'")
    kind, _, place = text.partition(" ")
    namespace, _, name = place.rpartition("/")
    kind, _, group = kind.partition(".")
    return Ref(kind, namespace, name, group)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wait(_Model):
    """Time passes."""

    op: Literal["wait"]
    seconds: float = Field(gt=0)


class Create(_Model):
    """POST of an object. `refused` says that the API server must refuse it."""

    op: Literal["create"]
    object: Json
    refused: bool = False


class Patch(_Model):
    """PATCH of an object or of a subresource."""

    op: Literal["patch"]
    target: RefText
    patch: Json | list[Json]
    form: Literal["strategic", "merge", "json"] = "strategic"
    subresource: str = ""
    refused: bool = False


class Delete(_Model):
    """DELETE of an object; one that is gone already is no error."""

    op: Literal["delete"]
    target: RefText
    grace: int | None = None


class Drain(_Model):
    """A node is cordoned, and its pods are evicted as far as their budgets allow; those of DaemonSets stay."""

    op: Literal["drain"]
    node: str


class Issue(_Model):
    """A certificate for hosts is issued and put into a TLS Secret (made where there is none). Days count from now."""

    op: Literal["issue"]
    target: RefText
    hosts: tuple[str, ...]
    since_days: float = -30
    days: float
    authority: str = "platform"


class Trust(_Model):
    """The `caBundle` of a webhook configuration's webhooks becomes that of an authority."""

    op: Literal["trust"]
    target: RefText
    authority: str = "platform"


class Behave(_Model):
    """From now on containers do this (rules of `kubelet/behaviour.py`)."""

    op: Literal["behave"]
    rules: tuple[Json, ...]


class Use(_Model):
    """What the pods with the label `app`, or the pod of that name, use from now on."""

    op: Literal["use"]
    namespace: str
    app: str
    cpu: str = ""
    memory: str = ""
    shared: bool = False
    """Whether that is what all pods of the app use together, each its part: a load that is balanced."""


class Kubelet(_Model):
    """The kubelet of a node falls silent, or is back."""

    op: Literal["kubelet"]
    node: str
    running: bool


Request: TypeAlias = Annotated[
    Create | Patch | Delete | Drain | Issue | Trust | Wait, Field(discriminator="op")
]
"""What anyone with the rights can do through the API: repairs and cheats consist of it."""
Step: TypeAlias = Annotated[
    Create | Patch | Delete | Drain | Issue | Trust | Wait | Behave | Use | Kubelet, Field(discriminator="op")
]
"""What happens in a timeline: requests, and what the world does."""


class Ready(_Model):
    """A workload is rolled out and all its replicas are available, at least as many as it had; a Pod is ready."""

    check: Literal["ready"]
    target: RefText
    replicas: int | None = None
    """The least number of replicas where it is not the one before the repair."""


class Steady(_Model):
    """No container of the workload's pods ended or was restarted in the last `seconds`."""

    check: Literal["steady"]
    target: RefText
    seconds: float = 120


class FieldIs(_Model):
    """A field of an object has a value, or (no value given) is absent."""

    check: Literal["field"]
    target: RefText
    path: str
    value: Any = None


class Serves(_Model):
    """Each port of a Service leads to a ready endpoint on a port that its container declares."""

    check: Literal["serves"]
    target: RefText


class Routes(_Model):
    """An Ingress has a class, backends that serve, and TLS Secrets whose certificates are good for its hosts."""

    check: Literal["routes"]
    target: RefText


class Certified(_Model):
    """A TLS Secret holds a certificate that is valid now and for these hosts."""

    check: Literal["certified"]
    target: RefText
    hosts: tuple[str, ...]


class Bound(_Model):
    """A PersistentVolumeClaim is bound."""

    check: Literal["bound"]
    target: RefText


class Complete(_Model):
    """A Job is complete."""

    check: Literal["complete"]
    target: RefText


class Ran(_Model):
    """A CronJob has had a successful run in the last `seconds`."""

    check: Literal["ran"]
    target: RefText
    seconds: float = 600


class Gone(_Model):
    """An object is no longer there."""

    check: Literal["gone"]
    target: RefText


class May(_Model):
    """A user is, or is not, allowed to do something (SubjectAccessReview)."""

    check: Literal["may"]
    user: str
    verb: str
    resource: str
    group: str = ""
    namespace: str = ""
    allowed: bool = True


class Admits(_Model):
    """The API server takes an object, or does not (a create that is not persisted)."""

    check: Literal["admits"]
    object: Json
    admitted: bool = True


class Scales(_Model):
    """An autoscaler finds its target and its metrics, and is not held at its upper bound."""

    check: Literal["scales"]
    target: RefText


class Disruptable(_Model):
    """A PodDisruptionBudget lets at least one pod go."""

    check: Literal["disruptable"]
    target: RefText


class NodeFit(_Model):
    """A Node is ready, under no pressure and, unless `cordoned`, takes pods."""

    check: Literal["node"]
    target: RefText
    cordoned: bool = False


Check: TypeAlias = Annotated[
    Ready
    | Steady
    | FieldIs
    | Serves
    | Routes
    | Certified
    | Bound
    | Complete
    | Ran
    | Gone
    | May
    | Admits
    | Scales
    | Disruptable
    | NodeFit,
    Field(discriminator="check"),
]


class Cause(_Model):
    """One root cause that a diagnosis must name."""

    cause: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    """An id of causes.toml."""
    resources: tuple[RefText, ...] = Field(min_length=1)
    """Objects that must be named as what is wrong: where the repair belongs, and what is missing by its name."""
    evidence: tuple[str, ...] = Field(min_length=1)
    """Facts that the evidence must contain, each as a text that stands in an object, event or log of the cluster."""


class Expect(_Model):
    """What a correct diagnosis says: nothing where all is well."""

    diagnosis: tuple[Cause, ...]
    silent: bool = False
    """Whether no status, event or log names the fault, so that nothing but the manifests can be its evidence."""
    symptoms: tuple[RefText, ...] = ()
    """Objects that show the fault without being its cause: a finding on them is right, as the cause it is wrong."""
    red_herrings: tuple[RefText, ...] = ()
    """Objects that look wrong and are not: a finding of a problem on them is a false alarm."""


class Change(_Model):
    """What a right repair may change of an object: paths with `*` for any key or index."""

    target: RefText
    paths: tuple[str, ...]


class Limits(_Model):
    """What a repair may touch. All else must be as it was, by the digest of what is wanted (no status)."""

    change: tuple[Change, ...] = ()
    create: tuple[RefText, ...] = ()
    delete: tuple[RefText, ...] = ()
    images: tuple[str, ...] = ()
    """Repositories that an image may be changed to; its own is always right."""


class Cheat(_Model):
    """A repair that looks like one and must fail the check."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    after_repair: bool = False
    """Whether it comes on top of a right repair, so that nothing but the harm can fail it."""
    do: tuple[Request, ...] = Field(min_length=1)


class Repair(_Model):
    """A right repair: the check passes after it."""

    title: str
    do: tuple[Request, ...]


class NodeSpec(_Model):
    """A node where three of 4 CPUs and 8Gi are not what the scenario needs."""

    name: str
    zone: str = ""
    cpu: str = "4"
    memory: str = "8Gi"
    pods: str = "110"
    labels: dict[str, str] = {}
    taints: tuple[Json, ...] = ()


class Vary(_Model):
    """What a perturbation may do beside renaming and reordering."""

    names: tuple[str, ...] = Field(min_length=1)
    """Words that names, namespaces, hosts and images are made of; each becomes another word wherever it stands."""
    replicas: bool = True
    """Whether Deployments of two and more replicas may get more."""
    noise: bool = True
    """Whether unrelated objects may stand around."""


class Scenario(_Model):
    """One scenario: a file of `data/`."""

    format: Literal["lamplighter/cluster-scenario/v1"] = Field(alias="schema")
    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    family: Family
    title: str
    nodes: tuple[NodeSpec, ...] = ()
    metrics: bool = True
    rules: tuple[Json, ...] = ()
    """What containers do from the start."""
    images: tuple[str, ...] = ()
    """Images that exist beside those of the objects, the timeline and the repairs; any other tag of theirs does not."""
    objects: tuple[Json, ...]
    """Ordinary manifests. A namespace that none of them is, but that they stand in, is made first."""
    timeline: tuple[Step, ...]
    expect: Expect
    check: tuple[Check, ...] = Field(min_length=1)
    allowed: Limits = Limits()
    repairs: tuple[Repair, ...] = ()
    """At least one for a fault, so that its check is known to be satisfiable; none where all is well."""
    cheats: tuple[Cheat, ...] = ()
    """Those of this scenario, beside the ones that are made for every one."""
    vary: Vary

    @property
    def healthy(self) -> bool:
        return not self.expect.diagnosis
