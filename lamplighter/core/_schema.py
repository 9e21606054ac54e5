"""The ledger's tables and their version."""

from __future__ import annotations

VERSION = 1

CREATE = """
CREATE TABLE plans (digest TEXT PRIMARY KEY, body TEXT NOT NULL, saved_at TEXT NOT NULL);
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL REFERENCES plans (digest),
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'spent')),
    requested_by TEXT NOT NULL,
    channel TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    approver TEXT,
    decided_at TEXT
);
CREATE UNIQUE INDEX one_open_approval ON approvals (digest) WHERE state IN ('pending', 'approved');
CREATE TABLE steps (
    claim TEXT PRIMARY KEY,
    approval_id TEXT NOT NULL REFERENCES approvals (id),
    step_id TEXT NOT NULL,
    claimed_at TEXT NOT NULL,
    outcome TEXT CHECK (outcome IN ('done', 'failed', 'refused', 'unknown')),
    detail TEXT NOT NULL DEFAULT '',
    undo TEXT,
    recorded_at TEXT,
    UNIQUE (approval_id, step_id)
);
CREATE TABLE freezes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    since TEXT NOT NULL
);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
"""
