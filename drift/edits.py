"""The one exact edit that makes a plain literal in the code say what is live."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from lamplighter.core.operations import ByteEdit
from lamplighter.core.redaction import holds_secret
from lamplighter.drift.model import CodeAttribute


def edit_of(code: CodeAttribute | None, live: Any, contents: Mapping[str, bytes]) -> ByteEdit | None:
    """None where no literal of its own stands there, or the value is none that HCL writes as one."""
    new = hcl_literal(live)
    if code is None or code.edit_range is None or new is None:
        return None
    start, end = code.edit_range
    old = contents[code.location.file][start:end].decode("utf-8", "replace")
    # An edit is kept and shown with the old text as well as the new, and code is no place for a secret.
    if holds_secret(old) or holds_secret(new):
        return None
    return ByteEdit(start=start, end=end, old=old, new=new)


def hcl_literal(value: Any) -> str | None:
    """A scalar as HCL writes it; None for what is not a scalar. Text is escaped, so it stays text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if math.isfinite(value) else None
    # `$${` as text of its own has no escape that every reader of HCL takes the same way.
    if isinstance(value, str) and value.isprintable() and not re.search(r"\$\$\{|%%\{", value):
        quoted = json.dumps(value, ensure_ascii=False)
        return quoted.replace("${", "$${").replace("%{", "%%{")
    return None
