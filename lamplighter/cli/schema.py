"""The hidden `lamp schema`: what commands read and print as JSON Schemas; the inner ones are the core's own models."""

from __future__ import annotations

from typing import Any

import click

from lamplighter.cli.output import to_json
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Severity

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXTS = {"type": "array", "items": {"type": "string"}}
_COUNT = {"type": "integer", "minimum": 0}


@click.group(hidden=True)
def schema() -> None:
    """Print the JSON schemas of what commands read and print."""


@schema.command("print")
@click.argument(
    "name",
    type=click.Choice(
        [
            "plan",
            "event",
            "policy",
            "config",
            "drift-report",
            "drift-roots",
            "drift-fix",
            "drift-revert",
            "eval",
        ]
    ),
)
def print_schema(name: str) -> Exit:
    """Print one schema as JSON."""
    click.echo(to_json(schema_of(name), indent=2))
    return Exit.CLEAN


def schema_of(name: str) -> dict[str, Any]:
    match name:
        case "plan":
            from lamplighter.core.plans import Plan

            return Plan.model_json_schema()
        case "policy":
            from lamplighter.core.policy import Policy

            return Policy.model_json_schema()
        case "config":
            from lamplighter.core.config import Config

            return Config.model_json_schema()
        case "drift-report":
            return drift_report()
        case "drift-roots":
            return drift_roots()
        case "drift-fix":
            return drift_fix()
        case "drift-revert":
            return drift_revert()
        case "eval":
            return evaluation()
        case _:
            from pydantic import TypeAdapter

            from lamplighter.core.events import Event

            return TypeAdapter[Any](Event).json_schema()


def drift_report() -> dict[str, Any]:
    """What `lamp drift check -o json` prints."""
    properties, definitions = _root_report()
    return _answer("lamplighter/drift-report/v1", properties) | {"$defs": definitions}


def drift_roots() -> dict[str, Any]:
    """What `lamp drift check --recursive -o json` prints: of each root what a report on it alone holds."""
    properties, definitions = _root_report()
    root = {
        **properties,
        "live": {**properties["live"], "type": ["object", "null"]},
        "coverage": {**properties["coverage"], "type": ["object", "null"]},
        "root": {"type": "string", "description": "its directory, relative to the one searched"},
        "workspace": {"type": "string"},
        "error": {"type": ["string", "null"], "description": "why it was not checked"},
        "exit_code": {"enum": [int(code) for code in Exit]},
    }
    severities: dict[str, Any] = dict.fromkeys(("info", "low", "medium", "high", "critical"), _COUNT)
    counts = dict.fromkeys(("roots", "checked", "drifts", "unmanaged"), _COUNT)
    whole = {
        "roots": {"type": "array", "items": _object(root)},
        "unmanaged": {**properties["findings"], "description": "in the state of no root that was checked"},
        "evidence": properties["evidence"],
        "not_checked": {**_TEXTS, "description": "what holds for all roots, or for none of them"},
        "incomplete": properties["incomplete"],
        "totals": _object({**counts, "severities": _object(severities)}),
    }
    return _answer("lamplighter/drift-roots/v1", whole) | {"$defs": definitions}


