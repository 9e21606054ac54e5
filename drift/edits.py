"""The one exact edit that makes a plain literal in the code say what is live."""

from __future__ import annotations

import json
import math
import re
from typing import Any


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
