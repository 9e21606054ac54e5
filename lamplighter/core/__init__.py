"""The vocabulary and the guarantees that everything else is built on: operations, findings, plans, policy,
approvals, the ledger with its audit chain, settings, events and errors. It knows no surface, engine or library but
pydantic; its only I/O is the ledger's database and the settings files. Nothing is re-exported here: import from the
module that names the thing.
"""
