"""`import` blocks: what makes Terraform take a resource that is there into its state, instead of making another.

Source: "Import" of each resource in the documentation of the AWS provider (5.100), and "Import" of the Terraform
language documentation: such blocks stand in the root module, since Terraform 1.5.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.statements import Draft
from lamplighter.drift.patch.writing import block, hcl_literal

FILE = "imports.tf"


@cache
def forms() -> Mapping[str, str]:
    """How the id that `import` takes is made of a resource's attributes, by type."""
    text = files("lamplighter.drift.patch").joinpath("imports.toml").read_text("utf-8")
    return {kind: str(form) for kind, form in tomllib.loads(text)["form"].items()}


def import_id(kind: str, values: Mapping[str, Any]) -> str:
    """Empty where the form is not known, or a value that it needs is not."""
    form = forms().get(kind, "")
    names = [name for _, name, _, _ in string.Formatter().parse(form) if name]
    if not form or any(not isinstance(values.get(name), str | int) for name in names):
        return ""
    return form.format_map({name: str(values[name]) for name in names})


def imported(draft: Draft, to: str, kind: str, values: Mapping[str, Any]) -> str:
    """Adds the block for a new resource; returns what a reader should know where there can be none."""
    identity = import_id(kind, values)
    text = hcl_literal(identity) if identity else None
    if text is None:
        known = kind in forms()
        reason = "the trace does not tell its id" if known else "the form of its import id is not known here"
        return f"no import block for {to}, {reason}: without one, Terraform makes it again"
    if not takes_import_blocks(draft.code):
        return f"no import block for {to}: required_version allows Terraform before 1.5; import {identity} by hand"
    draft.append(FILE, block("import", (), [f"to = {to}", f"id = {text}"]))
    return ""


def takes_import_blocks(code: Code) -> bool:
    """Whether every Terraform that the root module's `required_version` allows knows `import` blocks; yes where it does
    not say.
    """
    said = [
        found[1].decode("utf-8", "replace")
        for path, content in code.contents.items()
        if "/" not in path
        and (found := re.search(rb'^\s*required_version\s*=\s*"([^"]*)"', content, re.MULTILINE))
    ]
    return not any(_below(constraint, (1, 5)) for constraint in said)


def _below(constraint: str, wanted: tuple[int, int]) -> bool:
    """Whether a constraint sets no least version that is as high as the wanted one."""
    least = [
        (int(major), int(minor or 0))
        for sign, major, minor in re.findall(r"(>=|~>|>|=|^|,)\s*v?(\d+)(?:\.(\d+))?", constraint)
        if sign != ","
    ]
    return bool(least) and max(least) < wanted
