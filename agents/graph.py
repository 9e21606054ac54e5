"""The path of one request, top to bottom:

START -> intake -> supervisor -> cluster | drift | nodes | chat -> plan -> policy -> approve -> execute -> verify
-> report -> remember -> END. The state is plain JSON and digests; what is large is in `Blobs`.
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

from lamplighter.agents import chat, drift, kubernetes, nodes
from lamplighter.agents.blobs import Blobs
from lamplighter.agents.budgets import BudgetSpent, Meter
from lamplighter.agents.reports import Executed, compose, executed
from lamplighter.agents.requests import Parsed, parse
from lamplighter.agents.wiring import Wiring
from lamplighter.core.errors import LampError
from lamplighter.core.events import (
    ApprovalNeeded,
    Asked,
    Event,
    Found,
    Proposed,
    Routed,
    ToolCalled,
)
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.core.policy import Channel, Decision, Mode
from lamplighter.core.redaction import redact
from lamplighter.core.results import Status

NODE_SECONDS = 900.0


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
    """JSON values only; `answers` is domain -> {findings, plan: blob digests; count, remaining, worst: of the findings;
    text, not_checked, exit}. `context` is what the session was pinned to when it began."""

    request: str
    question: str
    requested_by: str
    channel: Channel
    context: dict[str, str]
    parsed: dict[str, Any]
    answers: Annotated[dict[str, Any], _merge]
    plan: str
    approval: str
    decision: DecisionMessage | dict[str, str]
    executed: Executed | dict[str, Any]
    refused: str
    exit_code: int


class _Node(Protocol):
    """A node, as langgraph calls it."""

    @property
    def __name__(self) -> str: ...
    async def __call__(self, state: State) -> Any: ...


class Turn:
    """The nodes of the graph, with what one turn of a session is given."""

    def __init__(self, wiring: Wiring, blobs: Blobs, thread: str) -> None:
        self.wiring = wiring
        self.thread = thread
        self.blobs = blobs
        self.meter = Meter(wiring.config.budgets)

    async def intake(self, state: State) -> Update:
        text = redact(state["request"])
        # A short reply to a question is read together with the request that was not clear.
        asked_about = state.get("question", "")
        whole = f"{asked_about}\n{text}" if asked_about else text
        names = await asyncio.to_thread(drift.declared_resources, self.wiring.config.project)
        now = self.wiring.clock.now()
        parsed = parse(whole, now=now, inventory=names, ask=self.wiring.ask_model)
        return {
            "request": text,
            "question": whole if parsed.question else "",
            "parsed": parsed.model_dump(mode="json"),
            "answers": None,
            "plan": "",
            "approval": "",
            "decision": {},
            "executed": {},
            "refused": "",
            "exit_code": 0,
        }

    async def supervisor(
        self, state: State
    ) -> Command[Literal["cluster", "drift", "nodes", "chat", "__end__"]]:
        parsed = _parsed(state)
        if parsed.question:
            _emit(Asked(question=parsed.question, options=parsed.options))
            return Command(goto="__end__", update={"exit_code": int(Exit.INCOMPLETE)})
        _emit(Routed(domains=parsed.domains, reason=parsed.reason))
        return Command(goto=[Send(domain, state) for domain in parsed.domains])

    async def cluster(self, state: State) -> Update:
        return _unchecked("cluster", kubernetes.NOT_CHECKED)

    async def drift(self, state: State) -> Update:
        parsed, config = _parsed(state), self.wiring.config
        query = drift.query_of(parsed, config.project, config.trace, config.state)
        try:
            self.meter.spend("steps")
            self.meter.spend("tool_calls")
            check = self.wiring.check_drift
            answer = await self.meter.within_seconds(check, config.project, config.trace, config.state)
        except BudgetSpent as spent:
            return _unchecked("drift", f"drift: {spent}, nothing was checked")
        except LampError as error:
            _emit(ToolCalled(tool="drift", query=query, status=Status.ERROR, left_out=(str(error),)))
            return _unchecked("drift", f"drift: {error}", error.exit_code)
        kept = [finding for finding in answer.findings if drift.matches(finding, parsed)]
        left_out = [*drift.beyond(parsed, answer.covered), *answer.not_checked]
        partial = answer.incomplete or len(left_out) > len(answer.not_checked)
        status = Status.TRUNCATED if partial else Status.OK if kept else Status.NO_DATA
        _emit(ToolCalled(tool="drift", query=query, status=status, left_out=tuple(left_out)))
        _emit_findings(kept, answer.evidence)
        said = self._drift_answer(answer.plan, kept, len(answer.findings), query, state)
        code = Exit.INCOMPLETE if partial else Exit.CLEAN
        return {"answers": {"drift": said | {"not_checked": left_out, "exit": int(code)}}}

    def _drift_answer(
        self, plan: Plan | None, kept: list[Finding], total: int, query: str, state: State
    ) -> dict[str, Any]:
        parsed = _parsed(state)
        said = [f"{len(kept)} drift finding(s)"] if kept else [f"no drift found by: {query}"]
        if parsed.window:
            said.append(parsed.window.said)
        if total > len(kept):
            by = ", ".join(f"{name} {value}" for name, value in drift.constraints(parsed).items())
            said.append(f"{total - len(kept)} of {total} finding(s) left out by {by}")
        if parsed.verb == "revert":
            said.append("live values are not reverted by this version: run `terraform apply`")
        narrowed = plan and drift.narrowed(
            plan, kept, requested_by=state["requested_by"], policy=self.wiring.policy.version
        )
        if narrowed and parsed.verb == "apply" and not parsed.observe:
            whole, narrowed = narrowed, drift.executable(narrowed)
            said += drift.dropped(whole, narrowed)
        return {
            "text": "; ".join(said),
            "findings": self.blobs.put([finding.model_dump(mode="json") for finding in kept]),
            "plan": self.blobs.put(narrowed.model_dump(mode="json")) if narrowed and narrowed.steps else "",
            "count": len(kept),
            "worst": _worst(kept),
        }

    async def nodes(self, state: State) -> Update:
        return _unchecked("nodes", nodes.NOT_CHECKED)

    async def chat(self, state: State) -> Update:
        return {"answers": {"chat": {"text": chat.CAPABILITIES}}}

    async def plan(self, state: State) -> Update:
        parsed = _parsed(state)
        found = state["answers"].get("drift", {}).get("plan", "")
        return {"plan": "" if parsed.observe or parsed.verb == "revert" else found}

    async def policy(self, state: State) -> Command[Literal["approve", "execute", "report"]]:
        if not state.get("plan"):
            return Command(goto="report")
        plan, policy = self._plan(state), self.wiring.policy
        verdicts = policy.judge(plan)
        _emit(Proposed(digest=plan.digest, plan=plan, verdicts=verdicts))
        return await asyncio.to_thread(self._ask_for, plan, state)

    def _ask_for(self, plan: Plan, state: State) -> Command[Literal["approve", "execute", "report"]]:
        policy, parsed = self.wiring.policy, _parsed(state)
        decisions = {verdict.decision for verdict in policy.judge(plan)}
        with self.wiring.open_ledger() as ledger:
            if parsed.verb != "apply":
                ledger.save_plan(plan)
                return Command(goto="report")
            try:
                if policy.mode is Mode.ACT and decisions == {Decision.ALLOW}:
                    granted = ledger.policy_approval(plan, policy)
                    return Command(goto="execute", update={"approval": granted.id})
                asked = ledger.request_approval(
                    plan, requested_by=state["requested_by"], channel=state["channel"], policy=policy
                )
            except LampError as error:
                return Command(
                    goto="report", update={"refused": str(error), "exit_code": int(error.exit_code)}
                )
        expires = asked.expires_at.isoformat()
        _emit(ApprovalNeeded(digest=plan.digest, approval_id=asked.id, expires_at=expires))
        return Command(goto="approve", update={"approval": asked.id})

    async def approve(self, state: State) -> Update:
        decision: DecisionMessage = interrupt({"approval": state["approval"]})
        return {"decision": decision}

    async def execute(self, state: State) -> Update:
        if state.get("decision", {}).get("decision") == "deny":
            return {"refused": f"denied by {state['decision']['who']}", "exit_code": int(Exit.REFUSED)}
        return await asyncio.to_thread(self._execute, state["approval"])

    def _execute(self, approval: str) -> Update:
        """Each step is verified when it is done, before the next one starts; see `core/execution.py`."""
        try:
            done = self.wiring.execute(approval, _emit)
        except LampError as error:
            return {"refused": str(error), "exit_code": int(error.exit_code)}
        return {"executed": executed(done), "exit_code": int(done.exit_code)}

    async def verify(self, state: State) -> Update:
        """Whether the goal holds: which findings the verified steps have resolved, and which remain."""
        answer = state["answers"].get("drift", {})
        if not state.get("executed") or "findings" not in answer:
            return {}
        found = [Finding.model_validate(row) for row in self.blobs.get(answer["findings"])]
        verified = {step["step"] for step in state["executed"]["steps"] if step["verified"]}
        left = drift.remaining(found, self._plan(state), verified)
        return {"answers": {"drift": answer | {"remaining": len(left), "worst": _worst(left)}}}

    async def report(self, state: State) -> Update:
        reported = compose(state, self.wiring.config)
        _emit(reported)
        return {"exit_code": reported.exit_code}

    async def remember(self, state: State) -> Update:
        await asyncio.to_thread(self._remember, state)
        return {"question": ""}

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

    def _plan(self, state: State) -> Plan:
        return Plan.model_validate(self.blobs.get(state["plan"]))


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
    for domain in ("cluster", "drift", "nodes", "chat"):
        graph.add_edge(domain, "plan")
    graph.add_edge("plan", "policy")
    graph.add_edge("approve", "execute")
    graph.add_edge("execute", "verify")
    graph.add_edge("verify", "report")
    graph.add_edge("report", "remember")
    graph.add_edge("remember", END)
    return graph


def _parsed(state: State) -> Parsed:
    return Parsed.model_validate(state["parsed"])


def _unchecked(domain: str, line: str, code: Exit = Exit.INCOMPLETE) -> Update:
    return {"answers": {domain: {"not_checked": [line], "exit": int(code)}}}


def _worst(findings: Sequence[Finding]) -> int:
    """The highest severity; -1 for no findings."""
    return max((int(finding.severity) for finding in findings), default=-1)


def _emit(event: Event) -> None:
    get_stream_writer()(event.model_dump(mode="json"))


def _emit_findings(findings: list[Finding], evidence: Any) -> None:
    known: dict[str, Evidence] = {item.id: item for item in evidence}
    for finding in findings:
        cited = tuple(known[name] for name in finding.evidence if name in known)
        _emit(Found(domain="drift", finding=finding, evidence=cited))