def _root_report() -> tuple[dict[str, Any], dict[str, Any]]:
    """(what is told of one root, definitions that it refers to)."""
    from pydantic.json_schema import models_json_schema

    from lamplighter.core.findings import Evidence, Finding

    _, definitions = models_json_schema([(Finding, "serialization"), (Evidence, "serialization")])
    place = {
        "account": {"type": "string", "description": "empty for records that name none"},
        "region": {"type": "string"},
        "events": {"type": "boolean", "description": "whether the trace holds an event of it"},
        "whole": {
            "type": "array",
            "items": _TEXTS,
            "description": "[since, until) over which all its calls were read, quiet or not",
        },
    }
    covered = {
        "accounts": _TEXTS,
        "regions": _TEXTS,
        "first": {"type": "string", "description": "ISO 8601, UTC; empty for an empty trace"},
        "last": {"type": "string", "description": "ISO 8601, UTC; empty for an empty trace"},
        "counts": {"type": "object", "additionalProperties": _COUNT},
        "applied": {
            "type": ["string", "null"],
            "description": "last Terraform call on a resource of this state; null where the trace has none",
        },
        "places": {"type": "array", "items": _object(place)},
        "declared": {
            **_TEXTS,
            "description": "ACCOUNT/REGION that count as covered and are not proven to be",
        },
    }
    live = {
        "source": {
            "type": "string",
            "enum": ["trace", "terraform", "terraform and trace"],
            "description": "where the live values of managed resources are from",
        },
        "version": {"type": ["string", "null"], "description": "of the Terraform that told them"},
    }
    properties = {
        "findings": {"type": "array", "items": {"$ref": "#/$defs/Finding"}},
        "evidence": {"type": "array", "items": {"$ref": "#/$defs/Evidence"}},
        "not_checked": _TEXTS,
        "incomplete": {"type": "boolean", "description": "what was not checked may hide drift"},
        "plan": {"type": ["string", "null"], "description": "digest of the plan that was kept (--save-plan)"},
        "live": _object(live),
        "coverage": _object(covered),
    }
    return properties, definitions["$defs"]


def drift_fix() -> dict[str, Any]:
    """What `lamp drift fix`, `ignore` and `import` print with `-o json`."""
    text, may_be = {"type": "string"}, {"type": ["string", "null"]}
    decision = {
        **dict.fromkeys(("finding", "where", "attribute", "change", "actor", "tool", "time", "reason"), text),
        "severity": {"enum": [severity.label for severity in Severity]},
        "decision": {"enum": ["codify", "revert", "ignore", "ask"]},
        "evidence": _TEXTS,
        "placed": {"type": "boolean", "description": "the code says it, once the patch is written"},
        "rule": may_be,
        "why_not": may_be,
    }
    properties = {
        "decisions": {"type": "array", "items": _object(decision)},
        "files": _TEXTS,
        "diff": {"type": "string", "description": "unified, paths relative to the directory; no secrets"},
        "verified_by_plan": {"type": "boolean", "description": "Terraform planned with exactly this patch"},
        "attempts": {**_COUNT, "description": "patches that Terraform planned with"},
        "tokens": {**_COUNT, "description": "of a model, where one was asked; 0 without one"},
        "notes": _TEXTS,
        "not_checked": _TEXTS,
        "plan": {"type": ["string", "null"], "description": "digest of the plan that writes the patch"},
    }
    whole = _answer("lamplighter/drift-fix/v1", properties)
    whole["properties"]["execution"] = {"type": "object", "description": "with --write: how each step ended"}
    return whole


def drift_revert() -> dict[str, Any]:
    """What `lamp drift revert` prints with `-o json`."""
    text = {"type": "string"}
    change = {"address": text, "attribute": text, "action": text, "live": {}, "code": {}}
    properties = {
        "plan": {"type": ["string", "null"], "description": "digest of the plan that applies the saved plan"},
        "changes": {"type": "array", "items": _object(change)},
        "left": _TEXTS,
    }
    return _answer("lamplighter/drift-revert/v1", properties)


def evaluation() -> dict[str, Any]:
    """What `lamp eval` and `lamp bench` print with `-o json`."""
    table = {
        "title": {"type": "string"},
        "columns": _TEXTS,
        "rows": {"type": "array", "items": {"type": "array"}},
    }
    properties = {
        "name": {"type": "string"},
        "metrics": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "a metric that could not be measured is absent",
        },
        "tables": {"type": "array", "items": _object(table)},
        "cases": _COUNT,
        "seeds": {"type": "array", "items": {"type": "integer"}},
        "sampled": {"type": "boolean"},
        "labels": _TEXTS,
        "machine": {"type": "string"},
        "seconds": {"type": "number"},
    }
    return _answer("lamplighter/eval/v1", properties)


def _answer(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    codes = {"enum": [int(code) for code in Exit]}
    whole = {**properties, "schema": {"const": name}, "exit_code": codes}
    return {"$schema": _DIALECT, "title": name, **_object(whole)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
