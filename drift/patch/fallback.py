"""The last resort for what no rule places: what was learnt of its kind, then a model, and no trust in either.

What comes back is a candidate like any other: it goes through the same judge, and through Terraform's plan. Two
attempts an item, the second with the judge's objection; a cap on the tokens of a run; nothing about a secret. What
verified is kept as a rule candidate, so that the next item of its kind is placed without asking.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from lamplighter.core.canonical import fingerprint
from lamplighter.core.errors import LampError
from lamplighter.core.ports import Recall, Remember
from lamplighter.core.text import printable
from lamplighter.drift.asking import Asking
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import removing
from lamplighter.drift.patch.answer import MOST_TOKENS, SCHEMA, AnswerRefused, edits_of, require_closed
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.goals import address_in
from lamplighter.drift.patch.masking import Secrets, secrets_of
from lamplighter.drift.patch.model import Candidate, Placed
from lamplighter.drift.patch.passages import NEW_VARIABLE, Passages, passages_of
from lamplighter.drift.patch.question import INSTRUCTIONS, Question, question, unasked
from lamplighter.drift.patch.rule_candidates import RuleCandidate, generalised, instantiated, kind_of
from lamplighter.drift.provider_schema import ProviderSchemas

RULE = "a model's answer"
ATTEMPTS = 2
_RECALLED = 5
_NOTE = "placed by what a model answered: judged as any rule's edit, and worth a look"


class _Asked(NamedTuple):
    """One answer, and what was shown for it: made an edit again in the code as it is then."""

    question: Question
    text: str


@dataclass
class Fallback:
    """Serves `LastResort` for one run. A memory that fails is used no more; an answer is asked for once, however often
    the patch is made."""

    asking: Asking = field(default_factory=Asking)
    recall: Recall | None = None
    remember: Remember | None = None
    schemas: ProviderSchemas | None = None
    forgotten: str = ""
    """Why what was learnt is not at hand, in one line."""
    _answers: dict[str, list[_Asked]] = field(default_factory=dict[str, list[_Asked]])
    _learnt: dict[str, RuleCandidate] = field(default_factory=dict[str, RuleCandidate])

    @property
    def spent(self) -> str:
        """See `LastResort`."""
        said = f"what was learnt before could not be used: {self.forgotten}" if self.forgotten else ""
        return "; ".join(line for line in (self.asking.spent, said) if line)

    @property
    def tokens(self) -> int:
        """See `LastResort`."""
        return self.asking.tokens

    def proposals(self, item: DriftItem, code: Code, /) -> Generator[Candidate, str, str]:
        """See `LastResort`."""
        passages = passages_of(item, code) if _may_be_asked(item, code) else None
        if passages is None:
            return ""
        secrets = secrets_of(code)
        why_not = unasked(item, code, secrets, self.schemas)
        if why_not:
            return why_not
        objection = ""
        yield from self._recalled(item, passages, code)
        for attempt in range(ATTEMPTS if self.asking.complete is not None else 0):
            asked = self._answer(item, passages, code, secrets, attempt, objection)
            if asked is None:
                return f"no model was asked: {self.asking.stopped}"
            try:
                edits = edits_of(asked.text, asked.question.passages, item, code, self.schemas)
            except AnswerRefused as refused:
                objection = f"{RULE} was refused: {refused}"
                continue
            found = generalised(item, passages, code, edits)
            if found is not None:
                self._learnt[_key(item)] = found
            refused_by_judge = yield Candidate(RULE, edits, _NOTE)
            self._learnt.pop(_key(item), None)
            objection = refused_by_judge
        return objection if objection.startswith(RULE) else ""

    def verified(self, placed: Sequence[Placed], /) -> None:
        """Keeps what placed these items as rule candidates."""
        for one in placed:
            found = self._learnt.pop(_key(one.item), None)
            if found is None or self.remember is None or one.candidate is None or one.candidate.rule != RULE:
                continue
            try:
                self.remember.remember(found.kind, found.model_dump(mode="json"))
            except LampError as error:
                self.forgotten = printable(str(error), limit=200)
                return

    def _recalled(self, item: DriftItem, passages: Passages, code: Code) -> Generator[Candidate, str, None]:
        if self.recall is None:
            return
        kind = kind_of(item, passages)
        try:
            memories = self.recall.recall(kind, _RECALLED)
        except LampError as error:
            self.recall = None
            self.forgotten = printable(str(error), limit=200)
            return
        for memory in memories:
            try:
                known = RuleCandidate.model_validate(memory)
            except ValidationError:
                continue
            candidate = instantiated(known, item, passages, code) if known.kind == kind else None
            if candidate is not None and _is_closed(known, candidate, item, passages, code, self.schemas):
                yield candidate

    def _answer(
        self,
        item: DriftItem,
        passages: Passages,
        code: Code,
        secrets: Secrets,
        attempt: int,
        objection: str,
    ) -> _Asked | None:
        """The answer of an attempt, asked for the first time only; None where nobody is asked any more."""
        answers = self._answers.setdefault(_key(item), [])
        made = question(item, code, passages.found, secrets, self.schemas, objection)
        if attempt < len(answers):
            # Passages are looked up again: other edits may have moved them.
            return answers[attempt]._replace(question=made)
        text = self.asking.ask(INSTRUCTIONS, made.material, SCHEMA, MOST_TOKENS)
        if text is None:
            return None
        answers.append(_Asked(made, text))
        return answers[-1]


def _may_be_asked(item: DriftItem, code: Code) -> bool:
    """Not what the rules know to be impossible, nor what no code holds: only a plan could judge a new resource."""
    if item.action == "create" or address_in(code, item.address or "") is None:
        return False
    return not removing.obstacle(item, code)


def _is_closed(
    known: RuleCandidate,
    candidate: Candidate,
    item: DriftItem,
    passages: Passages,
    code: Code,
    schemas: ProviderSchemas | None,
) -> bool:
    """Whether it brings in no more than an answer may: a memory is not trusted either."""
    new = passages.named(NEW_VARIABLE)
    declared = [new.file for change in known.changes if change.do == "declare"] if new is not None else []
    try:
        require_closed(code, code.edited(candidate.edits), item, declared, schemas)
    except AnswerRefused:
        return False
    return True


def _key(item: DriftItem) -> str:
    values = (repr(item.code_value), repr(item.live_value))
    return fingerprint(item.address or item.resource_id, item.attribute, item.action, *values)
