"""Answers of LookupEvents that were saved one page a document: is every page's next one there too?

A page does not say which token it answers. But LookupEvents goes back in time ("the most recent event is listed
first", API reference, LookupEvents), so the next page of a region begins where this one ended, or earlier. Pages of two
unrelated questions in one folder can still pass for one answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable
from lamplighter.tools.cloudtrail import forms, records


class Page(NamedTuple):
    """`newest` and `oldest` are times of its events, empty for a page of none and for other kinds of answers."""

    path: Path
    region: str
    newest: str
    oldest: str
    has_next: bool


def page_of(path: Path, document: Any) -> Page | None:
    """None for a document that is neither an answer of LookupEvents nor says that there is more."""
    if not isinstance(document, dict):
        return None
    has_next = forms.has_next_page(document)
    events = document.get("Events")
    if not isinstance(events, list):
        return Page(path, "", "", "", True) if has_next else None
    texts = [event["CloudTrailEvent"] for event in events if _holds_text(event)]
    heads = [records.place(text.encode("utf-8", "surrogatepass")) for text in texts]
    times = [time for time, _ in heads if time]
    region = next((region for _, region in heads if region), "")
    return Page(path, region, max(times, default=""), min(times, default=""), has_next)


def _holds_text(event: object) -> bool:
    return isinstance(event, Mapping) and isinstance(event.get("CloudTrailEvent"), str)


def unfollowed(pages: Iterable[Page]) -> Iterator[InputError]:
    """One problem a folder and region that holds a page whose next page is not there."""
    groups: dict[tuple[Path, str], list[Page]] = defaultdict(list)
    for page in pages:
        groups[page.path.parent, page.region].append(page)
    for group in groups.values():
        group.sort(key=lambda page: (page.newest, page.oldest), reverse=True)
        ends = [page for page, after in pairwise([*group, None]) if page and _is_cut(page, after)]
        if ends:
            more = f" (and {len(ends) - 1} more)" if len(ends) > 1 else ""
            problem = f"is one page of several (it has a NextToken), and the next page is not there{more}"
            remedy = "fetch the other pages too; the AWS CLI does without --max-items and --no-paginate"
            yield InputError(printable(str(ends[0].path)), problem, remedy)


def _is_cut(page: Page, after: Page | None) -> bool:
    return page.has_next and (after is None or not page.oldest or after.newest > page.oldest)
