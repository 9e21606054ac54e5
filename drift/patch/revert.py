"""The way back: a saved Terraform plan over exactly the drifted addresses, applied as it is once it is approved."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.errors import Refused, Unavailable
from lamplighter.core.operations import ApplySavedPlan, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.text import printable
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.model import Verdict
from lamplighter.drift.patch.proposal import Proposal
from lamplighter.drift.planned import PlannedFact, read_plan
from lamplighter.drift.proposals import brief, evidence_of, finding_of
from lamplighter.tools.terraform import Terraform

SCHEMA = "lamplighter/drift-revert/v1"


class Reverted(NamedTuple):
    """`plan` is None where nothing is to be reverted; `changes` is what its apply does; `left` what it leaves, why."""

    plan: Plan | None
    changes: tuple[PlannedFact, ...] = ()
    left: tuple[str, ...] = ()


def revert_plan(
    proposal: Proposal | None,
    root: Path,
    folder: Path,
    *,
    program: str = "terraform",
    seconds: float = 600.0,
    env: dict[str, str] | None = None,
) -> Reverted:
    """Plans with `-target` for each address decided to be reverted, into a file of `folder` that only this user reads.

    Raises Refused where that plan touches another address, destroys or replaces anything; Unavailable where
    Terraform does not make it, as in a directory that is not initialised.
    """
    decided = proposal.decisions if proposal is not None else ()
    items = [one.item for one in decided if one.verdict is Verdict.REVERT and one.item.address]
    left = [
        f"{one.item.resource_type} {one.item.resource_id}: no code holds it, so no plan can set it back"
        for one in decided
        if one.verdict is Verdict.REVERT and not one.item.address
    ]
    if not items:
        return Reverted(None, left=tuple(left))
    addresses = sorted({item.address for item in items if item.address})
    terraform = Terraform(root.absolute(), program=program, seconds=seconds, env=env)
    path = _private(folder)
    try:
        facts = _planned(terraform, path, addresses, items)
        _require_drifted(facts, items)
    except BaseException:  # reason: also on Ctrl-C the plan goes, which holds values in the clear
        path.unlink(missing_ok=True)
        raise
    if not facts:
        path.unlink(missing_ok=True)
        left += [f"{address}: Terraform finds it as the code says" for address in addresses]
        return Reverted(None, left=tuple(left))
    selected = terraform.workspace().data or ""
    return Reverted(_plan(items, addresses, facts, path, root, selected), tuple(facts), tuple(left))


def _planned(
    terraform: Terraform, path: Path, addresses: Sequence[str], items: Sequence[DriftItem]
) -> list[PlannedFact]:
    made = terraform.plan(path, targets=addresses)
    shown = terraform.show_json(path) if made.data is not None else None
    if shown is None or shown.data is None:
        raise Unavailable("terraform plan", (shown or made).problem)
    path.chmod(0o600)
    gone = {item.address for item in items if item.action == "delete" and item.address}
    _require_only(shown.data, addresses, gone)
    return [fact for fact in read_plan(shown.data).facts if fact.source == "change"]


def _require_only(document: dict[str, Any], addresses: Collection[str], gone: Collection[str]) -> None:
    """Judged on every change that the plan lists, also those that a reader of drift would leave out."""
    for entry in document.get("resource_changes", []):
        change = entry.get("change", {})
        actions = change.get("actions", [])
        address = printable(str(entry.get("address", "")), limit=300)
        if change.get("importing") or entry.get("previous_address", entry.get("address")) != entry.get(
            "address"
        ):
            raise Refused(address, "the way back would import or move it in the state", "apply that first")
        if actions in (["no-op"], ["read"]):
            continue
        if "delete" in actions or "forget" in actions:
            doing = "replace" if "create" in actions else "destroy"
            raise Refused(address, f"the way back would {doing} it", "set it back by hand")
        if "create" in actions and entry.get("address") not in gone:
            raise Refused(address, "the way back would create it, and nobody deleted it", "apply that first")
        if entry.get("address") not in addresses:
            raise Refused(
                address, "the way back would change it too", "name it as well, or set it back by hand"
            )
    if document.get("action_invocations"):
        raise Refused("terraform plan", "the way back would invoke actions", "apply by hand")
    for name, output in (document.get("output_changes") or {}).items():
        if output.get("actions") not in (["no-op"], None) and "delete" in output["actions"]:
            raise Refused(f"output {name}", "the way back would remove it", "apply by hand")


def _require_drifted(facts: Sequence[PlannedFact], items: Sequence[DriftItem]) -> None:
    """Code that was changed and never applied would go out with the way back of another attribute."""
    for fact in facts:
        own = [item.attribute for item in items if item.address == fact.address]
        # What is known only after the apply is the provider's answer to the rest, not what code says.
        if (
            fact.attribute
            and not fact.unknown
            and not any(_meet(fact.attribute, attribute) for attribute in own)
        ):
            raise Refused(
                f"{printable(fact.attribute, limit=200)} of {printable(fact.address, limit=300)}",
                "the way back would change it too, and it did not drift",
                "apply what the code says of it first, or set the drift back by hand",
            )


def _meet(one: str, other: str) -> bool:
    """Whether one attribute is the other, or in it; tags come with the provider's own."""
    left, right = (_steps(path) for path in (one, other))
    count = min(len(left), len(right))
    return left[:count] == right[:count]


