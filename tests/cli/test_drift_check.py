"""`lamp drift check` on the sample: its forms, its codes, and what it may load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lamplighter.scenarios.bench_cli import SAMPLE_CHECK, heavy_imports
from lamplighter.scenarios.world import MIRROR_VARIABLE
from tests.command import lamp


def test_the_sample_is_checked_without_anything_heavy() -> None:
    assert heavy_imports(SAMPLE_CHECK) == []


def test_the_json_report_is_the_same_twice_and_holds_its_code(tmp_path: Path) -> None:
    first, second = (lamp(tmp_path, *SAMPLE_CHECK, "--json") for _ in range(2))
    report = json.loads(first.stdout)
    assert first.stdout == second.stdout
    assert report["schema"] == "lamplighter/drift-report/v1"
    assert report["exit_code"] == first.code
    assert len({row["id"] for row in report["findings"]}) == len(report["findings"]) > 0


def test_each_form_goes_where_it_was_sent(tmp_path: Path) -> None:
    done = lamp(tmp_path, *SAMPLE_CHECK, "-o", "json=a.json", "-o", "markdown=a.md", "-o", "jsonl=a.jsonl")
    report = json.loads((tmp_path / "a.json").read_text())
    assert b"aws_security_group.web" in done.stdout
    assert (tmp_path / "a.md").read_text().startswith("**")
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert rows == report["findings"]


def test_a_saved_plan_can_be_shown_by_the_digest_in_the_report(tmp_path: Path) -> None:
    report = json.loads(lamp(tmp_path, *SAMPLE_CHECK, "--save-plan", "--json").stdout)
    shown = lamp(tmp_path, "plan", "show", report["plan"], "--json")
    assert shown.code == 0
    assert json.loads(shown.stdout)["digest"] == report["plan"]


def test_fail_on_lets_findings_pass(tmp_path: Path) -> None:
    done = lamp(tmp_path, *SAMPLE_CHECK, "--fail-on", "never", "--json")
    report = json.loads(done.stdout)
    assert report["findings"] and not report["incomplete"]
    assert done.code == report["exit_code"] == 0
    assert lamp(tmp_path, *SAMPLE_CHECK).code == 2


def test_no_trace_is_wrong_usage(tmp_path: Path) -> None:
    done = lamp(tmp_path, "drift", "check", SAMPLE_CHECK[2])
    assert done.code == 64
    assert b"--trace" in done.stderr


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("drift-report", (*SAMPLE_CHECK, "--json")),
        ("eval", ("eval", "drift", "--stage", "detect", "--sample", "2", "--json")),
    ],
)
def test_what_is_printed_is_what_the_schema_says(tmp_path: Path, name: str, command: tuple[str, ...]) -> None:
    schema = json.loads(lamp(tmp_path, "schema", "print", name).stdout)
    printed = json.loads(lamp(tmp_path, *command, **{MIRROR_VARIABLE: ""}).stdout)
    assert printed["schema"] == schema["properties"]["schema"]["const"]
    assert breaches(printed, schema, schema) == []


def breaches(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """The part of JSON Schema that our schemas use: types, keys, items and references."""
    if "$ref" in schema:
        return breaches(value, root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root, at)
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "null": type(None),
        "integer": int,
    }
    wanted = schema.get("type", [])
    names = [wanted] if isinstance(wanted, str) else wanted
    if names and not any(isinstance(value, kinds.get(name, (int, float))) for name in names):
        return [f"{at}: {type(value).__name__} is not {wanted}"]
    found: list[str] = []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{at}.{key} is missing" for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            other = schema.get("additionalProperties", True)
            if key not in known and other is False:
                found.append(f"{at}.{key} is unknown")
            inner = known.get(key) or (other if isinstance(other, dict) else {})
            found += breaches(item, inner, root, f"{at}.{key}")
    if isinstance(value, list):
        for number, item in enumerate(value):
            found += breaches(item, schema.get("items", {}), root, f"{at}[{number}]")
    return found
