"""Takes secrets out of text and plain JSON before they are shown or stored; each becomes a typed mark.

`Finding`, `Evidence`, events and errors pass through here when they are made, shown text in `core/text.py` once more:
no surface does it by itself. The forms are those of published credential formats and of names that say what they
hold; a secret of no known form under a harmless name is not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_NAME = (
    r"(?:password|passwd|pwd|passphrase|secret|token"
    r"|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|secret[_-]?key)"
)
_NAME_HINTS = ("passw", "pwd", "passphrase", "secret", "token", "key")
_SECRET_NAME = re.compile(rf"{_NAME}$", re.IGNORECASE)
_STAND_IN = re.compile(r"(?:env|file):\S*|<[a-z-]+>|\(sensitive\)")
"""What stands for a secret without being one."""


class _Form(NamedTuple):
    """One kind of secret. A text that has none of `hints` in it, whatever their case, is not searched for it.

    No pattern may look far ahead from each place it could start at: text from outside can be long, and made for that.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    mark: str | Callable[[re.Match[str]], str]


def _quoted(found: re.Match[str]) -> str:
    quote = found[2] or found[3] or found[4] or ""
    return f"{found[1]}{quote}<secret>{quote}"


def _varied(found: re.Match[str]) -> str:
    """An AWS secret access key is 40 characters of base64. By itself it is told from names, paths and hex by variety:
    40 random ones have about 30 different characters (fewer than 24 once in 250), 40 of a path about 20.
    """
    kinds = (str.isupper, str.islower, str.isdigit)
    varied = all(any(map(kind, found[0])) for kind in kinds) and len(set(found[0])) >= 24
    return "<aws-secret-key>" if varied else found[0]


_FORTY = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")
_FORMS = (
    _Form(
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
        "<private-key>",
    ),
    _Form(("akia", "asia"), _ACCESS_KEY, "<aws-access-key>"),
    _Form(("eyj",), re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), "<jwt>"),
    _Form(
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}"),
        "<github-token>",
    ),
    _Form(("glpat-",), re.compile(r"\bglpat-[\w-]{20,}"), "<gitlab-token>"),
    _Form(("xox", "xapp-"), re.compile(r"\bx(?:ox[abeoprs]|app)-[\w-]{10,}"), "<slack-token>"),
    _Form(
        ("hooks.slack.com",),
        re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]{10,}"),
        r"\1<slack-token>",
    ),
    _Form(
        ("sk-", "k_live_", "k_test_", "aiza", "hvb.", "hvs.", "hvr.", "npm_"),
        re.compile(
            r"\bsk-[\w-]{20,}|\b[rs]k_(?:live|test)_\w{16,}|\bAIza[\w-]{35}|\bhv[bsr]\.[\w-]{20,}|\bnpm_\w{36}\b"
        ),
        "<api-key>",
    ),
    # The name of a scheme is followed by prose too ("basic monitoring"): a credential has a digit, a sign or length.
    _Form(
        ("bearer", "basic"),
        re.compile(r"(?i)\b(bearer|basic)\s+(?!<)(?=\S{0,200}\d|\w+[.~+/=_]\w|\S{24})[\w.~+/=-]{8,}"),
        r"\1 <credential>",
    ),
    # One slash is what a path makes of two. Up to the last @ before the path; else, where no port stands, to the next:
    # some passwords hold a slash.
    _Form(
        (":/",),
        re.compile(
            r"(:/{1,3})[^\s/@:\[\]\"'<>]{0,256}:"
            r"(?:[^\s/?#\"'<>]{1,512}@|(?!\d{1,5}[/?#])[^\s@\"'<>]{1,512}@)"
        ),
        r"\1<credentials>@",
    ),
    _Form(
        ("sig",),
        re.compile(r"(?i)([?&](?:sig|x-amz-signature|x-goog-signature)=)(?!<)[^\s&\"'<>]+"),
        r"\1<signature>",
    ),
    # `name = value`, `"name": "value"`, also in JSON within JSON (`\"name\": \"value\"`). No value is what stands in
    # for one, null, nor the words that our own lines ("$DB_TOKEN: is not set") go on with.
    _Form(
        _NAME_HINTS,
        re.compile(
            rf"""(?ix)
            (\b\w*{_NAME}\\*["']?\s*[=:]\s*)
            (?:
                (") (?:[^"\\\n]|\\.)+ \\? (?:"|(?=\n)|\Z)
              | (') (?:[^'\\\n]|\\.)+ \\? (?:'|(?=\n)|\Z)
              | (\\+["']) [^\n]+? (?:\\+["']|(?=\n)|\Z)
              | (?!<[a-z-]+>(?:[\s"',;&\\]|\Z)|\(sensitive\)|(?:env|file):)
                (?!(?:null|none|true|false|is|are|has|holds|cannot|does|points|names)\b)
                [^\s"',;&\\]+
            )"""
        ),
        _quoted,
    ),
    # `{"name": "DB_PASSWORD", "value": "x"}`, in JSON that is itself a text.
    _Form(
        _NAME_HINTS,
        re.compile(
            rf"""(?ix)
            ("(?:name|key)\\*"\s*:\s*\\*"[^"\\]{{0,200}}{_NAME}\\*"\s*,\s*\\*"value\\*"\s*:\s*)(\\*")
            (?:[^"\\\n]|\\[^"])*? (?:\\*"|(?=\n)|\Z)"""
        ),
        r"\1\2<secret>\2",
    ),
)


_ANY_HINT = re.compile("|".join(sorted({re.escape(hint) for form in _FORMS for hint in form.hints})))


_PASSES = 8


def redact(text: str) -> str:
    """`text` with every recognised secret replaced; redacting twice changes nothing more.

    A mark may make a secret of what stands before it (`basic` and a URL), so it is gone over until nothing changes. No
    text that is not made for it needs more than three passes; one that is made for it costs eight at most.
    """
    for _ in range(_PASSES):
        before, text = text, _redacted_once(text)
        if text == before:
            break
    return text


def _redacted_once(text: str) -> str:
    lowered = text.lower()
    forty: str | Callable[[re.Match[str]], str] = _varied
    if _ANY_HINT.search(lowered):
        if _ACCESS_KEY.search(text):
            # Beside its access key a secret key is known by its length alone.
            forty = "<aws-secret-key>"
        for hints, pattern, mark in _FORMS:
            if any(hint in lowered for hint in hints):
                text = pattern.sub(mark, text)
    return _FORTY.sub(forty, text) if len(text) >= 40 else text


def holds_secret(text: str) -> bool:
    """Whether `redact` would take something out."""
    return redact(text) != text


def redact_value(value: Any, *, by_name: bool = True) -> Any:
    """Plain JSON in the same shape with each text in it redacted; `by_name` also what a name says to be secret.

    `{"db_password": "x"}` and `{"name": "DB_PASSWORD", "value": "x"}` are such names. What is no text stays as it is.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        secret = _secret_keys(value) if by_name else frozenset()
        return {
            redact(str(key)): _hidden(item) if key in secret else redact_value(item, by_name=by_name)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        items = [redact_value(item, by_name=by_name) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def _secret_keys(value: Mapping[Any, Any]) -> frozenset[Any]:
    keys = {key for key in value if _SECRET_NAME.search(str(key))}
    titles = [item for key, item in value.items() if str(key).lower() in ("name", "key")]
    if any(isinstance(title, str) and _SECRET_NAME.search(title) for title in titles):
        keys |= {key for key in value if str(key).lower() == "value"}
    return frozenset(keys)


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return "<secret>" if value and not _STAND_IN.fullmatch(value) else value
    return redact_value(value)
