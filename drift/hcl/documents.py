"""The JSON text that an `aws_iam_policy_document` data source makes of its blocks.

Source: hashicorp/aws documentation, "Data Source: aws_iam_policy_document".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lamplighter.drift.hcl.blocks import contents
from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, is_known
from lamplighter.drift.hcl.syntax import Body

POLICY_DOCUMENT = "aws_iam_policy_document"
_LISTS = {
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
_PRINCIPALS = {"principals": "Principal", "not_principals": "NotPrincipal"}
MERGED = ("source_policy_documents", "override_policy_documents")


def document(body: Body, scope: Scope) -> Any:
    """UNKNOWN where a part of it is, or where it is merged with other documents."""
    said = contents(body, scope)
    if not is_known(said) or any(said.get(name) for name in MERGED):
        return UNKNOWN
    head = {"Version": said.get("version") or "2012-10-17"}
    head |= {"Id": said["policy_id"]} if said.get("policy_id") else {}
    statements = said.get("statement")
    if not isinstance(statements, list) or not all(isinstance(item, Mapping) for item in statements):
        return UNKNOWN
    return json.dumps({**head, "Statement": [_statement(item) for item in statements]})


def _statement(block: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Sid": block["sid"]} if block.get("sid") else {}
    made["Effect"] = block.get("effect") or "Allow"
    made |= {name: _open(block[key]) for key, name in _LISTS.items() if block.get(key)}
    made |= {name: _principals(block[key]) for key, name in _PRINCIPALS.items() if block.get(key)}
    conditions: dict[str, dict[str, Any]] = {}
    for one in block.get("condition", []):
        tested = conditions.setdefault(str(one.get("test")), {})
        tested.setdefault(str(one.get("variable")), []).extend(_open(one.get("values") or []))
    return {**made, "Condition": conditions} if conditions else made


def _principals(blocks: list[Mapping[str, Any]]) -> Any:
    kinds: dict[str, list[Any]] = {}
    for block in blocks:
        kinds.setdefault(str(block.get("type")), []).extend(_open(block.get("identifiers") or []))
    return "*" if kinds == {"*": ["*"]} else kinds


def _open(values: Any) -> list[Any]:
    """`&{aws:username}` is how the data source writes a variable of IAM: `${...}` would be Terraform's own."""
    listed = values if isinstance(values, list) else [values]
    return [item.replace("&{", "${") if isinstance(item, str) else item for item in listed]
