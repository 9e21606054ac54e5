"""The path of one request, top to bottom:

START -> intake -> supervisor -> cluster | drift | nodes | chat -> plan -> policy -> approve -> execute -> verify
-> report -> remember -> END. A question back ends it after supervisor, a denial goes from approve to report. The
state is plain JSON and digests; what is large is in `Blobs`.
"""

from __future__ import annotations

# It sets what langgraph reads while it is imported.
import lamplighter.agents._langgraph_env  # isort: skip  # noqa: F401  # pyright: ignore[reportUnusedImport]

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from operator import or_
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from lamplighter.agents import chat, drift
from lamplighter.agents.blobs import Blobs
from lamplighter.agents.budgets import Meter
from lamplighter.agents.reports import DomainAnswer, Executed, compose, executed, is_denied, unchecked
from lamplighter.agents.requests import Parsed, parse
from lamplighter.agents.wiring import Wiring
from lamplighter.core.errors import LampError
from lamplighter.core.events import (
    ApprovalNeeded,
    Asked,
    Event,
    Proposed,
    Routed,
)
from lamplighter.core.plans import Plan
from lamplighter.core.policy import Channel, Decision, Mode, Verdict
from lamplighter.core.redaction import redact

NODE_SECONDS = 900.0
NO_CLUSTER = "cluster: not checked, there is no Kubernetes engine in this version"
NO_NODES = "nodes: not checked, there is no node engine in this version"


def _merge(old: dict[str, Any], new: dict[str, Any] | None) -> dict[str, Any]:
    """Answers of domains that ran side by side are put together; None starts a new turn."""
    return {} if new is None else or_(old, new)


class DecisionMessage(TypedDict):
    """The only thing that resumes a run which waits for an approval."""

    digest: str
    decision: Literal["approve", "deny"]
    who: str
    when: str


Update: TypeAlias = dict[str, Any]
"""The keys of `State` that a node changes."""


class State(TypedDict):
    """JSON values only; `answers` is by domain, `context` what the session was pinned to when it began."""

    request: str
    question: str
    requested_by: str
    channel: Channel
    context: dict[str, str]
    parsed: dict[str, Any]
    answers: Annotated[dict[str, DomainAnswer], _merge]
    plan: str
    approval: str
    decision: DecisionMessage | dict[str, str]
    executed: Executed | dict[str, Any]
    refused: str
    exit_code: int


_NEW_TURN: Update = {
    "answers": None,
    "plan": "",
    "approval": "",
    "decision": {},
    "executed": {},
    "refused": "",
    "exit_code": 0,
}
"""Clears what the turn before has left in the state."""


class _Node(Protocol):
    """A node, as langgraph calls it."""

    @property
    def __name__(self) -> str: ...
    async def __call__(self, state: State) -> Any: ...


