"""Lamplighter: an operations assistant for Terraform drift, Kubernetes clusters and unhealthy nodes.

The folders at the root of the repository (`agents/`, `drift/`, `tools/` ...) are sub-packages of this one:
an installed copy holds them inside `lamplighter/`, and in a source tree the repository root is added to this
package's search path, so that `from lamplighter.drift import ...` means the same in both. Nothing is imported
here beyond the standard library, because every command pays for it.
"""

from pathlib import Path

__version__ = "0.1.0"

_root = Path(__file__).resolve().parent.parent
# Both files together are found in a source tree only; `site-packages` has neither.
if (_root / "pyproject.toml").is_file() and (_root / "agents" / "__init__.py").is_file():
    __path__.append(str(_root))

del Path
