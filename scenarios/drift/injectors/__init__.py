"""What people do to a cloud, by real SDK calls: one injector for each kind of `kinds.toml`.

An injector gets the night (clients of the session at work, the seeded draw) and the resource it is aimed at. It says
nothing of what it changed: that is read from the cloud.
"""

from __future__ import annotations

from lamplighter.scenarios.drift.injectors import (
    compute,
    identity,
    messaging,
    network,
    quiet,
    storage,
    strays,
    tags,
)
from lamplighter.scenarios.drift.injectors.base import INJECTORS

MODULES = (compute, identity, messaging, network, quiet, storage, strays, tags)
__all__ = ["INJECTORS", "MODULES"]
