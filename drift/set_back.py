"""What was set back before, as the ledger has it: a drift that comes again after that is no news to whoever decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from lamplighter.core.ledger import Ledger
from lamplighter.core.operations import ApplySavedPlan


def set_back(ledger: Path, root: Path) -> Mapping[str, Sequence[str]]:
    """Claims of the steps that set a drift of this directory back, by the id of its finding (without what
    tells roots apart); empty without a ledger.

    Raises LedgerError for one that cannot be read.
    """
    found: dict[str, list[str]] = defaultdict(list)
    if not ledger.is_file():
        return found
    here = str(root.resolve())
    with Ledger.open(ledger) as opened:
        for claim, step in opened.done():
            if isinstance(step.operation, ApplySavedPlan) and step.operation.target.context == here:
                for finding in step.resolves:
                    found[finding.partition(".")[0]].append(claim)
    return found
