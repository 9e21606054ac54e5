"""No sequence of requests, decisions and changes executes a plan that is not approved just then."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lamplighter.core.errors import Refused
from lamplighter.core.execution import execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.plans import Plan
from lamplighter.core.policy import Policy, SelfApproval
from tests.core.world import CountingEffect, FakeClock, make_plan
from tests.ram import ram_folder

POLICIES = (
    Policy(approval_minutes=30, self_approval=SelfApproval(cli=False)),
    Policy(approval_minutes=60, self_approval=SelfApproval(cli=False), approvers=("bob", "ann")),
)
NAMES = st.sampled_from(["web", "api"])
PEOPLE = st.sampled_from(["ann", "bob", "eve"])


class Approvals(RuleBasedStateMachine):
    """The model keeps, by digest, until when a plan is approved; the world counts what was done."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=ram_folder())
        self.clock = FakeClock()
        self.ledger = Ledger.open(Path(self.folder.name) / "ledger.db", self.clock)
        self.effect = CountingEffect(Path(self.folder.name) / "world")
        self.policy = POLICIES[0]
        self.approved: dict[str, object] = {}
        self.pending: dict[str, object] = {}
        self.ids: dict[str, str] = {}
        self.frozen = False
        self.edits = 0

    def plan(self, name: str) -> Plan:
        return make_plan(self.policy, name=f"{name}{self.edits}")

    @rule(name=NAMES)
    def request(self, name: str) -> None:
        plan = self.plan(name)
        try:
            approval = self.ledger.request_approval(
                plan, requested_by="ann", channel="cli", policy=self.policy
            )
        except Refused:
            assert plan.digest in self.approved
            return
        self.ids[plan.digest] = approval.id
        self.pending[plan.digest] = approval.expires_at
        self.approved.pop(plan.digest, None)

    @rule(name=NAMES, approver=PEOPLE, approve=st.booleans(), other_policy=st.booleans())
    def decide(self, name: str, approver: str, approve: bool, other_policy: bool) -> None:
        plan = self.plan(name)
        self.ledger.save_plan(plan)
        policy = POLICIES[1 - POLICIES.index(self.policy)] if other_policy else self.policy
        valid = plan.digest in self.pending and self.clock.now() < self.pending[plan.digest]
        allowed = not other_policy and (
            not approve or not policy.may_approve(approver, "ann", "cli", plan.steps[0].operation.risk)
        )
        if approve:
            allowed = allowed and approver != "ann"
        try:
            approval = self.ledger.decide(
                plan.digest, approve=approve, approver=approver, channel="cli", policy=policy
            )
        except Refused:
            assert not (valid and allowed)
            return
        assert valid and allowed
        del self.pending[plan.digest]
        if approve:
            self.approved[plan.digest] = approval.expires_at

    @rule(name=NAMES)
    def request_and_approve(self, name: str) -> None:
        self.request(name)
        if self.policy is POLICIES[0] or name == "web":
            self.decide(name, "bob", True, False)

    @rule(minutes=st.sampled_from([1, 29, 31, 61]))
    def time_passes(self, minutes: int) -> None:
        self.clock.pass_minutes(minutes)

    @rule()
    def policy_changes(self) -> None:
        self.policy = POLICIES[1 - POLICIES.index(self.policy)]

    @rule()
    def plan_is_edited(self) -> None:
        self.edits += 1

    @rule(version=st.sampled_from(["v1", "v2"]))
    def target_changes(self, version: str) -> None:
        self.effect.version = version

    @rule()
    def freeze(self) -> None:
        self.ledger.freeze("bob", "test")
        self.frozen = True

    @precondition(lambda self: self.frozen)
    @rule()
    def unfreeze(self) -> None:
        self.ledger.unfreeze("bob")
        self.frozen = False

    @rule(data=st.data())
    def execute(self, data: st.DataObject) -> None:
        if not self.ids:
            return
        self.run(data.draw(st.sampled_from(sorted(self.ids))))

    @rule(name=NAMES, between=st.sampled_from(["nothing", "wait", "freeze", "policy", "target"]))
    def something_happens_between_approval_and_execution(self, name: str, between: str) -> None:
        # Left to chance alone, an approval seldom lives until just this happens to it.
        self.request_and_approve(name)
        digest = self.plan(name).digest
        if digest not in self.ids:
            return
        match between:
            case "wait":
                self.time_passes(61)
            case "freeze":
                self.freeze()
            case "policy":
                self.policy_changes()
            case "target":
                self.target_changes("v2")
            case _:
                pass
        self.run(digest)

    def run(self, digest: str) -> None:
        before = len(self.effect.lines())
        plan = self.ledger.find_plan(digest)
        may = (
            digest in self.approved
            and self.clock.now() < self.approved[digest]
            and not self.frozen
            and plan.policy_version == self.policy.version
        )
        try:
            execute(
                self.ids[digest], ledger=self.ledger, policy=self.policy, effects={"restart": self.effect}
            )
        except Refused:
            assert not may
        ran = len(self.effect.lines()) - before
        assert ran == (len(plan.steps) if may and self.effect.version == "v1" else 0)
        if may:
            del self.approved[digest]  # done, or refused as stale: the approval is spent

    @invariant()
    def nothing_twice(self) -> None:
        lines = self.effect.lines() if hasattr(self, "effect") else []
        assert len(lines) == len(set(lines))

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            assert self.ledger.audit.verify().ok
            self.ledger.close()
            self.folder.cleanup()


TestApprovals = Approvals.TestCase
TestApprovals.settings = settings(max_examples=80, stateful_step_count=25, deadline=None, database=None)
