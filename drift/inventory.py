"""The names that the code declares, for whoever matches words against them; read as the check itself reads code."""

from __future__ import annotations

from pathlib import Path

from lamplighter.core.ports import Names
from lamplighter.drift.hcl.modules import Module
from lamplighter.drift.hcl.syntax import HclSyntaxError, parse
from lamplighter.tools.terraform_files import read_code


def addresses(directory: Path) -> Names:
    """`type.name` of every resource of the root module and the local modules it calls, as each module names it.

    What cannot be read or parsed is in `left_out`. Raises InputError where no code can be read at all.
    """
    code = read_code(directory)
    left_out = [*code.problems, *code.not_read]
    # One table for all directories: which module a resource stands in makes no difference to its name.
    declared = Module("")
    for file in code.files:
        try:
            declared.add(parse(file.content, file.path))
        except HclSyntaxError as error:
            left_out.append(f"{directory / file.path}: {error}")
    return Names(tuple(sorted(f"{kind}.{name}" for kind, name in declared.resources)), tuple(left_out))
