"""A plain literal that stands in the resource's own block is replaced by what is live."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.drift.edits import edit_of
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Candidate, FileEdits


def rules(item: DriftItem, code: Code) -> Iterator[Candidate]:
    """At most one candidate."""
    if item.address is None or item.action != "set":
        return
    place = code.project.locate(item.address, item.attribute)
    edit = edit_of(place, item.live_value, code.contents)
    if place is not None and edit is not None:
        yield Candidate("literal", (FileEdits(place.location.file, (edit,)),))