class Turn:
    """The nodes of the graph in the order of its path, with what one turn of a session is given."""

    def __init__(self, wiring: Wiring, blobs: Blobs, thread: str) -> None:
        self.wiring = wiring
        self.blobs = blobs
        self.thread = thread
        self.means = drift.Means(wiring, Meter(wiring.config.budgets), blobs, _emit)

    async def intake(self, state: State) -> Update:
        text = redact(state["request"])
        # A short reply to a question is read together with the request that was not clear.
        asked_about = state.get("question", "")
        whole = f"{asked_about}\n{text}" if asked_about else text
        names = await drift.known_names(whole, self.means)
        wiring = self.wiring
        place = wiring.config.project.name
        parsed = parse(whole, now=wiring.clock.now(), inventory=names, place=place, ask=wiring.ask_model)
        new = {"request": text, "question": whole if parsed.question and not parsed.anew else ""}
        return {**_NEW_TURN, **new, "parsed": parsed.model_dump(mode="json")}

    async def supervisor(
        self, state: State
    ) -> Command[Literal["cluster", "drift", "nodes", "chat", "__end__"]]:
        parsed = _parsed(state)
        if parsed.question:
            asked = Asked(question=parsed.question, options=parsed.options, thread=self.thread)
            _emit(asked)
            return Command(goto="__end__", update={"exit_code": asked.exit_code})
        _emit(Routed(domains=parsed.domains, reason=parsed.reason))
        return Command(goto=[Send(domain, state) for domain in parsed.domains])

    async def cluster(self, state: State) -> Update:
        return {"answers": {"cluster": unchecked(NO_CLUSTER)}}

    async def drift(self, state: State) -> Update:
        answer = await drift.investigate(_parsed(state), state["requested_by"], self.means)
        return {"answers": {"drift": answer}}

    async def nodes(self, state: State) -> Update:
        return {"answers": {"nodes": unchecked(NO_NODES)}}

    async def chat(self, state: State) -> Update:
        return {"answers": {"chat": DomainAnswer(text=chat.CAPABILITIES)}}

    async def plan(self, state: State) -> Update:
        parsed = _parsed(state)
        found = state["answers"].get("drift", {}).get("plan", "")
        return {"plan": "" if parsed.observe else found}

    async def policy(self, state: State) -> Command[Literal["approve", "execute", "report"]]:
        if not state.get("plan"):
            return Command(goto="report")
        plan = self._plan(state)
        verdicts = self.wiring.policy.judge(plan)
        _emit(Proposed(digest=plan.digest, plan=plan, verdicts=verdicts))
        return await asyncio.to_thread(self._ask_for, plan, verdicts, state)

    async def approve(self, state: State) -> Update:
        decision: DecisionMessage = interrupt({"approval": state["approval"]})
        return {"decision": decision}

    async def execute(self, state: State) -> Update:
        return await asyncio.to_thread(self._execute, state["approval"])

    async def verify(self, state: State) -> Update:
        answer = state["answers"].get("drift", {})
        if not state.get("executed") or not answer:
            return {}
        steps = {step["step"] for step in state["executed"]["steps"] if step["verified"]}
        return {"answers": {"drift": drift.verified(answer, self._plan(state), steps, self.blobs)}}

    async def report(self, state: State) -> Update:
        reported = compose(state, self.wiring.config)
        _emit(reported)
        return {"exit_code": reported.exit_code}

    async def remember(self, state: State) -> Update:
        await asyncio.to_thread(self._remember, state)
        return {"question": ""}

    def _plan(self, state: State) -> Plan:
        return Plan.model_validate(self.blobs.get(state["plan"]))

    def _ask_for(
        self, plan: Plan, verdicts: Sequence[Verdict], state: State
    ) -> Command[Literal["approve", "execute", "report"]]:
        """Keeps the plan; where it is to be applied, has it approved by the policy, or asks a person to."""
        policy = self.wiring.policy
        with self.wiring.open_ledger() as ledger:
            if _parsed(state).verb not in ("apply", "revert"):
                ledger.save_plan(plan)
                return Command(goto="report")
            try:
                if policy.mode is Mode.ACT and all(it.decision is Decision.ALLOW for it in verdicts):
                    granted = ledger.policy_approval(plan, policy)
                    return Command(goto="execute", update={"approval": granted.id})
                asked = ledger.request_approval(
                    plan, requested_by=state["requested_by"], channel=state["channel"], policy=policy
                )
            except LampError as error:
                return Command(goto="report", update=_refusal(error))
        expires = asked.expires_at.isoformat(timespec="seconds")
        _emit(ApprovalNeeded(digest=plan.digest, approval_id=asked.id, expires_at=expires))
        return Command(goto="approve", update={"approval": asked.id})

    def _execute(self, approval: str) -> Update:
        """Each step is verified when it is done, before the next one starts; see `core/execution.py`."""
        try:
            done = self.wiring.execute(approval, _emit)
        except LampError as error:
            return _refusal(error)
        return {"executed": executed(done), "exit_code": int(done.exit_code)}

    def _remember(self, state: State) -> None:
        """What was asked and answered, as a record of the audit log; there is no other memory in this version."""
        answers = state["answers"]
        summary = {
            "request": state["request"],
            "domains": sorted(answers),
            "findings": {
                name: answer["findings"] for name, answer in answers.items() if "findings" in answer
            },
            "approval": state["approval"],
            "exit_code": state["exit_code"],
        }
        with self.wiring.open_ledger() as ledger:
            ledger.note_run(self.thread, summary, by=state["requested_by"])


def build_graph(turn: Turn) -> StateGraph[State]:
    """The uncompiled graph; the session compiles it with its checkpointer."""
    graph = StateGraph(State)
    nodes: tuple[_Node, ...] = (
        turn.intake, turn.supervisor,
        turn.cluster, turn.drift, turn.nodes, turn.chat,
        turn.plan, turn.policy, turn.approve, turn.execute, turn.verify, turn.report, turn.remember,
    )  # fmt: skip
    for node in nodes:
        graph.add_node(node.__name__, node, timeout=timedelta(seconds=NODE_SECONDS))
    graph.add_edge(START, "intake")
    graph.add_edge("intake", "supervisor")
    # supervisor goes to one or more of the four domains, or asks the person back and goes to END.
    for domain in ("cluster", "drift", "nodes", "chat"):
        graph.add_edge(domain, "plan")
    graph.add_edge("plan", "policy")
    # policy goes to approve; to execute, where the policy itself approves; to report, where there is nothing to do.
    graph.add_conditional_edges("approve", _after_decision)
    graph.add_edge("execute", "verify")
    graph.add_edge("verify", "report")
    graph.add_edge("report", "remember")
    graph.add_edge("remember", END)
    return graph


def _after_decision(state: State) -> Literal["execute", "report"]:
    return "report" if is_denied(state) else "execute"


def _parsed(state: State) -> Parsed:
    return Parsed.model_validate(state["parsed"])


def _refusal(error: LampError) -> Update:
    return {"refused": str(error), "exit_code": int(error.exit_code)}


def _emit(event: Event) -> None:
    get_stream_writer()(event.model_dump(mode="json"))