def _steps(path: str) -> list[str]:
    steps = [step for step in path.split(".") if not step.isdecimal()]
    return ["tags", *steps[1:]] if steps[:1] == ["tags_all"] else steps


_KEPT_SECONDS = 8 * 24 * 3600
"""An approval lasts a week at most: a plan older than that is never applied, and holds values in the clear."""


def _private(folder: Path) -> Path:
    if folder.is_symlink():
        raise Refused(
            str(folder), "is a link, and plans hold values in the clear", "put a directory in its place"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for old in folder.glob("*.tfplan"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                old.unlink()
    return folder / f"{secrets.token_hex(12)}.tfplan"


def _plan(
    items: Sequence[DriftItem],
    addresses: Sequence[str],
    facts: Sequence[PlannedFact],
    path: Path,
    root: Path,
    workspace: str,
) -> Plan:
    version = hashlib.sha256(path.read_bytes()).hexdigest()
    operation = ApplySavedPlan(
        target=Target(context=str(root.resolve()), kind="terraform_plan", name=path.name, version=version),
        addresses=tuple(addresses),
        changes=tuple(_line(fact) for fact in facts),
        workspace=workspace,
    )
    resolves = tuple(dict.fromkeys(finding_of(item).id for item in items))
    evidence = sorted({piece.id for item in items for piece in evidence_of(item)})
    step = Step(id="apply-1", operation=operation, resolves=resolves)
    return Plan(
        steps=(step,), rationale="set what is live back to what the code says", evidence=tuple(evidence)
    )


def data(made: Reverted) -> dict[str, Any]:
    """Plain JSON."""
    return {
        "schema": SCHEMA,
        "plan": made.plan.digest if made.plan else None,
        "changes": [
            {"address": fact.address, "attribute": fact.attribute, "action": fact.action}
            | {"live": fact.before, "code": fact.after}
            for fact in made.changes
        ],
        "left": list(made.left),
    }


def text(made: Reverted) -> str:
    """For a terminal."""
    lines = ["nothing is to be reverted"] if made.plan is None else [f"plan {made.plan.digest}"]
    lines += [f"  {_line(fact)}" for fact in made.changes]
    return "\n".join([*lines, *(f"left: {printable(line)}" for line in made.left)])


def _line(fact: PlannedFact) -> str:
    """What an apply does to one attribute."""
    what = f"{fact.attribute} {brief(fact.before)} -> {brief(fact.after)}" if fact.attribute else fact.action
    return f"{printable(fact.address)}  {printable(what, limit=400)}"
