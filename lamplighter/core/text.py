"""Makes text from outside harmless for the place where it is shown.

Names, messages and trace fields come from whoever could write them: they may hold terminal escapes,
bidirectional overrides, CI workflow commands or markup, and secrets. Every surface passes them through here.
"""

from __future__ import annotations

import re
import unicodedata

from lamplighter.core.redaction import redact

# Cc: controls; Cf: format characters, among them the bidirectional overrides; Cs: lone surrogates;
# Zl/Zp: line and paragraph separators, which some terminals and log viewers break lines at.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# GitHub's runner, Azure Pipelines and TeamCity obey these wherever they stand in a line of a job's log.
_CI_COMMAND = re.compile(r"#(?=#(?:\[|vso\[|teamcity\[))", re.IGNORECASE)
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~@-])")


def printable(text: str, *, limit: int = 2000) -> str:
    """`text` on one line with every control, format and bidirectional character as a visible escape, and no secret.

    What a CI runner would obey within a line (`##[group]`, `##vso[`, `##teamcity[`) is broken by an escape too.
    `limit` is in characters; what is cut is counted in the result.
    """
    # Before anything is cut or escaped: half a secret, or an escaped one, would not be recognised.
    text = redact(text)
    cut = len(text) - limit
    shown = text[:limit] if cut > 0 else text
    if not shown.isascii() or not shown.isprintable():
        shown = "".join(_escape(char) for char in shown)
    shown = _CI_COMMAND.sub(r"\\x23", shown)
    return f"{shown}... ({cut} more characters)" if cut > 0 else shown


def _escape(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE_CATEGORIES:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def log_line(text: str, *, limit: int = 2000) -> str:
    """Like `printable`, and never read as a CI workflow command (`::error::` at the start of a line)."""
    shown = printable(text, limit=limit)
    # GitHub Actions trims leading white space before it looks for the colons.
    body = shown.lstrip()
    if body.startswith("::"):
        return shown[: len(shown) - len(body)] + "\\" + body
    return shown


def json_line(text: str) -> str:
    """JSON in which nothing stands that a CI runner would obey; it says the same."""
    return _CI_COMMAND.sub(r"\\u0023", text)


def markdown(text: str, *, limit: int = 2000) -> str:
    """Like `printable`, with Markdown and mention characters escaped."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", printable(text, limit=limit))
