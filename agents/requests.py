"""Plain language -> what is asked, by rules alone: domains, verb, objects and constraints, or a question back.

The request is data: nothing in it can name a command, a path to write or a mode wider than the session's. The
most it can do is to narrow: fewer domains, fewer findings, or no changes at all.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import resources
from operator import eq
from typing import Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict

from lamplighter.core.errors import InputError
from lamplighter.core.ports import AskModel

Domain = Literal["drift", "cluster", "nodes", "chat"]
Verb = Literal["investigate", "explain", "propose", "apply", "revert"]
_Meaning = TypeVar("_Meaning", bound=str)

MAX_REQUEST = 8000
"""Characters; a longer text is a pasted file, not a request."""

_TOKEN = re.compile(r"[\w./@:\[\]\"'-]+")
_SINCE = re.compile(r"\b(?:in the |the )?(?:last|past) (\d{1,4}) (minute|hour|day|week)s?\b")
_SINCE_DATE = re.compile(r"\bsince (\d{4}-\d{2}-\d{2})\b")
_ACTOR = re.compile(r"\b(?:by|did) (?!hand\b|the\b|any|some|we\b|you\b|it\b|i\b)([a-z][\w.@/+-]{1,80})")
_PORT = re.compile(
    r"\b(?:(?:ports?|open(?:ed|s|ing)?|expos(?:ed?|es|ing)) |(?:tcp|udp)[ /])(\d{1,5})\b(?! (?:drift|change|time|tag))"
)
_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


class _Vocabulary(BaseModel):
    """The schema of vocabulary.toml: meaning -> phrases, in ten tables, and words that mean nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domains: dict[Domain, tuple[str, ...]]
    verbs: dict[Verb, tuple[str, ...]]
    tools: dict[str, tuple[str, ...]]
    severities: dict[str, tuple[str, ...]]
    negations: dict[str, tuple[str, ...]]
    windows: dict[str, tuple[str, ...]]
    scopes: dict[str, tuple[str, ...]]
    common: tuple[str, ...]
    resources: dict[str, tuple[str, ...]]
    settings: dict[str, tuple[str, ...]]
    kinds: dict[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def vocabulary() -> _Vocabulary:
    """The checked vocabulary; raises pydantic's ValidationError when the file breaks its schema."""
    text = resources.files("lamplighter.agents").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return _Vocabulary.model_validate(tomllib.loads(text))


class Window(BaseModel):
    """A half-open interval [start, end), ISO 8601 in UTC; `said` is how the report words it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: str
    end: str
    said: str


class Parsed(BaseModel):
    """What a request asks for. With a `question` the parser abstains, and `options` are the answers it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domains: tuple[Domain, ...] = ()
    verb: Verb = "investigate"
    objects: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """Beginnings of the Terraform types that are meant, where no object is named."""
    settings: tuple[str, ...] = ()
    """What stands in the names of the settings that are meant."""
    actor: str = ""
    tool: str = ""
    severity: str = ""
    port: int | None = None
    world: bool = False
    """Only what is open to every address."""
    into_code: bool = False
    """The code is to say what is live, whatever would be proposed otherwise."""
    window: Window | None = None
    observe: bool = False
    reason: str = ""
    question: str = ""
    options: tuple[str, ...] = ()


def parse(
    text: str,
    *,
    now: datetime,
    inventory: Sequence[str] = (),
    place: str = "",
    ask: AskModel | None = None,
) -> Parsed:
    """`inventory` holds the names that exist (Terraform addresses); `now` is aware UTC; `place` is what the directory
    is called: a resource of that name is not meant by it, but by its kind or its address.

    Raises InputError on a text that is empty or longer than MAX_REQUEST characters.
    """
    if not text.strip():
        raise InputError("request", "empty", "say what to look at, e.g. 'what changed last night?'")
    if len(text) > MAX_REQUEST:
        raise InputError("request", f"{len(text)} characters, at most {MAX_REQUEST}", "ask in fewer words")
    lowered, tokens = _read(text)
    words = vocabulary()
    observe = bool(_meanings(words.negations, tokens))
    resources = _closest(words.resources, tokens)
    objects = _of_kind(_objects(tokens, inventory, place.lower()), resources)
    actor = _ACTOR.search(lowered)
    port = _PORT.search(lowered)
    parsed = Parsed(
        verb="investigate" if observe else _verb(tokens),
        objects=objects,
        resources=() if objects else resources,
        settings=_closest(words.settings, tokens),
        actor=actor.group(1).rstrip(".") if actor else "",
        tool=next(iter(_meanings(words.tools, tokens)), ""),
        severity=next(iter(_meanings(words.severities, tokens)), ""),
        port=int(port.group(1)) if port else None,
        world="world" in _meanings(words.scopes, tokens),
        into_code="code" in _meanings(words.scopes, tokens),
        window=_window(lowered, tokens, now),
        observe=observe,
    )
    return _with_domains(parsed, text, tokens, ask)


def may_name(text: str) -> bool:
    """Whether a thing that exists may be named in the request: it is more than small talk in words known here."""
    _, tokens = _read(text)
    said = {word for phrases in vocabulary().domains["chat"] for word in phrases.split()}
    return not said.issuperset(tokens)


def _read(text: str) -> tuple[str, list[str]]:
    """The text in lower case, and its tokens."""
    lowered = text.lower().replace("\u2019", "'")
    return lowered, [token.strip("'\":.").removesuffix("'s") for token in _TOKEN.findall(lowered)]


def _with_domains(parsed: Parsed, text: str, tokens: Sequence[str], ask: AskModel | None) -> Parsed:
    hits = _meanings(vocabulary().domains, tokens)
    found: list[Domain] = [domain for domain in get_args(Domain) if domain in hits]
    if (parsed.objects or parsed.world) and "drift" not in found:
        found.insert(0, "drift")
    if not found and (parsed.resources or parsed.settings or parsed.into_code):
        found.append("drift")
    if len(found) > 1 and "chat" in found:
        found.remove("chat")
    if found:
        named = "; ".join(
            f"{domain}: {', '.join(hits.get(domain) or parsed.objects or _implied(parsed))}"
            for domain in found
        )
        return parsed.model_copy(update={"domains": tuple(found), "reason": f"by the words {named}"})
    options = (*get_args(Domain), "abstain")
    choice = ask.choose(text, options) if ask else None
    if choice in get_args(Domain):
        return parsed.model_copy(
            update={"domains": (choice,), "reason": "a model's choice among the domains"}
        )
    return parsed.model_copy(
        update={
            "question": "What should I look at: the Terraform stack (drift), the cluster, or its nodes?",
            "options": ("drift", "cluster", "nodes"),
            "reason": "no word names a domain",
        }
    )


def _implied(parsed: Parsed) -> Sequence[str]:
    """What speaks of drift where no word of its own does."""
    return (
        parsed.resources or parsed.settings or (["into the code"] if parsed.into_code else ["to the world"])
    )


def _verb(tokens: Sequence[str]) -> Verb:
    hits = _meanings(vocabulary().verbs, tokens)
    for verb in vocabulary().verbs:
        if verb in hits:
            return verb
    return "investigate"


def _meanings(
    table: Mapping[_Meaning, Iterable[str]], tokens: Sequence[str], *, exact: bool = False
) -> dict[_Meaning, list[str]]:
    """Meaning -> its phrases that occur, in the table's order."""
    fits = eq if exact else alike
    hits: dict[_Meaning, list[str]] = {}
    for meaning, phrases in table.items():
        there = [phrase for phrase in phrases if _occurs(phrase.split(), tokens, fits)]
        if there:
            hits[meaning] = there
    return hits


def _occurs(phrase: Sequence[str], tokens: Sequence[str], fits: Callable[[str, str], bool]) -> bool:
    last = len(tokens) - len(phrase)
    return any(all(map(fits, phrase, tokens[at : at + len(phrase)])) for at in range(last + 1))


def alike(word: str, token: str) -> bool:
    """Whether `token` is `word`, give or take the typing errors its length allows."""
    if word == token:
        return True
    allowed = 2 if len(word) >= 8 else 1 if len(word) >= 5 else 0
    # A first letter is rarely mistyped, and demanding it keeps real words apart (patch, match).
    if not allowed or word[0] != token[:1] or abs(len(word) - len(token)) > allowed:
        return False
    return distance(word, token) <= allowed


def distance(a: str, b: str) -> int:
    """Optimal string alignment distance: insert, delete, replace, swap of neighbours, one each."""
    before, row = list[int](), list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        nxt = [i]
        for j, right in enumerate(b, 1):
            cost = min(row[j] + 1, nxt[j - 1] + 1, row[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, before[j - 2] + 1)
            nxt.append(cost)
        before, row = row, nxt
    return row[-1]


def _closest(table: Mapping[str, Iterable[str]], tokens: Sequence[str]) -> tuple[str, ...]:
    """The meanings of what is said: of `visibility timeout` the whole is meant, not every timeout."""
    hits = _meanings(table, tokens, exact=True)
    longer = {
        word for phrases in hits.values() for phrase in phrases if " " in phrase for word in phrase.split()
    }
    return tuple(name for name, phrases in hits.items() if not longer.issuperset(phrases))


def _of_kind(objects: tuple[str, ...], resources: Sequence[str]) -> tuple[str, ...]:
    """Of several things of one name those of the kind that is named too, where there are any: `the web instance`."""
    fitting = tuple(name for name in objects if is_of(without_keys(name).split(".")[-2], resources))
    return fitting or objects


def is_of(kind: str, resources: Sequence[str]) -> bool:
    """Whether a Terraform type is one of those that begin so."""
    return kind.startswith(tuple(resources))


def without_keys(address: str) -> str:
    """Without index keys, in lower case; the keys are quoted: dots in them do not separate."""
    return re.sub(r"\[[^\]]*\]", "", address.lower())


def _objects(tokens: Sequence[str], inventory: Sequence[str], place: str) -> tuple[str, ...]:
    """Addresses whose whole, type.name or name is written in the request, or a name with its kind: `web-sg`.

    A token that is an address with more than the inventory has, its module or an index, stands for itself.
    """
    known = _spoken()
    found: list[str] = []
    for address in inventory:
        bare = without_keys(address)
        kind, _, name = bare.rpartition(".")
        tail = ".".join(bare.split(".")[-2:])
        closer = [token for token in tokens if token != tail and without_keys(token).endswith(tail)]
        if closer and address.lower() not in closer:
            found += closer
            continue
        spellings = {address.lower(), bare, tail, *_with_kind(name, kind)}
        # Short names are common words as often as not: they must be spelt right, and mean nothing else here.
        by_name = len(name) >= 3 and name not in known and name != place
        spellings |= {name} if by_name else set()
        misspelt = (
            by_name and len(name) >= 4 and any(alike(name, token) for token in tokens if token != place)
        )
        if misspelt or spellings & set(tokens):
            found.append(address)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _spoken() -> frozenset[str]:
    """Every word that means something by itself."""
    words = vocabulary()
    tables = (
        words.domains, words.verbs, words.tools, words.severities, words.negations, words.windows, words.resources,
        words.settings, {"": words.common},
    )  # fmt: skip
    return frozenset(word for table in tables for phrases in table.values() for word in phrases)


def _with_kind(name: str, kind: str) -> Iterator[str]:
    short = vocabulary().kinds.get(kind.rpartition(".")[2], ())
    for word in short:
        for joint in "-_.":
            yield f"{name}{joint}{word}"
            yield f"{word}{joint}{name}"


def _window(lowered: str, tokens: Sequence[str], now: datetime) -> Window | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    if match := _SINCE.search(lowered):
        span = timedelta(seconds=int(match.group(1)) * _UNITS[match.group(2)])
        return _interval(now - span, now, match.group(0))
    if match := _SINCE_DATE.search(lowered):
        try:
            start = datetime.fromisoformat(match.group(1)).replace(tzinfo=now.tzinfo)
        except ValueError as error:
            raise InputError(match.group(1), "not a date", "write it as YYYY-MM-DD") from error
        return _interval(start, now, match.group(0))
    named = {
        "last_night": (midnight - timedelta(hours=6), midnight + timedelta(hours=6)),
        "since_yesterday": (midnight - day, now),
        "yesterday": (midnight - day, midnight),
        "today": (midnight, now),
        "last_week": (now - 7 * day, now),
    }
    hits = _meanings(vocabulary().windows, tokens)
    meaning = next((name for name in named if name in hits), None)
    return _interval(*named[meaning], meaning.replace("_", " ")) if meaning else None


def _interval(start: datetime, end: datetime, said: str) -> Window:
    form = "%Y-%m-%dT%H:%M:%SZ"
    first, last = start.strftime(form), end.strftime(form)
    return Window(start=first, end=last, said=f"{said}: {first} to {last}, UTC")
