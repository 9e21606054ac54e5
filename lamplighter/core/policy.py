"""What may be done, by whom, and how much at once: ordered rules, the first that matches decides.

The policy is given as TOML (`docs/policy.md`); with none, nothing runs unasked. Judging is pure: the same plan
and policy give the same verdicts, and the policy's version is part of the plan's digest.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lamplighter.core.canonical import digest
from lamplighter.core.errors import ConfigError
from lamplighter.core.findings import Severity
from lamplighter.core.operations import Operation, Risk
from lamplighter.core.plans import Plan


class Mode(StrEnum):
    """How far a session may go: look only, propose and ask, or act where a rule says `allow`."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    ACT = "act"


class Decision(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


Channel = Literal["cli", "tui", "bot", "policy"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Table):
    """One ordered rule; every pattern is a shell-style glob, and all of them must match."""

    name: str
    decision: Decision
    verb: str = "*"
    kind: str = "*"
    namespace: str = "*"
    context: str = "*"
    max_risk: Risk = Risk.HIGH

    @field_validator("max_risk", mode="before")
    @classmethod
    def _risk_by_name(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                return Risk[value.upper()]
            except KeyError:
                raise ValueError(f"{value!r} is not one of read, low, medium, high") from None
        return value

    def matches(self, operation: Operation) -> bool:
        target = operation.target
        pairs = (
            (operation.verb, self.verb),
            (target.kind, self.kind),
            (target.namespace, self.namespace),
            (target.context, self.context),
        )
        return operation.risk <= self.max_risk and all(fnmatchcase(text, glob) for text, glob in pairs)


class DriftRule(_Table):
    """What is to become of a drift that it matches: into the code, back in the cloud, left alone, or asked about.

    The patterns are over what the drift engine found, and all of them must match. `*` and `?` stand for any text and
    any character; brackets are those of an address: `aws_instance.web["a"]`.
    """

    name: str
    decision: Literal["codify", "revert", "ignore", "ask"]
    type: str = "*"
    address: str = "*"
    attribute: str = "*"
    actor: str = "*"
    tool: str = "*"
    origin: str = "*"
    min_severity: Severity = Severity.INFO

    @field_validator("min_severity", mode="before")
    @classmethod
    def _severity_by_name(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                return Severity.parse(value)
            except KeyError:
                raise ValueError(f"{value!r} is not one of info, low, medium, high, critical") from None
        return value

    def matches(self, names: Mapping[str, str], severity: Severity) -> bool:
        """`names` are the drift's own, by the name of each pattern."""
        patterns = (self.type, self.address, self.attribute, self.actor, self.tool, self.origin)
        keys = ("type", "address", "attribute", "actor", "tool", "origin")
        return severity >= self.min_severity and all(
            _fits(names.get(key, ""), glob) for key, glob in zip(keys, patterns, strict=True)
        )


def _fits(text: str, glob: str) -> bool:
    return fnmatchcase(text, glob.replace("[", "[[]"))


class Caps(_Table):
    """Blast radius: a plan over a cap is denied whole, whatever the rules say."""

    operations: int = Field(default=20, ge=0)
    targets: int = Field(default=20, ge=0)
    namespaces: int = Field(default=3, ge=0)


class SelfApproval(_Table):
    """Whether the one who asked may approve, by channel; high risk never, unless `high_risk` says so."""

    cli: bool = True
    tui: bool = True
    bot: bool = False
    high_risk: bool = False

    def allows(self, channel: Channel, risk: Risk) -> bool:
        if risk >= Risk.HIGH and not self.high_risk:
            return False
        return {"cli": self.cli, "tui": self.tui, "bot": self.bot, "policy": False}[channel]


class Verdict(_Table):
    """What the policy says of one step, and the rule or cap that said it."""

    step: str
    decision: Decision
    rule: str
    reason: str


class Policy(_Table):
    """A whole policy. `approvers` are globs over identities; none configured means whoever holds the channel's
    own authentication (the local user on CLI and TUI), and in the bot nobody."""

    mode: Mode = Mode.PROPOSE
    rules: tuple[Rule, ...] = ()
    # Left out where empty, so that what was approved under a policy from before there was such a table still holds.
    drift: tuple[DriftRule, ...] = Field(default=(), exclude_if=lambda rules: not rules)
    caps: Caps = Caps()
    self_approval: SelfApproval = SelfApproval()
    approvers: tuple[str, ...] = ()
    approval_minutes: int = Field(default=60, ge=1, le=7 * 24 * 60)

    # Not cached: `model_copy(update=...)` would carry what is cached over to another policy.
    @property
    def version(self) -> str:
        """sha256 over the policy's canonical JSON."""
        return digest(self.model_dump(mode="json"))

    def judge(self, plan: Plan) -> tuple[Verdict, ...]:
        """One verdict a step, in the order of the steps."""
        over = self._over_cap(plan)
        if over:
            return tuple(
                Verdict(step=step.id, decision=Decision.DENY, rule="caps", reason=over) for step in plan.steps
            )
        return tuple(self._judge_step(step.id, step.operation) for step in plan.steps)

    def require_allowed(self, plan: Plan) -> None:
        """Raises Refused where the plan is empty, was judged by another policy, or has a step that is denied."""
        if not plan.steps:
            raise plan.refused("has no steps", "nothing is to be done")
        if plan.policy_version != self.version:
            raise plan.refused("was judged by another policy than the one in force", "make the plan again")
        for verdict in self.judge(plan):
            if verdict.decision is Decision.DENY:
                problem = f"step {verdict.step} is denied by {verdict.rule} ({verdict.reason})"
                raise plan.refused(problem, "change the plan or the policy")

    def _judge_step(self, step: str, operation: Operation) -> Verdict:
        if self.mode is Mode.OBSERVE:
            reason = "mode observe changes nothing"
            return Verdict(step=step, decision=Decision.DENY, rule="mode", reason=reason)
        if not operation.executable:
            reason = "a proposal in words: it does not say exactly what to write"
            return Verdict(step=step, decision=Decision.DENY, rule="not executable", reason=reason)
        for rule in self.rules:
            if rule.matches(operation):
                return self._by_rule(step, rule)
        return Verdict(step=step, decision=Decision.ASK, rule="default", reason="no rule allows it unasked")

    def _by_rule(self, step: str, rule: Rule) -> Verdict:
        if rule.decision is Decision.ALLOW and self.mode is not Mode.ACT:
            reason = f"allowed by the rule, asked because the mode is {self.mode.value}"
            return Verdict(step=step, decision=Decision.ASK, rule=rule.name, reason=reason)
        return Verdict(step=step, decision=rule.decision, rule=rule.name, reason="by rule")

    def _over_cap(self, plan: Plan) -> str:
        operations = [step.operation for step in plan.steps]
        counted = {
            "operations": len(operations),
            "targets": len({operation.target.label for operation in operations}),
            "namespaces": len({operation.target.namespace for operation in operations} - {""}),
        }
        caps = self.caps.model_dump()
        over = [
            f"{count} {name}, at most {caps[name]}" for name, count in counted.items() if count > caps[name]
        ]
        return "; ".join(over)

    def may_approve(self, approver: str, requested_by: str, channel: Channel, risk: Risk) -> str:
        """Why `approver` may not approve, or the empty string. `risk` is the highest of the plan's steps."""
        if self.approvers:
            if not any(fnmatchcase(approver, glob) for glob in self.approvers):
                return f"{approver} is not among the policy's approvers"
        elif channel == "bot":
            return "the policy names no approvers, so nobody may approve in the bot"
        if approver == requested_by and not self.self_approval.allows(channel, risk):
            return f"approving one's own request is not allowed here (channel {channel}, risk {risk.label})"
        return ""


def parse_policy(text: str, source: str) -> Policy:
    """TOML -> policy; raises ConfigError that names `source` and the first wrong key."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, f"not valid TOML ({error})", "mend the line named") from error
    if "rule" in tables:
        tables["rules"] = tables.pop("rule")
    try:
        return Policy.model_validate(tables)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(source, f"{where}: {first['msg']}", "see docs/policy.md for the keys") from error
