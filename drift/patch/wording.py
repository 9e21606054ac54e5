"""A value as the text that is to stand in one place, with references for the ids of managed resources."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from lamplighter.core.redaction import holds_secret
from lamplighter.drift.hcl.functions import json_encode
from lamplighter.drift.patch.provenance import Here
from lamplighter.drift.patch.references import to_attribute
from lamplighter.drift.patch.steps import Document, document_of
from lamplighter.drift.patch.writing import Reference, expression

_ID = re.compile(r"arn:.+|https?://.+|[a-z]+-[0-9a-f]{8,17}", re.DOTALL)
"""What can be nothing but the id, the ARN or the URL of one thing."""
_BREAKS = "\n\r\t"


def text_of(value: Any, here: Here, indent: str = "", *, document: bool = False) -> str | None:
    """None for what HCL cannot hold, and for a secret. With `document`, JSON text is written with jsonencode where that
    makes the same text, or where white space does not count."""
    if here.in_json:
        return json_text(value)
    if document and (content := document_of(value)) is not None and _may_be_encoded(value, content):
        inner = expression(_referring(content, here), indent)
        return f"jsonencode({inner})" if inner is not None else None
    return expression(_referring(value, here), indent)


def _may_be_encoded(text: str, content: Any) -> bool:
    try:
        return isinstance(text, Document) or json_encode(content) == text
    except ValueError:
        return False


def is_secret(value: Any) -> bool:
    """Whether any text in a value looks like a secret: code is no place for one."""
    if isinstance(value, Mapping):
        return any(is_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(is_secret(item) for item in value)
    return isinstance(value, str) and holds_secret(value)


def quoted(text: str) -> str | None:
    """Text between quotes, line breaks as escapes; None for what HCL has no sure way to hold."""
    return expression(_escaped(text))


def json_text(value: Any, indent: str | None = None) -> str | None:
    """JSON on one line, or spread over several that are indented by `indent`; None for what a template would read."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        value = {key: value[key] for key in _ordered(value)}
    text = json.dumps(value, ensure_ascii=False, indent=None if indent is None else 2)
    text = text.replace("\n", f"\n{indent}") if indent is not None else text
    return None if "${" in text or "%{" in text else text


def _referring(value: Any, here: Here) -> Any:
    """With a reference in place of each text that is the id or the ARN of a managed resource, or begins with an ARN."""
    if isinstance(value, Mapping):
        return {key: _referring(value[key], here) for key in _ordered(value)}
    if isinstance(value, list | tuple):
        return [_referring(item, here) for item in value]
    if not isinstance(value, str):
        return value
    if here.plain:
        return _escaped(value)
    found = _named(value, here)
    if found is None and value.startswith("arn:") and "/" in value:
        found = _beginning(value, here)
    return found or _escaped(value)


_POLICY = (
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
)


def _ordered(value: Mapping[str, Any]) -> list[str]:
    """The keys of a policy in the order in which people write them; of anything else as they are."""
    if not ({"Effect", "Statement"} & value.keys()):
        return [*value]
    return sorted(value, key=lambda key: _POLICY.index(key) if key in _POLICY else len(_POLICY))


def _named(value: str, here: Here) -> Reference | None:
    """Another resource that the text is the ARN or the id of, as it can be said here."""
    if not _ID.fullmatch(value):
        return None
    for attribute in ("arn", "id"):
        for resource in here.code.index.resources:
            if resource.attributes.get(attribute) == value and resource.address != here.address:
                found = to_attribute(here.code, here.modules, resource, attribute)
                if found is not None:
                    return found
    return None


def _beginning(value: str, here: Here) -> Reference | None:
    """`${aws_s3_bucket.x.arn}/*` for what lies under a managed resource."""
    front, slash, rest = value.partition("/")
    found = _named(front, here)
    if found is None or "${" in rest or "%{" in rest or '"' in rest or "\\" in rest:
        return None
    return Reference(f'"${{{found.text}}}{slash}{rest}"')


def _escaped(text: str) -> str | Reference:
    """Text with line breaks, which a plain literal has none of."""
    if not any(mark in text for mark in _BREAKS):
        return text
    plain = text
    for mark in _BREAKS:
        plain = plain.replace(mark, "")
    if not plain.isprintable() or "$${" in text or "%%{" in text:
        return text
    escaped = json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return Reference(escaped)
