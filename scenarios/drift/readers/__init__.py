"""Read managed resources back from the cloud, in the provider's terms.

A reader takes the state's attributes of a resource (to know which one it is) and answers with the attributes as they
are in the cloud now, or None when it is gone. Only what a reader names is compared; on an untouched cloud every value
must equal the state's, which the tests hold for each project.
"""

from __future__ import annotations

from lamplighter.scenarios.drift.readers.base import READERS, Cloud, Policy, Whole, compared, reads
from lamplighter.scenarios.drift.readers.compute import COMPUTE
from lamplighter.scenarios.drift.readers.identity import IDENTITY
from lamplighter.scenarios.drift.readers.network import NETWORK
from lamplighter.scenarios.drift.readers.services import SERVICES
from lamplighter.scenarios.drift.readers.storage import STORAGE

MODULES = (COMPUTE, IDENTITY, NETWORK, SERVICES, STORAGE)
__all__ = ["MODULES", "READERS", "Cloud", "Policy", "Whole", "compared", "reads"]
