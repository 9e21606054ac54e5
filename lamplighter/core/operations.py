"""The closed union of changes that can be proposed at all.

An operation is data: it names its target and the version of the target that was looked at, and says how
risky it is, what it would change (`diff`) and what would undo it (`inverse`). It holds no code and no
command line; `tools/` performs it through the `Effect` port. Adding one: a class here, its entry in
`Operation`, an effect in `tools/`, a test.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationInfo, field_validator

from lamplighter.core.redaction import redact, redact_value


class Risk(IntEnum):
    """How much can go wrong; policies compare against it. Written as its lower-case name in policy files."""

    READ = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class DryRun(StrEnum):
    """How an operation is tried before it is done."""

    SERVER = "server"  # the API server computes the result (dryRun=All)
    TEXT = "text"  # the change is a text edit: its diff is the dry run
    PLAN = "plan"  # Terraform's saved plan is the dry run
    NONE = "none"


class Target(BaseModel):
    """What an operation changes. `version` is what was looked at: resourceVersion, UID, file sha256, plan sha256.

    `context` is the cluster context, cloud account or directory that the session is pinned to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: str
    kind: str
    name: str
    namespace: str = ""
    version: str = ""

    @property
    def label(self) -> str:
        """`kind namespace/name` as people write it; the values are from outside, so escape before showing."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


STORED = {"stored": True}
"""Validation context of what is kept under its digest: it was redacted when it was made, and is read as it stands, also
where a later version would take more out."""


def redacted_when_made(text: str, info: ValidationInfo) -> str:
    return text if info.context == STORED else redact(text)


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Target

    @property
    def risk(self) -> Risk:
        return Risk.MEDIUM

    @property
    def dry_run(self) -> DryRun:
        return DryRun.SERVER

    @property
    def executable(self) -> bool:
        """Whether the operation says exactly what to do; a proposal in words alone is not executable."""
        return True

    def diff(self) -> str:
        """What would change, as lines of `- old` and `+ new`, without secrets."""
        raise NotImplementedError  # every member of the union defines it; a test holds this

    def inverse(self) -> Operation | None:
        """The operation that undoes this one, None where nothing can.

        Its target has the version from before this operation, at which it would be refused: whoever undoes reads the
        target again once this one is done, and sets the version it has then.
        """
        return None


class Scale(_Operation):
    """Set the replica count of a workload."""

    verb: Literal["scale"] = "scale"
    from_replicas: int = Field(ge=0)
    to_replicas: int = Field(ge=0)

    @property
    def risk(self) -> Risk:
        return Risk.HIGH if self.to_replicas == 0 else Risk.MEDIUM

    def diff(self) -> str:
        return f"- replicas: {self.from_replicas}\n+ replicas: {self.to_replicas}"

    def inverse(self) -> Operation | None:
        return Scale(target=self.target, from_replicas=self.to_replicas, to_replicas=self.from_replicas)


class Patch(_Operation):
    """Set fields of an object: JSON pointer -> value, with the values that stood there before."""

    verb: Literal["patch"] = "patch"
    before: dict[str, Any]
    after: dict[str, Any]

    def diff(self) -> str:
        return _field_diff(self.before, self.after)

    def inverse(self) -> Operation | None:
        return Patch(target=self.target, before=self.after, after=self.before)


class Label(_Operation):
    """Set or remove (None) labels of an object."""

    verb: Literal["label"] = "label"
    before: dict[str, str | None]
    after: dict[str, str | None]

    @property
    def risk(self) -> Risk:
        return Risk.LOW

    def diff(self) -> str:
        return _field_diff(self.before, self.after)

    def inverse(self) -> Operation | None:
        return Label(target=self.target, before=self.after, after=self.before)


class Restart(_Operation):
    """Roll a workload's pods over."""

    verb: Literal["restart"] = "restart"

    def diff(self) -> str:
        return f"~ {self.target.label}: pods replaced one by one"


class Rollback(_Operation):
    """Bring a workload back to an earlier revision of its pod template."""

    verb: Literal["rollback"] = "rollback"
    from_revision: int = Field(ge=1)
    to_revision: int = Field(ge=1)

    def diff(self) -> str:
        return f"- revision: {self.from_revision}\n+ revision: {self.to_revision}"

    def inverse(self) -> Operation | None:
        return Rollback(target=self.target, from_revision=self.to_revision, to_revision=self.from_revision)


class Cordon(_Operation):
    """Mark a node unschedulable, or schedulable again."""

    verb: Literal["cordon"] = "cordon"
    unschedulable: bool = True

    @property
    def risk(self) -> Risk:
        return Risk.LOW

    def diff(self) -> str:
        return f"- unschedulable: {not self.unschedulable}\n+ unschedulable: {self.unschedulable}"

    def inverse(self) -> Operation | None:
        return Cordon(target=self.target, unschedulable=not self.unschedulable)


class Drain(_Operation):
    """Evict every pod of a node, within disruption budgets."""

    verb: Literal["drain"] = "drain"
    grace_seconds: int = Field(default=60, ge=0)

    @property
    def risk(self) -> Risk:
        return Risk.HIGH

    def diff(self) -> str:
        return f"- pods on {self.target.name}"


class Evict(_Operation):
    """Evict one pod through the eviction API."""

    verb: Literal["evict"] = "evict"

    def diff(self) -> str:
        return f"- {self.target.label}"


