"""What an engine reports: findings, the evidence they rest on, and how causes lead to effects.

Secrets are taken out when one is made, so no surface and no store ever holds them; an id is made from what was read.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from lamplighter.core.canonical import fingerprint
from lamplighter.core.redaction import redact, redact_value


class Severity(IntEnum):
    """Ordered, so that `--fail-on` is one comparison; written as its lower-case name in JSON."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @classmethod
    def parse(cls, name: str) -> Severity:
        """Raises KeyError on a name that is not a severity."""
        return cls[name.strip().upper()]

    @property
    def label(self) -> str:
        return self.name.lower()


class Evidence(BaseModel):
    """One thing that was read: the exact query, where it went, and what came back (in part).

    `id` is content-derived, so the same observation has the same id in every run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    source: str
    query: str
    excerpt: str = ""
    observed_at: str | None = None

    @field_validator("query", "excerpt")
    @classmethod
    def _without_secrets(cls, text: str) -> str:
        return redact(text)

    @classmethod
    def of(cls, source: str, query: str, excerpt: str = "", observed_at: str | None = None) -> Evidence:
        return cls(
            id=f"ev-{fingerprint(source, query, excerpt)}",
            source=source,
            query=query,
            excerpt=excerpt,
            observed_at=observed_at,
        )


class CausalLink(BaseModel):
    """`cause` -> `effect`, both ids of findings; a link that names no evidence is dropped by `Finding`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cause: str
    effect: str
    evidence: tuple[str, ...] = ()


class Finding(BaseModel):
    """Something an engine found. `id` is stable over runs: it holds no time and no line number.

    `where` names the subject in the field's own terms (a Terraform address, `namespace/pod`); `location`
    is `file:line` where there is one. `details` is plain JSON of the domain (for drift: attribute, code and
    live value, actor, tool, source IP, events).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: str
    where: str
    summary: str
    severity: Severity
    confidence: float = Field(default=1.0, ge=0.0, le=1.0)
    location: str | None = None
    evidence: tuple[str, ...] = ()
    links: tuple[CausalLink, ...] = ()
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def attribution(self) -> str:
        """`WHO with TOOL from IP at TIME (what they did in short)` as far as it is known; empty where nobody is named.

        The words are from outside: escape before showing.
        """
        details = self.details
        if not details.get("actor"):
            return ""
        words = (("with", "tool"), ("from", "source_ip"), ("at", "time"))
        known = [f"{word} {details[key]}" for word, key in words if details.get(key)]
        intent = [f"({details['intent']})"] if details.get("intent") else []
        return " ".join([str(details["actor"]), *known, *intent])

    @field_validator("severity", mode="before")
    @classmethod
    def _severity_from_name(cls, value: object) -> object:
        return Severity.parse(value) if isinstance(value, str) else value

    @field_validator("where", "summary", "location", "details")
    @classmethod
    def _without_secrets(cls, value: Any) -> Any:
        return redact_value(value)

    @field_validator("links")
    @classmethod
    def _links_need_evidence(cls, links: tuple[CausalLink, ...]) -> tuple[CausalLink, ...]:
        return tuple(link for link in links if link.evidence)

    @field_serializer("severity")
    def _severity_as_name(self, severity: Severity) -> str:
        return severity.label
