"""The facade of every surface: ask, get a stream of typed events; decide about a plan by its digest."""

from __future__ import annotations

# It sets what langgraph reads while it is imported.
import lamplighter.agents._langgraph_env  # isort: skip  # noqa: F401  # pyright: ignore[reportUnusedImport]

import asyncio
import re
import secrets
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import GraphRecursionError, NodeTimeoutError
from langgraph.types import Command

from lamplighter.agents.blobs import Blobs, unusable
from lamplighter.agents.graph import Turn, build_graph
from lamplighter.agents.reports import compose, executed, execution_lines
from lamplighter.agents.wiring import Wiring
from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.canonical import fingerprint
from lamplighter.core.errors import InputError, LampError, Refused
from lamplighter.core.events import Event, Failed, Reported, Started, parse_event
from lamplighter.core.exits import Exit
from lamplighter.core.locking import exclusive
from lamplighter.core.policy import Channel
from lamplighter.core.redaction import redact
from lamplighter.tools.contexts import NOT_PINNED

_THREAD = re.compile(r"[\w.:@-]{1,120}")


class Session:
    """One conversation, kept under `thread` in the state directory; an async context manager."""

    def __init__(self, wiring: Wiring, thread: str, channel: Channel, identity: str) -> None:
        self.thread = thread
        self._wiring = wiring
        self._channel: Channel = channel
        self._identity = identity
        self._folder = wiring.config.state_dir
        self._stack = AsyncExitStack()
        self._saver: AsyncSqliteSaver | None = None

    @classmethod
    def open(cls, wiring: Wiring, *, thread: str | None = None, channel: Channel, identity: str) -> Session:
        """Pins the session to the wiring's directory and contexts; raises InputError on a bad thread name."""
        name = thread or f"t-{secrets.token_hex(6)}"
        if not _THREAD.fullmatch(name):
            raise InputError("thread", "is not a thread name", "use letters, digits and . : @ - _")
        return cls(wiring, name, channel, identity)

    async def __aenter__(self) -> Self:
        """Raises LedgerError where the conversations' file cannot be used."""
        self._saver = await self._stack.enter_async_context(_opened(self._folder / "threads.db"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def ask(self, request: str) -> AsyncIterator[Event]:
        """Runs one turn. Errors a user is meant to read come as the last event, `Failed`."""
        return self._told(self._ask(request))

    async def _told(self, events: AsyncGenerator[Event, None]) -> AsyncIterator[Event]:
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        except LampError as error:
            yield _failed(error)
        except sqlite3.Error as error:
            yield _failed(unusable(self._folder / "threads.db", error))

    async def _ask(self, request: str) -> AsyncGenerator[Event, None]:
        async with _locked(self._lock_path):
            context = await self._pinned()
            mode = self._wiring.policy.mode.value
            yield Started(thread=self.thread, request=request, mode=mode, context=context)
            given = {
                # The graph writes what it is given into its checkpoint before any node sees it.
                "request": redact(request),
                "requested_by": self._identity,
                "channel": self._channel,
                "context": context,
            }
            async for event in self._run(given):
                yield event

    async def _pinned(self) -> dict[str, str]:
        """The contexts that the thread began with; a setting that is made since moves them, a changed file does not."""
        now = await asyncio.to_thread(self._wiring.contexts)
        began = (await self._graph().aget_state(self._invoke)).values.get("context", {})
        config = self._wiring.config
        kept = [] if config.kube_context else ["kubernetes"]
        kept += [] if config.aws_profile else ["aws_account"]
        return now | {name: began[name] for name in kept if began.get(name, NOT_PINNED) != NOT_PINNED}

    def decide(self, digest: str, decision: Literal["approve", "deny"]) -> AsyncIterator[Event]:
        """Records the decision in the ledger, then resumes the run that waits for it, or executes directly."""
        return self._told(self._decided(digest, decision))

    async def _decided(
        self, digest: str, decision: Literal["approve", "deny"]
    ) -> AsyncGenerator[Event, None]:
        async with _locked(self._lock_path):
            approval = await asyncio.to_thread(self._decide, digest, decision)
            message = {
                "digest": approval.digest,
                "decision": decision,
                "who": self._identity,
                "when": self._wiring.clock.now().isoformat(),
            }
            async for event in await self._follow(approval, message):
                yield event

    @property
    def _lock_path(self) -> Path:
        return self._folder / f"thread-{fingerprint(self.thread)}.lock"

    def _decide(self, digest: str, decision: str) -> Approval:
        with self._wiring.open_ledger() as ledger:
            plan = ledger.find_plan(digest)
            try:
                decided = ledger.decide(
                    plan.digest,
                    approve=decision == "approve",
                    approver=self._identity,
                    channel=self._channel,
                    policy=self._wiring.policy,
                )
            except Refused:
                # Killed between decision and effect: the approval stands, and the ledger keeps it to once.
                standing = ledger.approvals_of(plan.digest, ApprovalState.APPROVED)
                if standing and decision == "approve":
                    return standing[0]
                raise
        if decision == "deny":
            self._wiring.discard(plan)
        return decided

    def _graph(self) -> Any:
        turn = Turn(self._wiring, Blobs(self._folder / "blobs.db"), self.thread)
        return build_graph(turn).compile(checkpointer=self._saver)

    @property
    def _invoke(self) -> dict[str, Any]:
        steps = self._wiring.config.budgets.steps
        return {"configurable": {"thread_id": self.thread}, "recursion_limit": steps}

    async def _follow(self, approval: Approval, message: dict[str, str]) -> AsyncIterator[Event]:
        """The run that waits for the decision, the run that was killed after it, or else no run but the ledger."""
        snapshot = await self._graph().aget_state(self._invoke)
        if any(item.value == {"approval": approval.id} for item in snapshot.interrupts):
            return self._run(Command(resume=message))
        if snapshot.next == ("execute",) and snapshot.values.get("approval") == approval.id:
            return self._run(None)
        return self._direct(approval, message["decision"])

    async def _run(self, given: Any) -> AsyncIterator[Event]:
        graph, config = self._graph(), self._wiring.config
        stream = graph.astream(given, self._invoke, stream_mode="custom", durability="sync")
        try:
            async for value in stream:
                yield parse_event(value)
        except GraphRecursionError:
            stopped = f"budget of {config.budgets.steps} steps spent, the rest was not checked"
            yield compose((await graph.aget_state(self._invoke)).values, config, stopped)
        except NodeTimeoutError as error:
            stopped = (
                f"{error.node}: no end after {error.timeout:g} seconds; what it changed is in the audit log"
            )
            # Before intake has ended, the state is still that of the turn before.
            fresh = error.node != "intake"
            state = (await graph.aget_state(self._invoke)).values if fresh else {}
            yield compose(state, config, stopped)

    async def _direct(self, approval: Approval, decision: str) -> AsyncIterator[Event]:
        if decision == "deny":
            text = f"denied by {self._identity}; nothing was executed"
            yield Reported(text=text, exit_code=int(Exit.REFUSED))
            return
        events: list[Event] = []
        try:
            done = await asyncio.to_thread(self._wiring.execute, approval.id, events.append)
        except LampError as error:
            events.append(_failed(error))
        else:
            text = "\n".join(execution_lines(executed(done)))
            events.append(Reported(text=text, exit_code=int(done.exit_code)))
        for event in events:
            yield event


def _failed(error: LampError) -> Failed:
    return Failed(message=str(error), exit_code=int(error.exit_code))


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """The saver, whose thread has ended when this is left, also where it is cancelled while it is being opened: what is
    left of the thread would speak to an event loop that is closed by then."""
    await asyncio.to_thread(_require_database, path)
    stack = AsyncExitStack()
    entered = stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(path)))
    opening = asyncio.ensure_future(entered)

    async def close() -> None:
        await asyncio.wait([opening])
        await stack.aclose()

    try:
        yield await asyncio.shield(opening)
    finally:
        await asyncio.shield(close())


def _require_database(path: Path) -> None:
    """Where this fails, the saver's thread would outlive its failure."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (sqlite3.Error, OSError) as error:
        raise unusable(path, error) from error


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Holds a lock of all processes without stopping this one's event loop."""
    stack = ExitStack()
    waiting = asyncio.ensure_future(asyncio.to_thread(stack.enter_context, exclusive(path)))
    try:
        await asyncio.shield(waiting)
    except OSError as error:
        raise unusable(path, error) from error
    except asyncio.CancelledError:
        # The thread may get the lock after all; it is given back the moment it does.
        waiting.add_done_callback(lambda _: stack.close())
        raise
    try:
        yield
    finally:
        stack.close()
