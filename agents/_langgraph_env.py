"""Settings langgraph reads while it is imported; import this module before it, always."""

from __future__ import annotations

import os

# Checkpoints are unpacked into plain values only, and nothing is sent to a tracing service, whatever the shell says.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
for _name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"):
    os.environ[_name] = "false"
