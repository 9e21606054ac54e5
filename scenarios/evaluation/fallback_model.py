"""A scripted model: it answers right, wrong and malformed in stated shares, and counts tokens as a real one would.

It knows the right answers by another way than what is judged: edits that the complete rule set made, and the complete
catalogue. Of a question it reads what a model would be sent, and no more.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from lamplighter.core.ports import Completion
from lamplighter.drift import catalogue
from lamplighter.drift.asking import BYTES_A_TOKEN, tokens
from lamplighter.drift.catalogue.transforms import alternatives
from lamplighter.drift.patch.model import FileEdits

Kind = Literal["right", "wrong", "malformed"]
SHARES: Mapping[Kind, int] = {"right": 70, "wrong": 20, "malformed": 10}
"""Per cent of the answers."""


class Right(NamedTuple):
    """The right edit of one item, in the code as it was before any."""

    edits: tuple[FileEdits, ...]
    contents: Mapping[str, bytes]


@dataclass
class Scripted:
    """Serves `Complete`. `rights` are the current case's, by address, attribute and action."""

    seed: str
    case: str = ""
    rights: Mapping[tuple[str, str, str], Right] = field(default_factory=dict[tuple[str, str, str], Right])
    questions: int = 0
    tokens: int = 0
    largest: int = 0
    """Tokens of the largest question."""
    given: dict[tuple[str, str, str], Kind] = field(default_factory=dict[tuple[str, str, str], Kind])
    """What kind the last answer about each item of the case was."""

    def begin(self, case: str, rights: Mapping[tuple[str, str, str], Right]) -> None:
        self.case, self.rights, self.given = case, rights, {}

    def complete(
        self, instructions: str, material: str, schema: Mapping[str, Any], max_tokens: int
    ) -> Completion:
        """An edit, or a catalogue entry; JSON that is neither where the right one cannot be said."""
        data = json.loads(material.removeprefix("<data>").removesuffix("</data>"))
        draw = random.Random(f"{self.seed} {self.case} {material}")
        kind = _drawn(draw)
        text = self._entry(data, kind, draw) if "call" in data else self._edit(data, kind, draw)
        if kind == "malformed":
            text = malformed(text, draw)
        # What is longer than was allowed breaks off.
        text = text.encode()[: max_tokens * BYTES_A_TOKEN].decode(errors="ignore")
        asked, answered = tokens(instructions) + tokens(material), tokens(text)
        self.questions += 1
        self.tokens += asked + answered
        self.largest = max(self.largest, asked)
        return Completion(text, asked, answered)

    def _edit(self, data: Mapping[str, Any], kind: Kind, draw: random.Random) -> str:
        attribute = "" if data["attribute"] == "(the resource itself)" else data["attribute"]
        key = (data["address"], attribute, data["action"])
        self.given[key] = kind
        right = answer_of(self.rights[key], data["passages"]) if key in self.rights else None
        edits = wrong(right or [], data["passages"], draw) if kind == "wrong" else right
        return json.dumps({"edits": edits or []})

    def _entry(self, data: Mapping[str, Any], kind: Kind, draw: random.Random) -> str:
        entries = entries_of(data["call"], data["parameters"])
        if kind == "wrong":
            entries = wrong_entries(entries, data["attributes"], draw)
        return json.dumps({"event": data["call"], "entries": entries})


def _drawn(draw: random.Random) -> Kind:
    kinds: list[Kind] = ["right", "wrong", "malformed"]
    return draw.choices(kinds, [SHARES[kind] for kind in kinds])[0]


