"""The scenario format: what is delivered of a trace, what is true of the cloud afterwards, and how both are loaded.

Pure data: needs neither moto nor Terraform. The format is described in README.md beside this file.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from lamplighter.scenarios.drift.digests import Delivered, write_digests
from lamplighter.scenarios.world import REGIONS

SCHEMA: Literal["lamplighter/drift-scenario/v1"] = "lamplighter/drift-scenario/v1"
SCENARIOS = Path(__file__).resolve().parent.parent
PROJECTS = SCENARIOS / "projects"
DATA = SCENARIOS / "data"
ACCOUNT = "123456789012"

Suite = Literal["drift", "noise", "untouched"]
"""`drift` has something to find; `noise` has a busy trace and nothing to find; `untouched` has Terraform runs only."""

Action = Literal["set", "add", "remove", "create", "delete"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Model):
    """An attribute of a managed resource, in the provider's terms; path "" is the resource itself."""

    address: str
    path: str


class Attribution(_Model):
    """Who made the last change, copied from the record of that call."""

    who: str
    """`userIdentity.arn`."""
    identity_type: str
    """`userIdentity.type`: IAMUser, AssumedRole, Root, AWSService, WebIdentityUser."""
    when: str
    """`eventTime` of the event `event`."""
    tool: Literal["console", "aws-cli", "boto3", "terraform", "sdk", "service"]
    user_agent: str
    source_ip: str
    event: str
    """`eventID` of the call that gave the value its last change."""
    events: tuple[str, ...]
    """`eventID`s of every call that belongs to the change, in order of time: stop, modify, start."""
    session: str
    """Key of the holder in `lamplighter.scenarios.people`, for a reader of the data."""


class DriftTruth(_Model):
    """One attribute whose value in the cloud is not the one Terraform wrote."""

    address: str
    type: str
    path: str
    action: Action
    code: Any
    """The value in the state; null where it has none. Sets and lists of blocks are sorted lists."""
    live: Any
    """The value read back from the cloud after the last call; null where it is gone."""
    added: tuple[Any, ...] = ()
    removed: tuple[Any, ...] = ()
    """For sets: the members by which `live` differs from `code`."""
    kind: str
    """Id of the drift kind in `kinds.toml`."""
    attribution: Attribution
    also: tuple[Key, ...] = ()
    """Other keys under which the same change shows in the provider's schema (echoes)."""
    cause: str = ""
    """Path of the change this one follows from within the same resource, as tags_all from tags; "" is its own."""


class UnmanagedTruth(_Model):
    """A resource that exists in the cloud and in no state: made by a call of this trace."""

    type: str
    """Terraform type that would manage it."""
    id: str
    """Terraform import id."""
    region: str
    account: str
    kind: str
    attribution: Attribution
    also: tuple[Key, ...] = ()
    """Computed attributes of managed resources in which it shows, as a group's `ingress`."""


class NonFinding(_Model):
    """Events that are in the trace and must lead to no finding."""

    reason: Literal[
        "read only",
        "failed",
        "AWS service",
        "sign-in",
        "terraform",
        "another terraform root",
        "reverted",
        "created and deleted",
        "same value",
        "companion call",
        "unmanaged resource",
    ]
    events: tuple[str, ...]


class Delivery(_Model):
    """One log file of a trail: `events` are indices into the scenario's `events`, in the order of the file."""

    account: str
    region: str
    delivered: str
    """ISO 8601 UTC; a file brings events of up to 15 minutes, and late ones."""
    name: str
    """File name without folder."""
    events: tuple[int, ...]

    def path(self, root: Path) -> Path:
        """Where the file lies below `root` in a trail's bucket."""
        day = self.delivered[:10].split("-")
        return root.joinpath("AWSLogs", self.account, "CloudTrail", self.region, *day, self.name)


