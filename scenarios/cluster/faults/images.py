"""Which images there are: of a repository that a scenario names, the tags that it names and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lamplighter.scenarios.cluster.faults.schema import Json, Scenario


def repository(image: str) -> str:
    """An image without its tag and digest."""
    head, _, tail = image.partition("@")[0].rpartition("/")
    return f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]


def rules_of(scenario: Scenario) -> list[Json]:
    """The scenario's rules, before them one by which a tag that was made up is not found (`kubelet/behaviour.py`)."""
    body = scenario.model_dump(mode="json")
    parts = [body["objects"], body["timeline"], [repair["do"] for repair in body["repairs"]]]
    there = dict.fromkeys((*_images(parts), *scenario.images))
    if not there:
        return list(scenario.rules)
    named = "|".join(re.escape(image) for image in there)
    places = "|".join(
        re.escape(place) for place in dict.fromkeys((*map(repository, there), *scenario.allowed.images))
    )
    form = rf"^(?!(?:{named})$)(?:{places})(?::[^/]*)?(?:@.*)?$"
    return [{"image": form, "pull_error": "not found"}, *scenario.rules]


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key in ("image", "value"):  # of a container, and of a JSON patch to one
            text = value.get(key)
            if isinstance(text, str) and (key == "image" or str(value.get("path")).endswith("/image")):
                yield text
        for item in value.values():
            yield from _images(item)
    elif isinstance(value, list):
        for item in value:
            yield from _images(item)