def answer_of(right: Right, passages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """The right edit in terms of what was shown; None where it lies outside of that."""
    answer: list[dict[str, Any]] = []
    for of_file in right.edits:
        left = list(of_file.edits)
        content = right.contents.get(of_file.file, b"")
        for shown in passages:
            span = _span(shown, content) if shown["file"] == of_file.file and "text" in shown else None
            if span is None:
                continue
            whole = [e for e in left if e.start <= span[0] and e.end >= span[1] and not e.new.strip()]
            inner = [e for e in left if span[0] <= e.start and e.end <= span[1]]
            if whole:
                answer.append({"passage": shown["passage"], "old": content[slice(*span)].decode(), "new": ""})
            elif inner:
                answer.append({"passage": shown["passage"], **_replacement(content, span, inner)})
            left = [edit for edit in left if edit not in (*whole, *inner)]
        declared = next((shown["passage"] for shown in passages if shown["is"] == "new variable"), None)
        for edit in left:
            if declared is None or edit.old or not edit.new.strip().startswith("variable "):
                return None
            answer.append({"passage": declared, "old": "", "new": edit.new.strip()})
    return answer


def _span(shown: Mapping[str, Any], content: bytes) -> tuple[int, int] | None:
    """Where a passage stands: it is told by its line, and ends with its last line."""
    text = shown["text"].encode()
    lines = content.splitlines(keepends=True)
    offset = sum(map(len, lines[: shown["line"] - 1]))
    first, last = text.split(b"\n")[0], text.split(b"\n")[-1]
    start = content.find(first, offset)
    if start < 0:
        return None
    if content.startswith(text, start):
        return start, start + len(text)
    end = content.find(b"\n" + last, start)
    return (start, end + 1 + len(last)) if end >= 0 else None


def _replacement(content: bytes, span: tuple[int, int], edits: Sequence[Any]) -> dict[str, str]:
    """Whole lines around the edits, as many as it takes to stand once in the passage."""
    start, end = min(edit.start for edit in edits), max(edit.end for edit in edits)
    inner = content[span[0] : span[1]]
    while True:
        start = max(span[0], content.rfind(b"\n", 0, max(start - 1, 0)) + 1)
        stop = content.find(b"\n", end)
        end = min(span[1], stop if stop >= 0 else len(content))
        old = content[start:end]
        if inner.count(old) == 1 or (start, end) == span:
            break
        end = min(span[1], end + 1)
    new, position = b"", start
    for edit in sorted(edits, key=lambda one: one.start):
        new += content[position : edit.start] + edit.new.encode()
        position = edit.end
    return {"old": old.decode(), "new": (new + content[position:end]).decode()}


def wrong(
    right: Sequence[Mapping[str, Any]], passages: Sequence[Mapping[str, Any]], draw: random.Random
) -> list[dict[str, Any]]:
    """An answer of the right form that says another thing: another value, or something besides."""
    besides = _besides(passages, right)
    choices: list[list[dict[str, Any]]] = [
        [{**edit, "new": _other_value(edit["old"], edit["new"])} for edit in right],
        [{**edit, "passage": 98} for edit in right],
        [*map(dict, right), *besides],
        _besides(passages, ()),
    ]
    # What happens to be right, or to be nothing, is no wrong answer.
    found = [choice for choice in choices if choice and choice != [*right]]
    return draw.choice(found) if found else []


def _other_value(old: str, new: str) -> str:
    """The first text or number that the edit brings in, as another one."""
    before = set(re.findall(r'"[^"]*"|\b\d+\b|\btrue\b|\bfalse\b', old))
    for found in re.finditer(r'"[^"]*"|\b\d+\b|\btrue\b|\bfalse\b', new):
        text = found[0]
        if text not in before:
            other = {"true": "false", "false": "true"}.get(text) or (
                f'"{text[1:-1]}x"' if text[0] == '"' else f"{int(text) + 1}"
            )
            return new[: found.start()] + other + new[found.end() :]
    return new


def _besides(
    passages: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Something else in a passage that was shown: its first assigned text is another one."""
    used = {edit["passage"] for edit in taken}
    for shown in passages:
        for found in re.finditer(r'^ *\w+ *= *"[^"$]+"$', str(shown.get("text", "")), re.MULTILINE):
            line = found[0]
            if shown["passage"] not in used and shown["text"].count(line) == 1:
                return [{"passage": shown["passage"], "old": line, "new": f'{line[:-1]}-other"'}]
    return []


def malformed(text: str, draw: random.Random) -> str:
    """What is no answer at all."""
    return draw.choice(
        [
            "I would set the attribute to the live value.",
            text[: len(text) // 2],
            json.dumps({"file": "../../etc/passwd", "content": text}),
            json.dumps({"edits": [{"passage": "1", "old": 1, "new": None}]}),
            json.dumps({"edits": [{"passage": 1, "old": "", "new": "x" * 50_000}]}),
        ]
    )


def entries_of(call: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the complete catalogue has of a call with these parameters, as far as an answer can say it."""
    found: list[dict[str, Any]] = []
    for event in catalogue.load().events.get(call, ()):
        effects = [
            {name: value for name, value in asdict(effect).items() if _is_said(name, value)}
            for effect in event.effects
            if effect.action != "create"
            and not (effect.version or effect.refers)
            and _is_about(effect.value, event.each, parameters)
        ]
        each = {"each": event.each} if event.each else {}
        if effects:
            identity = dict(event.identity)
            found.append({"types": [*event.types], "identity": identity, "effects": effects, **each})
    return found


def _is_said(name: str, value: Any) -> bool:
    """Whether a field is part of an answer: not where it has its default."""
    return value is not None if name == "constant" else bool(value) and name in _EFFECT


def _is_about(path: str, each: str, parameters: Mapping[str, str]) -> bool:
    """Whether a path leads to a parameter that the call has, or to none at all."""
    if not path or path.startswith("item"):
        return not each or any(name.startswith(_bare(each)) for name in map(_bare, parameters))
    names = {_bare(name) for name in parameters}
    wanted = [_bare(choice) for choice in alternatives(path)]
    return any(name == one or name.startswith(f"{one}.") for one in wanted for name in names)


def _bare(path: str) -> str:
    path = path.partition("|")[0].removeprefix("requestParameters.")
    return path.replace("[]", "").replace(".0.", ".").replace(".items", "").replace(".item", "")


_EFFECT = ("action", "attribute", "value", "spread", "optional", "key", "when")


def wrong_entries(
    entries: Sequence[Mapping[str, Any]], attributes: Mapping[str, Sequence[str]], draw: random.Random
) -> list[dict[str, Any]]:
    """Entries that say another attribute is set than is."""
    known = sorted({name for names in attributes.values() for name in names})
    found: list[dict[str, Any]] = []
    for entry in entries:
        effects = [{**effect, "attribute": draw.choice(known or ["id"])} for effect in entry["effects"]]
        found.append({**entry, "effects": effects})
    return found
