"""One JSON spelling for everything that is hashed or compared byte for byte."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no white space; raises ValueError on NaN and infinities."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def digest(value: Any) -> str:
    """sha256 (hex) over the canonical JSON of a plain JSON value."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def fingerprint(*parts: str) -> str:
    """A short stable identity (16 hex digits) of something named by `parts`, in that order."""
    return digest(list(parts))[:16]
