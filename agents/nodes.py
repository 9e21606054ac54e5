"""The nodes' agent. No node engine exists in this version, and the report has to say so."""

from __future__ import annotations

NOT_CHECKED = "nodes: not checked, there is no node engine in this version"
