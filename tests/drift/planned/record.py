"""Records the plans of both projects: `python -m tests.drift.planned.record [DIRECTORY]`, the test data by default.

Needs Terraform, a provider mirror and some minutes. What is kept of a plan is what the pure functions read.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lamplighter.drift.provider_schema import trimmed
from lamplighter.scenarios.drift.worlds import forked
from tests.drift.planned.changes import change_payments, change_shadows
from tests.drift.planned.test_recorded_plans import CASES
from tests.drift.planned.world import DATA, World, applied

CHANGES: dict[str, Callable[[World], None]] = {"payments": change_payments, "shadows": change_shadows}
_KEPT = ("format_version", "terraform_version", "resource_drift", "resource_changes", "complete", "errored")


def kept(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan without code, variables, planned values and what does not change; of the state, what is set."""
    document = {key: value for key, value in plan.items() if key in _KEPT}
    changes = document.get("resource_changes", [])
    document["resource_changes"] = [item for item in changes if item["change"]["actions"] != ["no-op"]]
    for item in (*document["resource_changes"], *document.get("resource_drift", [])):
        _drop_unset(item["change"])
    document["prior_state"] = _set(plan.get("prior_state", {}))
    return document


def _drop_unset(change: dict[str, Any]) -> None:
    """Takes out attributes that are set neither before nor after."""
    before, after = change.get("before") or {}, change.get("after") or {}
    for name in {*before, *after}:
        if before.get(name) == after.get(name) and before.get(name) in (None, "", [], {}):
            before.pop(name, None)
            after.pop(name, None)


def _set(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _set(item) for key, item in value.items() if item not in (None, "", [], {})}
    return [_set(item) for item in value] if isinstance(value, list) else value


def types(*plans: Mapping[str, Any]) -> set[str]:
    return {
        item["type"]
        for plan in plans
        for key in ("resource_drift", "resource_changes")
        for item in plan.get(key, [])
    }


def write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")


def record(folder: Path) -> None:
    used: set[str] = set()
    schemas: dict[str, Any] = {}
    for name, change in CHANGES.items():
        with tempfile.TemporaryDirectory() as scratch, applied(name, Path(scratch)) as world:
            plans = {"applied": world.plan()}
            change(world)
            plans |= {"changed": world.plan(), "changed-normal": world.plan("normal")}
            for label, plan in plans.items():
                write(folder / f"{name}-{label}.json", kept(plan))
            used |= types(*plans.values())
            schemas = world.schemas()
    write(folder / "schema.json", trimmed(schemas, used))
    for case in CASES:
        # There is one cloud in a process: each case has a fork of its own.
        forked(partial(record_case, case, folder))


def record_case(name: str, folder: Path) -> None:
    """The plan of a drift scenario's cloud, of the resources that it lists alone."""
    from lamplighter.scenarios.drift.live import drifted_cloud
    from lamplighter.scenarios.drift.schema import scenario
    from lamplighter.scenarios.world import MIRROR_VARIABLE
    from lamplighter.tools.terraform import Terraform

    mirror = Path(os.environ[MIRROR_VARIABLE])
    with tempfile.TemporaryDirectory() as scratch, drifted_cloud(scenario(name), Path(scratch), mirror) as it:
        terraform = Terraform(it.code, env=it.environment, seconds=300)
        terraform.init()
        plan = terraform.planned().data
    assert plan is not None
    write(folder / f"{name}.json", {**kept(plan), "prior_state": {}})


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