class ApplyManifest(_Operation):
    """Create an object, or bring it to the given form, by server-side apply."""

    verb: Literal["apply"] = "apply"
    before: dict[str, Any] | None = None
    manifest: dict[str, Any]

    def diff(self) -> str:
        return _field_diff(self.before or {}, self.manifest)

    def inverse(self) -> Operation | None:
        if self.before is None:
            return Delete(target=self.target, manifest=self.manifest)
        return ApplyManifest(target=self.target, before=self.manifest, manifest=self.before)


class Delete(_Operation):
    """Delete an object; its manifest is kept so that it can be made again."""

    verb: Literal["delete"] = "delete"
    manifest: dict[str, Any] | None = None

    @property
    def risk(self) -> Risk:
        return Risk.HIGH

    def diff(self) -> str:
        return f"- {self.target.label}"

    def inverse(self) -> Operation | None:
        if self.manifest is None:
            return None
        return ApplyManifest(target=self.target, manifest=self.manifest)


class ByteEdit(BaseModel):
    """Replace bytes [start, end) of a file, which must hold `old` (UTF-8), with `new`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    old: str
    new: str


def _marked(sign: str, text: str) -> list[str]:
    """Each line of a text with a sign before it; none for no text. A secret may be of several lines."""
    return [f"{sign} {line}" for line in redact(text).removesuffix("\n").split("\n")] if text else []


class EditHcl(_Operation):
    """Change a Terraform source file so that the code says what is live.

    `target.name` is the file, relative to `target.context` (the root module's directory), and
    `target.version` the sha256 of its bytes up to the end of the last edit: what is edited further down in
    the same file does not concern it, so a plan edits a file from its end to its start. With no `edits` this
    is a proposal in words, which is shown and never executed.
    """

    verb: Literal["edit_hcl"] = "edit_hcl"
    address: str
    attribute: str
    proposal: str
    edits: tuple[ByteEdit, ...] = ()

    @field_validator("address", "attribute", "proposal")
    @classmethod
    def _without_secrets(cls, text: str, info: ValidationInfo) -> str:
        """They only say what `edits` do."""
        return redacted_when_made(text, info)

    @property
    def risk(self) -> Risk:
        return Risk.LOW

    @property
    def dry_run(self) -> DryRun:
        return DryRun.TEXT

    @property
    def executable(self) -> bool:
        return bool(self.edits)

    def diff(self) -> str:
        if not self.edits:
            return f"~ {self.proposal}"
        return "\n".join(
            line for edit in self.edits for line in (*_marked("-", edit.old), *_marked("+", edit.new))
        )

    def inverse(self) -> Operation | None:
        # The undo starts from the file as this edit leaves it, whose sha256 is not known here.
        return None


class ImportResource(_Operation):
    """Bring an existing cloud resource under a Terraform address."""

    verb: Literal["import"] = "import"
    address: str
    resource_id: str

    @property
    def dry_run(self) -> DryRun:
        return DryRun.PLAN

    def diff(self) -> str:
        return f"+ {self.address} (import {self.resource_id})"


class ApplySavedPlan(_Operation):
    """Apply one saved Terraform plan file, identified by its sha256 (`target.version`)."""

    verb: Literal["apply_saved_plan"] = "apply_saved_plan"
    addresses: tuple[str, ...]
    changes: tuple[str, ...] = ()
    """What the apply does, a line each, for whoever approves it."""
    # Left out where empty, so that the digest of a plan from before there was such a field still holds.
    workspace: str = Field(default="", exclude_if=lambda name: not name)
    """The workspace that it was made in, and is applied in; empty for whichever is selected then."""

    @field_validator("changes")
    @classmethod
    def _without_secrets(cls, lines: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return tuple(redacted_when_made(line, info) for line in lines)

    @property
    def risk(self) -> Risk:
        return Risk.HIGH

    @property
    def dry_run(self) -> DryRun:
        return DryRun.PLAN

    def diff(self) -> str:
        return "\n".join(f"~ {line}" for line in (self.changes or self.addresses))


class Reboot(_Operation):
    """Reboot a node's machine."""

    verb: Literal["reboot"] = "reboot"

    @property
    def risk(self) -> Risk:
        return Risk.HIGH

    @property
    def dry_run(self) -> DryRun:
        return DryRun.NONE

    def diff(self) -> str:
        return f"~ {self.target.label}: rebooted"


class Replace(_Operation):
    """Replace a node's machine by a new one."""

    verb: Literal["replace"] = "replace"

    @property
    def risk(self) -> Risk:
        return Risk.HIGH

    @property
    def dry_run(self) -> DryRun:
        return DryRun.NONE

    def diff(self) -> str:
        return f"- {self.target.label}\n+ a new machine in its place"


Operation: TypeAlias = Annotated[
    Scale
    | Patch
    | Label
    | Restart
    | Rollback
    | Cordon
    | Drain
    | Evict
    | ApplyManifest
    | Delete
    | EditHcl
    | ImportResource
    | ApplySavedPlan
    | Reboot
    | Replace,
    Field(discriminator="verb"),
]


def parse_operation(value: object) -> Operation:
    """A plain JSON object -> operation. Raises pydantic's ValidationError (a ValueError)."""
    return _adapter().validate_python(value)


def _adapter() -> TypeAdapter[Operation]:
    return TypeAdapter(Operation)


def _field_diff(before: dict[str, Any], after: dict[str, Any]) -> str:
    lines: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            if before.get(key) is not None:
                lines.append(f"- {_field(key, before[key])}")
            if after.get(key) is not None:
                lines.append(f"+ {_field(key, after[key])}")
    return "\n".join(lines)


def _field(key: str, value: Any) -> str:
    ((name, shown),) = redact_value({key: value}).items()
    return f"{name}: {shown}"
