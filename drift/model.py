"""The plain data that flows through the drift engine, in the order in which it flows.

trace records -> `Change` (one attribute of one resource, by one event) -> netted per resource and attribute
-> matched with `StateResource` and `CodeAttribute` -> `DriftItem`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from lamplighter.drift.values import HIDDEN

Action = Literal["set", "add", "remove", "create", "delete"]
"""What a change does: `set` a whole attribute, `add`/`remove` a member of a set-like attribute (an ingress
rule, a policy attachment, a tag), `create`/`delete` the resource itself."""


class Origin(StrEnum):
    """Where a call came from, as far as drift is concerned."""

    FAILED = "failed"
    SIGN_IN = "sign-in"
    TELEMETRY = "telemetry"
    SERVICE = "service"
    TERRAFORM = "terraform"
    OTHER_TERRAFORM = "other terraform run"
    PERSON = "person"
    AUTOMATION = "automation"
    UNATTRIBUTED = "unattributed"
    """No call of the trace accounts for it."""

    @property
    def changes_nothing(self) -> bool:
        """Whether such a call leaves everything as it was."""
        return self in (Origin.FAILED, Origin.SIGN_IN, Origin.TELEMETRY)

    @property
    def outside(self) -> bool:
        """Whether what such a call changed is drift."""
        return self in (Origin.PERSON, Origin.AUTOMATION, Origin.OTHER_TERRAFORM)


class Actor(NamedTuple):
    """Who made a call, as the trace says; every field is text from outside."""

    name: str
    """A person or role session as people would name it: `alice`, `ops-admin/alice@example.com`, `root`."""
    kind: str
    """userIdentity.type: IAMUser, AssumedRole, Root, WebIdentityUser, AWSService, ..."""
    tool: str
    """console, aws-cli, boto3, terraform, a service's name, or the first word of the user agent."""
    source_ip: str
    user_agent: str = ""


class EventRef(NamedTuple):
    """One trace event, as it is cited: enough to find it again."""

    event_id: str
    name: str
    time: str
    """ISO 8601, UTC, as in the record."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one event does to one attribute (or, with an empty `attribute`, to the resource itself).

    Terraform's and the services' own calls are changes too: what they set last is live, and no drift.
    `identity` holds what the event names the resource by, keyed by state attribute: {"id": "sg-1"},
    {"bucket": "logs"}, {"url": ...}; every pair must match the state's attribute of that name.
    `resource_types` are the Terraform types whose state may hold that resource, the most specific first.
    `attribute` is the path in the provider's schema, without the index of a block that occurs once:
    `versioning_configuration.status`, `ingress`, `tags.Owner`.
    """

    event: EventRef
    actor: Actor
    account: str
    region: str
    resource_types: tuple[str, ...]
    identity: Mapping[str, str]
    action: Action
    attribute: str = ""
    value: Any = None
    origin: Origin = Origin.PERSON
    upsert: bool = False
    """Whether the call made the resource if there was none."""


@dataclass(frozen=True, slots=True)
class NetChange:
    """What is left for one resource and attribute after all its events: the value the trace says is live.

    `changes` are the events that led to it, in time order; the last one is the one to attribute it to. `rivals`
    are others of the same second that say otherwise: a trace does not tell which of them came last.
    """

    resource_types: tuple[str, ...]
    identity: Mapping[str, str]
    account: str
    region: str
    action: Action
    attribute: str
    value: Any
    changes: tuple[Change, ...]
    rivals: tuple[Change, ...] = ()

    @property
    def cause(self) -> Change:
        """The call that made it so: those after it only said the same again, as a service that sets all at once.

        Of values that the trace hides it cannot be told whether they are the same: the last call made it so.
        """
        found = self.changes[-1]
        if found.value == HIDDEN:
            return found
        for change in reversed(self.changes):
            if (change.action, change.value) != (found.action, found.value):
                break
            found = change
        return found


@dataclass(frozen=True, slots=True)
class StateResource:
    """One resource instance of a Terraform state. `address` is absolute, with its index key."""

    address: str
    type: str
    name: str
    module: str
    """Absolute module address (`module.a["x"].module.b`), empty for the root."""
    provider: str
    attributes: Mapping[str, Any]
    sensitive: frozenset[str] = field(default=frozenset())
    """Top-level attributes that the state marks as sensitive: their values are shown nowhere."""
    alias: str | None = None
    """Of the provider's configuration that manages it, empty for the default one, with the module in front for one of
    its own; None where the state does not say."""


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """Where a resource's block, or one of its attributes, stands. `file` is relative to the root directory."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class CodeAttribute:
    """What the code says of one attribute of one resource.

    `value` is the evaluated value where the code is static enough and says one, not `null` (`known`), else None; it
    is None too for an entry that a known map does not have. `text` is the
    expression as written. `edit_range` is the byte range of the value when it is a literal of its own,
    so that exactly it can be replaced.
    """

    location: CodeLocation
    text: str
    known: bool
    value: Any = None
    edit_range: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class DriftItem:
    """One drift: something is live that the code does not say.

    `address` is None for an unmanaged resource. `events` are all that contributed, `actor` made the last.
    """

    address: str | None
    resource_type: str
    resource_id: str
    attribute: str
    action: Action
    code_value: Any
    live_value: Any
    location: CodeLocation | None
    actor: Actor
    time: str
    events: tuple[EventRef, ...]
    account: str
    region: str
    risk: str
    """A severity label; `risk_reason` says why."""
    risk_reason: str
    origin: Origin = Origin.PERSON
    intent: str = ""
    """What the calls around it were together; empty where they are no sequence that has a name."""
    scope: str = ""
    """Root module and workspace, where several are checked together: one address may stand in each of them."""
    confidence: float = 1.0
    suggested_by: str = ""
    """Who says that the call did this, where the catalogue does not; such an item is nobody's certainty."""
