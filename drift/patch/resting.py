"""What cannot be computed and refers to what changes, directly or by locals, variables, outputs and data sources."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from lamplighter.drift.hcl.declared import module_instances
from lamplighter.drift.hcl.evaluate import is_known
from lamplighter.drift.hcl.modules import Module, local_source
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.referred import Changed, mentions, reference_to, references
from lamplighter.drift.patch.written import META, REPEATS, around_of, text_of


class _Name(NamedTuple):
    directory: str
    base: str
    attribute: str = ""


class Resting:
    """What of the code rests on what is changed, as written."""

    def __init__(self, code: Code, changed: Changed) -> None:
        self._code = code
        self._root = code.project.root
        self._patterns: dict[str, list[tuple[re.Pattern[str], Collection[str]]]] = defaultdict(list)
        known: set[_Name] = set()
        for directory in self._root.modules:
            self._patterns[directory] += references(changed).values()
        while (
            new := {name for module in self._root.modules.values() for name in self._resting(module)} - known
        ):
            known |= new
            for name in new:
                names = (name.attribute,) if name.attribute else ()
                self._patterns[name.directory].append((reference_to(name.base), names))

    def uncounted(self) -> str:
        """A block of which it cannot be computed how many instances it has, and which rests on what changes."""
        for instance in module_instances(self._root, self._code.written.stored):
            module = instance.module
            blocks = [(".".join(key), block) for key, block in module.resources.items()]
            blocks += [(f"module.{name}", block) for name, block in module.calls.items()]
            for name, block in blocks:
                texts = [text_of(block.body, one) for one in REPEATS]
                if (
                    any(self._rests(module.directory, text) for text in texts)
                    and instance.keys(block) is None
                ):
                    what = f"how many instances {instance.prefix}{name} has"
                    return f"{what} rests on what changes, and cannot be computed here"
        return ""

    def untold(self) -> Iterator[str]:
        """Notes of the values that cannot be computed and rest on what changes."""
        written = self._code.written
        for address, said in written.instances.items():
            directory = posixpath.dirname(said.file)
            for name, text in said.texts.items():
                if self._rests(directory, text):
                    yield f"not derived: {name} of {address} refers to what changes"
        for instance in module_instances(self._root, written.stored):
            for of, body in around_of(instance):
                for name, value in written.around.get(of, {}).items():
                    if not is_known(value) and self._rests(instance.module.directory, text_of(body, name)):
                        yield f"not derived: {name} of {of} refers to what changes"

    def _rests(self, directory: str, text: str) -> bool:
        return any(mentions(text, pattern, names) for pattern, names in self._patterns[directory])

    def _resting(self, module: Module) -> Iterator[_Name]:
        here = module.directory
        for name, local in module.locals.items():
            if self._rests(here, local.expression.text):
                yield _Name(here, f"local.{name}")
        for (kind, name), block in module.data.items():
            said = {*block.body.attributes, *(inner.type for inner in block.body.blocks)} - {*META}
            if any(self._rests(here, text_of(block.body, one)) for one in said):
                yield _Name(here, f"data.{kind}.{name}")
        for name, block in module.calls.items():
            target = local_source(block, here)
            for argument, attribute in block.body.attributes.items():
                if argument not in META and self._rests(here, attribute.expression.text):
                    read = target is not None and target in self._root.modules
                    yield _Name(target or "", f"var.{argument}") if read else _Name(here, f"module.{name}")
            child = self._root.modules.get(target) if target is not None else None
            for output in child.outputs.values() if child is not None else ():
                if self._rests(target or "", text_of(output.body, "value")):
                    yield _Name(here, f"module.{name}", output.labels[0])
