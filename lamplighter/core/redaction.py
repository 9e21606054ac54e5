"""Takes secrets out of text before it is stored. Each is replaced by a typed placeholder.

The patterns are those of published credential formats; a secret of no known form is not recognised.
"""

from __future__ import annotations

import re

_KEYWORD = r"(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key)"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        "<private-key>",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "<aws-access-key>"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), "<jwt>"),
    (re.compile(r"\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}"), "<github-token>"),
    (re.compile(r"\bxox[abeoprs]-[\w-]{10,}"), "<slack-token>"),
    (re.compile(r"\bsk-[\w-]{20,}"), "<api-key>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+(?!<)[\w.~+/=-]{8,}"), r"\1 <credential>"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@"), r"\1<credentials>@"),
    (
        re.compile(rf"""(?i)(\b\w*{_KEYWORD}["']?\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|(?!<)[^\s"',;&]+)"""),
        r"\1<secret>",
    ),
)


def redact(text: str) -> str:
    """`text` with every recognised secret replaced; redacting twice changes nothing more."""
    for pattern, placeholder in _PATTERNS:
        text = pattern.sub(placeholder, text)
    return text