class Scenario(_Model):
    """One case of the evaluation."""

    schema_: Literal["lamplighter/drift-scenario/v1"] = SCHEMA
    id: str
    project: str
    suite: Suite
    seed: str
    kinds: tuple[str, ...]
    features: tuple[str, ...]
    """What makes it hard: multi-step, twice, reverted, late, duplicate, tie, mixture, default-tags, shared-value ..."""
    window: tuple[str, str]
    """First and last `eventTime`, ISO 8601 UTC."""
    drifts: tuple[DriftTruth, ...]
    unmanaged: tuple[UnmanagedTruth, ...]
    non_findings: tuple[NonFinding, ...]
    events: tuple[dict[str, Any], ...]
    """Every CloudTrail record once."""
    deliveries: tuple[Delivery, ...]
    calls: tuple[Any, ...] = ()
    """The requests that changed the cloud, for `replayed`; not for the reader of a trace."""

    @property
    def validated(self) -> bool:
        """Whether its trail writes digests; one in five does not, so that both ways are measured."""
        return int(self.id.rpartition("-")[2]) % 5 != 0

    def write_trace(self, root: Path) -> list[Path]:
        """Write the log files under `root` as a trail delivers them, and return them; where it is `validated`, digests
        lie beside them. Byte-identical for the same scenario.

        The trail is of all the project's accounts, in every region of the sandbox.
        """
        files = {
            write_records(delivery.path(root), [self.events[index] for index in delivery.events]): delivery
            for delivery in self.deliveries
        }
        if self.validated:
            came = {
                path: Delivered(item.account, item.region, item.delivered) for path, item in files.items()
            }
            accounts = _accounts(self.project) | {delivery.account for delivery in self.deliveries}
            write_digests(root, {(account, region) for account in accounts for region in REGIONS}, came)
        return list(files)


class Base(NamedTuple):
    """A project as Terraform left it, before anybody touched it."""

    project: str
    folder: Path
    """The Terraform code."""
    data: Path

    @property
    def code(self) -> Path:
        """The root module's folder, read only."""
        return PROJECTS / self.project

    def state(self) -> dict[str, Any]:
        """The v4 state after the apply."""
        loaded: dict[str, Any] = json.loads(
            gzip.decompress((self.data / "terraform.tfstate.gz").read_bytes())
        )
        return loaded

    def write_state(self, folder: Path) -> Path:
        """Write the state as `terraform.tfstate` into `folder`."""
        path = folder / "terraform.tfstate"
        path.write_bytes(gzip.decompress((self.data / "terraform.tfstate.gz").read_bytes()))
        return path

    def apply_events(self) -> list[dict[str, Any]]:
        """CloudTrail records of Terraform's own apply, in order of time."""
        return list(_lines(self.data / "apply.jsonl.gz"))


@cache
def _accounts(project: str) -> frozenset[str]:
    """The accounts in which the project's apply made something."""
    return frozenset(event["recipientAccountId"] for event in base(project).apply_events())


def projects() -> tuple[str, ...]:
    """Names of the projects that have a recorded base, sorted."""
    return tuple(sorted(path.parent.parent.name for path in DATA.glob("*/base/terraform.tfstate.gz")))


def base(project: str) -> Base:
    """The recorded base of a project; KeyError for one that has none."""
    data = DATA / project / "base"
    if not (data / "terraform.tfstate.gz").is_file():
        raise KeyError(f"{project} has no recorded base; known: {', '.join(projects())}")
    return Base(project, PROJECTS / project, data)


def scenarios(project: str | None = None) -> Iterator[Scenario]:
    """Every stored scenario of a project, or of all, in order of project and id."""
    for name in projects() if project is None else (project,):
        path = DATA / name / "scenarios.jsonl.gz"
        if path.is_file():
            for row in _lines(path):
                yield Scenario.model_validate(row)


def scenario(identity: str) -> Scenario:
    """The scenario of that id, as `payments-0007`; KeyError where there is none."""
    project = identity.rpartition("-")[0]
    for found in scenarios(project) if project in projects() else ():
        if found.id == identity:
            return found
    raise KeyError(f"no scenario {identity}")


def write_records(path: Path, records: list[dict[str, Any]]) -> Path:
    """One CloudTrail log file; its gzip header carries no time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"Records": records}, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
