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
from itertools import pairwise
from operator import eq
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict

from lamplighter.core.errors import InputError
from lamplighter.core.ports import AskModel

Domain = Literal["drift", "cluster", "nodes", "chat"]
Verb = Literal["investigate", "explain", "propose", "apply", "revert"]
_Meaning = TypeVar("_Meaning", bound=str)

ACTING: frozenset[Verb] = frozenset({"propose", "apply", "revert"})

MAX_REQUEST = 8000
"""Characters; a longer text is a pasted file, not a request."""

_TOKEN = re.compile(r"[\w./@:\[\]\"'-]+")
_SINCE = re.compile(r"\b(?:in the |the )?(?:last|past) (\d{1,4}) (minute|hour|day|week)s?\b")
_SINCE_DATE = re.compile(r"\bsince (\d{4}-\d{2}-\d{2})\b")
_ACTOR = re.compile(
    r"\b(?:by|did) "
    r"(?!(?:hand|the|we|you|it|i|to|with|on|in|at|for|not|this|that|they|he|she|who|what|when)\b|any|some|every)"
    r"([a-z][\w.@/+-]{1,80})"
)
_DID = re.compile(
    r"\bwhat ([a-z][\w.@/+-]{1,80}) (?:did|changed|touched|opened|edited|modified|broke|made)\b"
)
_OWNS = re.compile(r"\b([a-z][\w.@/+-]{1,80})'s (?:[a-z]+ )?(?:changes?|drift|edits?)\b")
_PORT = re.compile(
    r"\b(?:(?:ports?|open(?:ed|s|ing)?|expos(?:ed?|es|ing)) |(?:tcp|udp)[ /])(\d{1,5})\b(?! (?:drift|change|time|tag))"
)
_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


class _Vocabulary(BaseModel):
    """The schema of vocabulary.toml: meaning -> phrases in tables, and lists of words that narrow or mean nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domains: dict[Domain, tuple[str, ...]]
    verbs: dict[Verb, tuple[str, ...]]
    tools: dict[str, tuple[str, ...]]
    severities: dict[str, tuple[str, ...]]
    negations: dict[str, tuple[str, ...]]
    windows: dict[str, tuple[str, ...]]
    scopes: dict[str, tuple[str, ...]]
    common: tuple[str, ...]
    small: tuple[str, ...]
    exceptions: tuple[str, ...]
    exclusions: tuple[str, ...]
    restated: tuple[str, ...]
    everything: tuple[str, ...]
    upwards: tuple[str, ...]
    downwards: tuple[str, ...]
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


class Named(BaseModel):
    """What is left out: addresses, beginnings of Terraform types, or parts of the names of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objects: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.objects, *(f"{name}*" for name in self.resources), *self.settings)


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
    severities: tuple[str, ...] = ()
    """Exactly these are meant; none where `severity` and what is above it are."""
    words: tuple[str, ...] = ()
    """Words that mean nothing here: what was found may be called so, and is meant then."""
    wanted: tuple[str, ...] = ()
    """Those of them that stand where a name stands: `the Schedule tag`. To act, one must be the name of something."""
    excluded: Named = Named()
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
    anew: bool = False
    """The question is to be answered by a whole request, which is not read together with this one."""

    @property
    def acts(self) -> bool:
        """Whether something is to be proposed or done, not only looked at."""
        return self.verb in ACTING and not self.observe


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
    lowered, every = _read(text)
    excluded = _exception(lowered, every, inventory, place.lower())
    tokens = _unrestated(_before_exception(every)[0] if excluded else every)
    question = _left_unclear(every, tokens, bool(excluded))
    parsed = _meant(lowered, tokens, now, inventory, place.lower())
    parsed = _with_domains(parsed.model_copy(update={"excluded": excluded or Named()}), text, every, ask)
    unclear = question or _unclear_severity(parsed, tokens)
    return parsed.model_copy(update=_ask_anew(unclear)) if unclear and "drift" in parsed.domains else parsed


