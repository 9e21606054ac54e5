"""Who made a call, and whether it can be drift: each record gets an origin, with the reason for it, and an actor."""

from __future__ import annotations

from lamplighter.drift.trace.actors import actor_of
from lamplighter.drift.trace.classify import ANYONE, Classified, Owners, classify

__all__ = ["ANYONE", "Classified", "Owners", "actor_of", "classify"]
