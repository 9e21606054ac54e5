"""Drift items with values as Terraform has them, whether a call of the trace accounts for them or none does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lamplighter.drift import risk
from lamplighter.drift.compare import Baseline
from lamplighter.drift.items import SENSITIVE, is_secret
from lamplighter.drift.live import LiveDifference
from lamplighter.drift.model import Actor, DriftItem, Origin, StateResource
from lamplighter.drift.values import ABSENT, plain, shallow

_UNATTRIBUTED_CONFIDENCE = 0.7
"""Of drift that Terraform sees: that it is there is certain, that a person made it is not."""


def refreshed(
    item: DriftItem, resource: StateResource, found: LiveDifference, baseline: Baseline, *, hidden: bool
) -> DriftItem:
    """The item with path and values as Terraform has them; `hidden`: the trace keeps the values out, and so does it."""
    secret = hidden or found.sensitive or is_secret(resource, found.attribute)
    code, live = found.code, found.live
    place = baseline.project.locate(found.address, found.attribute)
    level = risk.assess(resource.type, found.action, found.attribute, plain(shallow(code)), live)
    if secret and item.action == found.action:
        # Who judged it by the trace may have seen the values.
        level = risk.Assessment(item.risk, item.risk_reason)
    return replace(
        item,
        attribute=found.attribute,
        action=found.action,
        code_value=_shown(code, secret),
        live_value=_shown(item.live_value if item.action == found.action == "delete" else live, secret),
        location=place.location if place else None,
        risk=level.severity,
        risk_reason=level.reason,
    )


def unattributed(resource: StateResource, found: LiveDifference, baseline: Baseline) -> DriftItem:
    """A difference that Terraform sees and no call of the trace accounts for."""
    parts = str(resource.attributes.get("arn", "")).split(":", 5)
    region, account = (parts[3], parts[4]) if len(parts) == 6 else ("", "")
    level = risk.assess(resource.type, found.action, found.attribute, plain(shallow(found.code)), found.live)
    nobody = DriftItem(
        address=found.address,
        resource_type=resource.type,
        resource_id="" if "id" in resource.sensitive else str(resource.attributes.get("id", "")),
        attribute=found.attribute,
        action=found.action,
        code_value=None,
        live_value=None,
        location=None,
        actor=Actor("", "", "", ""),
        time="",
        events=(),
        account=account,
        region=region,
        risk=level.severity,
        risk_reason=level.reason,
        origin=Origin.UNATTRIBUTED,
        confidence=_UNATTRIBUTED_CONFIDENCE,
    )
    return refreshed(nobody, resource, found, baseline, hidden=False)


def _shown(value: Any, secret: bool) -> Any:
    return SENSITIVE if secret and value not in ABSENT else shallow(value)
