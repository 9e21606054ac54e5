"""A small project on disk: code, a state, and a trace of calls made by a person."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamplighter.drift import check_directory
from lamplighter.drift.check import DriftReport
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.state import StateRead, read_resources
from lamplighter.tools.terraform_files import StateFile

PROVIDER = 'provider["registry.terraform.io/hashicorp/aws"]'


def resource(
    kind: str, name: str, attributes: Mapping[str, Any], *, key: str | int | None = None, **more: Any
) -> dict[str, Any]:
    """One resource with one instance, as a state of version 4 has it; `more` are fields of the instance."""
    instance = {"attributes": dict(attributes), **more}
    if key is not None:
        instance["index_key"] = key
    module = instance.pop("module", None)
    entry = {"mode": "managed", "type": kind, "name": name, "provider": PROVIDER, "instances": [instance]}
    return entry if module is None else {**entry, "module": module}


def state_document(*resources: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": 4, "terraform_version": "1.9.0", "serial": 1, "resources": list(resources)}


def resources_of(document: Mapping[str, Any], form: str = "v4") -> StateRead:
    return read_resources(StateFile("state", "v4" if form == "v4" else "show", dict(document)))


def project(files: Mapping[str, str], variables: Mapping[str, str] | None = None, **more: Any) -> Project:
    """`files` and `variables` by path, as text."""
    pairs = [(path, text.encode()) for path, text in files.items()]
    return Project(pairs, [(path, text.encode()) for path, text in (variables or {}).items()], **more)


_NUMBERS = itertools.count(1)


def call(name: str, parameters: Mapping[str, Any], *, minute: int = 0, **fields: Any) -> dict[str, Any]:
    """A record of `service:Action`, made by a person with the command line tool."""
    service, _, action = name.partition(":")
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "userName": "alice",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
        },
        "eventTime": f"2026-03-01T10:{minute:02}:00Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": action,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.1",
        "userAgent": "aws-cli/2.31.4",
        "requestParameters": dict(parameters),
        "responseElements": None,
        "readOnly": False,
        "eventID": f"00000000-0000-4000-8000-{next(_NUMBERS):012}",
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        **fields,
    }


def check(
    folder: Path,
    code: Mapping[str, str],
    resources: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
) -> DriftReport:
    """Writes the three under `folder` and checks them."""
    for path, text in code.items():
        target = folder / "code" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    (folder / "code" / "terraform.tfstate").write_text(json.dumps(state_document(*resources)))
    (folder / "trace.json").write_text(json.dumps({"Records": list(calls)}))
    return check_directory(folder / "code", [folder / "trace.json"])


def drifts(report: DriftReport) -> list[tuple[str, str, str, Any, Any]]:
    """(where, attribute, action, code, live) of each finding."""
    rows = [(finding.where, finding.details) for finding in report.findings]
    return [(where, item["attribute"], item["action"], item["code"], item["live"]) for where, item in rows]
