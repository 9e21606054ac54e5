"""Asking a model within what one run may spend: one cap for all that is asked, and nobody is asked twice who failed.

What is asked of it comes from outside (code, trace, tags): it is JSON between two marks that cannot occur in it, and
what is asked for is said apart from it. An answer is text, and nothing more until whoever asked has checked it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

from lamplighter.core.errors import LampError
from lamplighter.core.ports import Complete
from lamplighter.core.text import printable

BYTES_A_TOKEN = 3
"""Fewer than the four characters of English prose (OpenAI, "What are tokens and how to count them"): code is denser."""


@dataclass
class Asking:
    """Serves one run. `budget` is in tokens, of questions and answers together; `cancel`, set by any thread, ends
    it."""

    complete: Complete | None = None
    budget: int = 0
    cancel: Event | None = None
    questions: int = 0
    tokens: int = 0
    stopped: str = ""
    """Why no model is asked any more, in one line."""

    @property
    def spent(self) -> str:
        """What was asked so far, in one line; empty for nothing."""
        said = (
            [f"a model was asked {self.questions} question(s) of {self.tokens} tokens"]
            if self.questions
            else []
        )
        return "; ".join([*said, *([f"no model is asked: {self.stopped}"] if self.stopped else [])])

    def ask(self, instructions: str, material: str, schema: Mapping[str, Any], most: int) -> str | None:
        """An answer of at most `most` tokens; None where there is none, `stopped` says why."""
        asked = tokens(instructions) + tokens(material)
        if self.cancel is not None and self.cancel.is_set():
            self.stopped = "it was cancelled"
        elif self.tokens + asked + most > self.budget:
            self.stopped = self.stopped or f"the budget of {self.budget} tokens is spent"
        if self.stopped or self.complete is None:
            return None
        self.questions += 1
        try:
            answer = self.complete.complete(instructions, material, schema, most)
        except LampError as error:
            self.tokens += asked
            self.stopped = printable(str(error), limit=200)
            return None
        self.tokens += (answer.tokens_in or asked) + (answer.tokens_out or tokens(answer.text))
        return answer.text


def tokens(text: str) -> int:
    """About how many tokens a model counts: no tokenizer is at hand, so a third of the bytes."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def as_json(value: Any) -> str:
    """JSON in which the marks around it, and whatever a reader takes for one, cannot occur."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def marked(data: Mapping[str, Any]) -> str:
    """What a model is to take for data."""
    return f"<data>{as_json(data)}</data>"
