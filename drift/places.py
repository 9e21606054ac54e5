"""Which account and region a resource lives in, by its own ARN or by the provider that manages it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lamplighter.core.trace import Place
from lamplighter.drift.model import StateResource

if TYPE_CHECKING:
    from lamplighter.drift.provider_blocks import Provider

HOME = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where a partition records the calls of services that have no region (CloudTrail, "Global service events")."""
GLOBAL = frozenset({"iam", "route53", "cloudfront"})
_NO_REGION = tuple(
    f"aws_{name}_"
    for name in (
        "account", "budgets", "ce", "cloudfront", "globalaccelerator", "iam", "organizations", "route53", "s3",
        "shield", "waf", "wafv2",
    )
)  # fmt: skip
"""Types whose calls may be recorded elsewhere than in their provider's region, or whose names need none."""


_ARN_OF_ANOTHER = frozenset({"aws_cloudwatch_event_target"})
"""Types whose `arn` is that of what they point to."""


def _arn(resource: StateResource) -> list[str]:
    """The six parts of a resource's own ARN; empty where it has none."""
    if resource.type in _ARN_OF_ANOTHER:
        return []
    parts = str(resource.attributes.get("arn") or "").split(":", 5)
    return parts if len(parts) == 6 else []


def _place_of_arn(resource: StateResource) -> Place:
    """Where the calls on the resource are recorded, by its ARN; empty where it has none."""
    parts = _arn(resource)
    if not parts:
        return Place("", "")
    region = HOME.get(parts[1], "") if parts[2] in GLOBAL else parts[3]
    return Place(parts[4] if parts[4].isdigit() else "", region)


class Layout:
    """The places of one root module, as its AWS providers and its state tell them."""

    def __init__(self, providers: Iterable[Provider], resources: Sequence[StateResource]) -> None:
        self._resources = [item for item in resources if item.type.startswith("aws_")]
        stated: dict[str | None, set[str]] = defaultdict(set)
        for resource in self._resources:
            stated[resource.alias] |= {_place_of_arn(resource).account} - {""}
        self._of_alias = {
            provider.alias: Place(_account(provider, stated[provider.alias]), provider.region)
            for provider in providers
            if provider.name == "aws"
        }

    def beyond(self, resource: StateResource, account: str, region: str) -> bool:
        """Whether a call of that account and region is surely on another resource.

        Names alone are unique in neither. Where no ARN says where the resource is, its provider does, and a call from
        where another provider of this root works is on a resource of that one.
        """
        parts = _arn(resource)
        if parts:
            return bool(
                (parts[3] and region and region != parts[3])
                or (parts[4].isdigit() and account and account != parts[4])
            )
        own = self._of_alias.get(resource.alias) if resource.alias is not None else None
        if own is None:
            return False
        others = [place for alias, place in self._of_alias.items() if alias != resource.alias]
        if own.account and account != own.account and any(place.account == account for place in others):
            return True
        if resource.type.startswith(_NO_REGION) or not own.region or region == own.region:
            return False
        return any(place.region == region for place in others)

    def places(self) -> frozenset[Place]:
        """Every account and region that the root works in. An empty account is that of the session, and so is an
        empty region: nothing tells."""
        arns = {_place_of_arn(resource).account for resource in self._resources} - {""}
        # Where no provider block says whose it is, what has no account in its ARN is where the rest is.
        usual = min(arns) if len(arns) == 1 else ""
        found = {*self._of_alias.values(), *(self._place(resource, usual) for resource in self._resources)}
        return frozenset({place for place in found if place.region} or found or {Place("", "")})

    def _place(self, resource: StateResource, usual: str) -> Place:
        arn, region = _place_of_arn(resource), resource.attributes.get("region")
        own = self._of_alias.get(resource.alias or "", Place(usual, ""))
        named = region if isinstance(region, str) else ""
        return Place(arn.account or own.account, arn.region or named or own.region)


def _account(provider: Provider, stated: set[str]) -> str:
    """Of those that a provider may work in, the one that its resources are in."""
    named = set(provider.accounts)
    held = (named & stated or named) if named else stated
    return min(held) if len(held) == 1 else ""