def _meant(
    lowered: str, tokens: Sequence[str], now: datetime, inventory: Sequence[str], place: str
) -> Parsed:
    words = vocabulary()
    observe = bool(_meanings(words.negations, tokens))
    verb = "investigate" if observe else _verb(tokens)
    resources = _closest(words.resources, tokens)
    objects = _of_kind(_objects(tokens, inventory, place), resources)
    unknown = _unknown(tokens, inventory, place)
    actor = _actor(lowered, unknown)
    unknown = [word for word in unknown if word != actor]
    port = _PORT.search(lowered)
    severities = tuple(_meanings(words.severities, tokens))
    upwards = any(_occurs(phrase.split(), tokens, eq) for phrase in words.upwards)
    exactly = not upwards and (verb in ACTING or "only" in tokens)
    return Parsed(
        verb=verb,
        objects=objects,
        resources=() if objects else resources,
        settings=_closest(words.settings, tokens),
        actor=actor,
        tool=next(iter(_meanings(words.tools, tokens)), ""),
        # The table begins with the highest.
        severity=severities[-1] if severities else "",
        severities=severities if exactly else (),
        words=tuple(dict.fromkeys(unknown)),
        wanted=tuple(_wanted(tokens, unknown)),
        port=int(port.group(1)) if port else None,
        world="world" in _meanings(words.scopes, tokens),
        into_code="code" in _meanings(words.scopes, tokens),
        window=_window(lowered, tokens, now),
        observe=observe,
    )


def _actor(lowered: str, unknown: Sequence[str]) -> str:
    """Who is said to have done it; a word that means something else here is nobody."""
    if match := _ACTOR.search(lowered):
        return match.group(1).rstrip(".")
    said = (match.group(1) for form in (_DID, _OWNS) for match in form.finditer(lowered))
    return next((name for name in said if name in unknown), "")


def _unknown(tokens: Sequence[str], inventory: Sequence[str], place: str) -> list[str]:
    known = _known_words() | {place}
    return [
        token
        for token in tokens
        if len(token) > 1
        and not token.isdigit()
        and token not in known
        and not _objects([token], inventory, place)
    ]


def _wanted(tokens: Sequence[str], unknown: Sequence[str]) -> Iterator[str]:
    """Words beside a noun that they can only be the name of: `tag Schedule`, `the billing queue`, `module billing`."""
    words = vocabulary()
    before = {
        word for phrases in words.resources.values() for phrase in phrases for word in phrase.split()[:1]
    }
    for left, right in pairwise(tokens):
        if right in unknown and left in ("tag", "tags", "module"):
            yield right
        if left in unknown and right in before | {"tag", "tags", "module"}:
            yield left


@lru_cache(maxsize=1)
def _known_words() -> frozenset[str]:
    """Every word of the vocabulary, those of its phrases too."""
    words = vocabulary()
    lists = (words.common, words.small, words.exceptions, words.exclusions, words.upwards, words.downwards)
    phrases = {
        phrase
        for table in (*_tables(), words.kinds, *({"": one} for one in lists))
        for row in table.values()
        for phrase in row
    }
    return frozenset(word for phrase in phrases for word in phrase.split())


