"""Print the root of a Terraform filesystem mirror that holds hashicorp/aws, or nothing.

Searched in the order in which Terraform itself would: the CLI configuration's `filesystem_mirror`, the implied
mirror folders, and at last the disk.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PROVIDER = "*/hashicorp/aws"
SKIPPED = {
    "proc",
    "sys",
    "dev",
    "run",
    "snap",
    ".terraform",
    "node_modules",
    ".git",
    "site-packages",
    ".venv",
}


def configured() -> Iterator[Path]:
    home = Path.home()
    for file in (os.environ.get("TF_CLI_CONFIG_FILE"), home / ".terraformrc", home / ".tofurc"):
        if file and Path(file).is_file():
            text = Path(file).read_text(errors="replace")
            for block in re.findall(r"filesystem_mirror\s*\{(.*?)\}", text, flags=re.DOTALL):
                yield from (Path(path).expanduser() for path in re.findall(r'path\s*=\s*"([^"]+)"', block))


def implied() -> Iterator[Path]:
    home = Path.home()
    yield home / ".terraform.d" / "plugins"
    yield Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "terraform/plugins"
    for folder in (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        yield Path(folder) / "terraform/plugins"


def on_disk() -> Iterator[Path]:
    for folder, names, files in os.walk("/"):
        names[:] = sorted(name for name in names if name not in SKIPPED)
        if any(name.startswith("terraform-provider-aws") for name in files):
            # Unpacked: ROOT/HOST/hashicorp/aws/VERSION/TARGET/file; packed: ROOT/HOST/hashicorp/aws/file.zip
            match = re.match(r"(.*)/[^/]+/hashicorp/aws(/|$)", folder)
            if match:
                yield Path(match[1])


def main() -> int:
    for source in (configured, implied, on_disk):
        for root in source():
            if root.is_dir() and any(root.glob(PROVIDER)):
                print(root)
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
