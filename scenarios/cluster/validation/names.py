"""The forms of names, labels and keys, with the words of their refusals (k8s.io/apimachinery util/validation)."""

from __future__ import annotations

import re

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
CONFIG_KEY = r"[-._a-zA-Z0-9]+"
ENV_NAME = r"[ -<>-~]+"


def _regex(form: str, *examples: str) -> str:
    shown = ",  or ".join(f"'{example}'" for example in examples)
    return f"(e.g. {shown}, regex used for validation is '{form}')"


def label(text: str) -> str:
    """What is wrong with an RFC 1123 label, "" for nothing."""
    if len(text) > 63:
        return "must be no more than 63 bytes"
    if re.fullmatch(LABEL, text):
        return ""
    return (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
        f"end with an alphanumeric character {_regex(LABEL, 'my-name', '123-abc')}"
    )


def subdomain(text: str) -> str:
    """What is wrong with an RFC 1123 subdomain, "" for nothing."""
    if len(text) > 253:
        return "must be no more than 253 bytes"
    if re.fullmatch(SUBDOMAIN, text):
        return ""
    return (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
        f"start and end with an alphanumeric character {_regex(SUBDOMAIN, 'example.com')}"
    )


def label_1035(text: str) -> str:
    """What is wrong with an RFC 1035 label, "" for nothing."""
    if len(text) > 63:
        return "must be no more than 63 bytes"
    if re.fullmatch(LABEL_1035, text):
        return ""
    return (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        f"character, and end with an alphanumeric character {_regex(LABEL_1035, 'my-name', 'abc-123')}"
    )


def path_segment(text: str) -> str:
    """What is wrong with a name that only has to fit into a path, "" for nothing."""
    if text in (".", ".."):
        return f"may not be '{text}'"
    bad = next((mark for mark in "/%" if mark in text), None)
    return f"may not contain '{bad}'" if bad else ""


def qualified(text: str) -> str:
    """What is wrong with the key of a label or an annotation, "" for nothing."""
    prefix, slash, name = text.rpartition("/")
    if slash:
        if not prefix:
            return "prefix part must be non-empty"
        wrong = subdomain(prefix)
        if wrong:
            return f"prefix part {wrong}"
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return "name part must be no more than 63 bytes"
    if re.fullmatch(QUALIFIED, name):
        return ""
    return (
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        f"alphanumeric character {_regex(QUALIFIED, 'MyName', 'my.name', '123-abc')}"
    )


def label_value(text: str) -> str:
    """What is wrong with the value of a label, "" for nothing."""
    if len(text) > 63:
        return "must be no more than 63 bytes"
    form = f"({QUALIFIED})?"
    if re.fullmatch(form, text):
        return ""
    return (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
        f"start and end with an alphanumeric character {_regex(form, 'MyValue', 'my_value', '12345')}"
    )


def config_key(text: str) -> str:
    """What is wrong with a key of a ConfigMap or Secret, "" for nothing."""
    if len(text) > 253:
        return "must be no more than 253 bytes"
    if re.fullmatch(CONFIG_KEY, text) and text not in (".", ".."):
        return ""
    return (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
        f"{_regex(CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name')}"
    )
