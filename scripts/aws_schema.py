"""Write the listings of the AWS provider's attributes: `python scripts/aws_schema.py`, with `terraform` on the path.

The catalogue's tests compare its attributes with this listing, so that a misspelt one fails without Terraform. It holds
the resource types that the catalogue and `members.toml` name: one line an attribute path, `TYPE [BLOCK] FLAGS`, where a
path leaves out the index of a block, TYPE is Terraform's, and FLAGS are required, optional, computed and sensitive.

The second listing, which the patch engine reads, says of every resource type which attributes are sets: names that are
a set wherever they occur, and paths (`TYPE.PATH`) of the sets whose name is a list's elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "drift" / "catalogue"
LISTING = ROOT / "tests" / "drift" / "trace" / "provider" / "aws.json"
SETS = ROOT / "drift" / "patch" / "sets.json"
CODE = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
FLAGS = ("required", "optional", "computed", "sensitive")


def mirror() -> str:
    """The root of a filesystem mirror that holds the provider; raises CalledProcessError when there is none."""
    command = [sys.executable, str(ROOT / ".ci" / "terraform_mirror.py")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def provider_schema(folder: Path) -> tuple[str, Mapping[str, Any]]:
    """(provider and version, schemas by resource type) of the mirror's provider, asked from Terraform in `folder`."""
    config = folder / "terraformrc"
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n'
    )
    (folder / "main.tf").write_text(CODE)
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1"}

    def terraform(*arguments: str) -> Any:
        command = ["terraform", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return json.loads(done.stdout) if "-json" in arguments else None

    terraform("init", "-input=false", "-no-color")
    (version,) = terraform("version", "-json")["provider_selections"].values()
    (schema,) = terraform("providers", "schema", "-json")["provider_schemas"].values()
    return f"hashicorp/aws {version}", schema["resource_schemas"]


def named_types() -> set[str]:
    """Every resource type that the catalogue or the table of members names."""
    found: set[str] = set()
    for path in CATALOGUE.glob("*.toml"):
        for event in tomllib.loads(path.read_text()).get("event", []):
            found.update(event["types"])
    for table in tomllib.loads((CATALOGUE.parent / "members.toml").read_text())["set"]:
        found.update(table["types"], *([holder["type"]] for holder in table.get("holders", [])))
    return found - {"*"}


def paths(block: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(attribute path, what it is) of a schema block and the blocks in it."""
    for name, attribute in block.get("attributes", {}).items():
        flags = [flag for flag in FLAGS if attribute.get(flag)]
        kind = attribute.get("type") or attribute["nested_type"]["nesting_mode"]
        yield prefix + name, " ".join([_type(kind), *flags])
        if "nested_type" in attribute:
            yield from paths(attribute["nested_type"], f"{prefix}{name}.")
        yield from _inside(kind, f"{prefix}{name}.")
    for name, nested in block.get("block_types", {}).items():
        needed = "required" if nested.get("min_items") else "optional"
        single = " single" if nested.get("max_items") == 1 else ""
        yield prefix + name, f"{nested['nesting_mode']} block{single} {needed}"
        yield from paths(nested["block"], f"{prefix}{name}.")


def _inside(kind: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Attributes of objects that are written as an attribute (`ingress = [{...}]`)."""
    if isinstance(kind, list) and kind[0] == "object":
        for name, item in kind[1].items():
            yield prefix + name, _type(item)
            yield from _inside(item, f"{prefix}{name}.")
    elif isinstance(kind, list):
        yield from _inside(kind[1], prefix)


def _type(kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    return "object" if kind[0] == "object" else f"{kind[0]}({_type(kind[1])})"


def sets(schemas: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(names, paths) of attributes and blocks that are sets; what holds one member at most counts as neither."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind, schema in schemas.items():
        for path, described in paths(schema["block"]):
            nesting = re.match(r"(set|list)\b(?! block single)", described)
            if nesting and not (described.endswith(" computed") and " optional" not in described):
                name = path.rpartition(".")[2]
                found.setdefault(name, {}).setdefault(nesting[1], []).append(f"{kind}.{path}")
    names = [name for name, kinds in found.items() if "list" not in kinds]
    mixed = [path for kinds in found.values() if "list" in kinds for path in kinds.get("set", [])]
    return sorted(names), sorted(mixed)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        version, schemas = provider_schema(Path(folder))
    wanted = sorted(named_types())
    missing = [name for name in wanted if name not in schemas]
    if missing:
        print(f"no resource types of {version}: {', '.join(missing)}", file=sys.stderr)
        return 1
    types = {name: dict(sorted(paths(schemas[name]["block"]))) for name in wanted}
    LISTING.parent.mkdir(exist_ok=True)
    LISTING.write_text(json.dumps({"provider": version, "types": types}, indent=1) + "\n")
    print(f"{LISTING.relative_to(ROOT)}: {len(types)} types of {version}")
    names, among_lists = sets(schemas)
    SETS.write_text(json.dumps({"provider": version, "names": names, "paths": among_lists}, indent=0) + "\n")
    print(f"{SETS.relative_to(ROOT)}: {len(names)} names and {len(among_lists)} paths of sets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
