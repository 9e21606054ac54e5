"""A home folder with AWS and kubeconfig files in it, and the variables of a process that lives there."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAST, FUTURE = "2020-01-02T03:04:05Z", "2999-01-01T00:00:00Z"


class Machine:
    """`env` has HOME and an empty folder of programs as PATH; what it is given is written below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "bin").mkdir()
        self.env = {"HOME": str(home), "PATH": str(home / "bin")}

    def write(self, path: str, content: str | bytes) -> Path:
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def program(self, name: str) -> None:
        self.write(f"bin/{name}", "#!/bin/sh\n").chmod(0o755)

    def sso_token(self, name: str, token: object) -> None:
        """As `aws sso login` leaves it for a session of that name, or a start URL."""
        file = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
        self.write(f".aws/sso/cache/{file}.json", json.dumps(token))


def kubeconfig(
    *names: str,
    current: str = "",
    user: Mapping[str, Any] | None = None,
    cluster: Mapping[str, Any] | None = None,
) -> str:
    """Contexts of those names, each with a cluster and a user of its name; JSON is YAML."""
    return json.dumps(
        {
            "current-context": current,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
            "clusters": [
                {"name": name, "cluster": {"server": "https://10.0.0.1", **(cluster or {})}} for name in names
            ],
            "users": [{"name": name, "user": dict(user or {})} for name in names],
        }
    )


def web_token(end: object) -> str:
    """An unsigned JSON web token that says it ends then."""
    parts = [{"alg": "none"}, {"exp": end}]
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "x"]
    )