def _before_exception(tokens: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What stands before and after the first word that makes an exception; nothing after it where there is none."""
    phrases = [phrase.split() for phrase in vocabulary().exceptions]
    for at in range(len(tokens)):
        for phrase in phrases:
            end = at + len(phrase)
            if len(tokens[at:end]) == len(phrase) and all(map(alike, phrase, tokens[at:end])):
                return tokens[:at], tokens[end:]
    return tokens, ()


def _exception(lowered: str, tokens: Sequence[str], inventory: Sequence[str], place: str) -> Named | None:
    """What `everything except X` leaves out, where X is but names of one sort; None where it is not so plain."""
    before, after = _before_exception(tokens)
    if not before or not after:
        return None
    words = vocabulary()
    resources, settings = _closest(words.resources, after), _closest(words.settings, after)
    objects = _objects(after, inventory, place)
    hits = [*_meanings(words.resources, after, exact=True).values()]
    hits += _meanings(words.settings, after, exact=True).values()
    understood = {word for phrases in hits for phrase in phrases for word in phrase.split()}
    joining = {
        "and",
        "or",
        "the",
        "a",
        "an",
        "any",
        "all",
        "for",
        "our",
        "drift",
        "change",
        "changes",
        "please",
    }
    rest = [word for word in after if word not in understood | joining]
    if any(not _objects([word], inventory, place) for word in rest):
        return None
    several = {"and", "or"} & set(after) or "," in lowered
    if (settings and (objects or resources)) or (objects and resources and several):
        return None
    objects = _of_kind(objects, resources)
    named = Named(objects=objects, resources=() if objects else resources, settings=settings)
    return named if named.all else None


def _unrestated(tokens: Sequence[str]) -> list[str]:
    """Without `and change nothing else`, which says again that only what is named is meant."""
    kept = list(tokens)
    for phrase in sorted((one.split() for one in vocabulary().restated), key=len, reverse=True):
        while (at := _position(phrase, kept)) is not None:
            del kept[at : at + len(phrase)]
    return kept


def _position(phrase: Sequence[str], tokens: Sequence[str]) -> int | None:
    size = len(phrase)
    return next((at for at in range(len(tokens)) if list(tokens[at : at + size]) == list(phrase)), None)


def _left_unclear(every: Sequence[str], tokens: Sequence[str], exact: bool) -> str:
    """The words by which something is not to be done, where it is not plain what: to guess may do its opposite."""
    words = vocabulary()
    if not exact and _before_exception(every)[0] != every:
        return " or ".join(_phrases(words.exceptions, every))
    if _meanings(words.negations, tokens):
        return _partly(tokens)
    if _verb(tokens) not in ACTING:
        return ""
    said = [*_phrases(words.exclusions, tokens), *(token for token in tokens if token.endswith("n't"))]
    return said[0] if said else ""


def _phrases(phrases: Iterable[str], tokens: Sequence[str]) -> list[str]:
    return _meanings({"": phrases}, tokens).get("", [])


def _partly(tokens: Sequence[str]) -> str:
    """The negation of a part beside something to be done, `codify it, don't touch iam`; none of everything."""
    words = vocabulary()
    for phrase in _phrases(words.negations["observe"], tokens):
        split = phrase.split()
        at = _position(split, tokens)
        if at is None or split[0] not in ("do", "don't", "dont", "without"):
            continue
        after = tokens[at + len(split) :]
        whole = not after or after[0] in words.everything
        if not whole and _verb([*tokens[:at], *after]) in ACTING:
            return phrase
    return ""


def _unclear_severity(parsed: Parsed, tokens: Sequence[str]) -> str:
    said = _phrases(vocabulary().downwards, tokens)
    return said[0] if said and parsed.severity and parsed.acts else ""


def _ask_anew(said: str) -> dict[str, object]:
    return {
        "question": f"What is meant by '{said}'? Nothing is planned where it is not plain what is left out: "
        "name what is to be done, and only that, or say 'everything except' and names.",
        "options": ("show drift, change nothing",),
        "reason": f"'{said}' may leave something out",
        "anew": True,
    }


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
    if not found and (parsed.resources or parsed.settings or parsed.into_code or parsed.excluded.all):
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
        parsed.resources
        or parsed.settings
        or parsed.excluded.all
        or (["into the code"] if parsed.into_code else ["to the world"])
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
    tables = (*_tables(), {"": vocabulary().common})
    return frozenset(word for table in tables for phrases in table.values() for word in phrases)


def _tables() -> Iterator[Mapping[Any, Iterable[str]]]:
    words = vocabulary()
    yield from (words.domains, words.verbs, words.tools, words.severities, words.negations, words.windows)
    yield from (words.resources, words.settings)


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
