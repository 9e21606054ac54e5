"""A cloud account on this machine: moto behind the recorder, a clock of its own, and Terraform pointed at it."""

import functools
import json
import os
import shutil
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lamplighter.scenarios.recorder import Recorder, Session, WsgiApp
from lamplighter.tools import process

ACCOUNTS = ("123456789012", "210987654321")
REGIONS = ("eu-west-1", "us-east-1", "eu-central-1", "eu-north-1")

MIRROR_VARIABLE = "LAMP_TEST_TF_MIRROR"
"""Names the folder of a Terraform filesystem mirror that holds hashicorp/aws."""

OVERRIDE = """provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  max_retries                 = 2
}
"""


class SandboxError(Exception):
    """The sandbox could not be built; the text says what failed."""


class SandboxClock:
    """Time of the recorded world (UTC): set by the script, one second further with every second reading."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._readings = 0

    def set(self, text: str) -> None:
        """Jump to an ISO 8601 time without zone, read as UTC."""
        self._now = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        self._readings += 1
        self._now += timedelta(seconds=self._readings % 2)
        return self._now


def new_cloud(sessions: dict[str, Session], clock: Callable[[], datetime]) -> Recorder:
    """moto, empty, behind a recorder. There is one cloud in a process: this empties the last one."""
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    import moto.sqs.models as sqs
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    # AWS returns policies without spaces; moto's would be a difference in every plan.
    compact = types.ModuleType("json")
    vars(compact).update(vars(json), dumps=functools.partial(json.dumps, separators=(",", ":")))
    sqs.json = compact  # type: ignore[attr-defined]
    _mend()
    BackendDict.reset()
    reset_model_data()
    _first_use()
    return Recorder(DomainDispatcherApplication(create_backend_app), sessions, clock)


@functools.cache
def _mend() -> None:
    """Where moto loses what AWS keeps, so that a night would hold drift that nobody made."""
    from moto.rds.models import RDSBackend
    from moto.sqs.models import Queue

    set_attributes = Queue._set_attributes  # pyright: ignore[reportPrivateUsage]
    modify_group = RDSBackend.modify_db_subnet_group

    def keeping_policy(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        """Attributes that a call does not name stay as they were (Amazon SQS API, SetQueueAttributes)."""
        before = getattr(queue, "_policy_json", None)
        set_attributes(queue, attributes, now)
        if before is not None and "Policy" not in attributes:
            queue._policy_json = before  # pyright: ignore[reportPrivateUsage]

    def keeping_group(backend: RDSBackend, subnet_name: str, *arguments: Any, **named: Any) -> Any:
        """A subnet group that was changed is still there (Amazon RDS API, ModifyDBSubnetGroup)."""
        group = modify_group(backend, subnet_name, *arguments, **named)
        backend.subnet_groups[subnet_name] = group
        return group

    Queue._set_attributes = keeping_policy  # type: ignore[method-assign, assignment]
    RDSBackend.modify_db_subnet_group = keeping_group  # type: ignore[method-assign, assignment]


def _first_use() -> None:
    """Let moto make what it makes at first use (default networks, AWS's own policies) now, with ids of its own.

    Made later, by whichever call comes first, it would draw from that call's randomness.
    """
    from moto.ec2.models import ec2_backends
    from moto.iam.models import iam_backends
    from moto.moto_api._internal import mock_random

    for account in ACCOUNTS:
        mock_random.seed(f"lamplighter/{account}")
        iam_backends[account]["aws"]
        for region in REGIONS:
            ec2_backends[account][region]


@contextmanager
def served(app: WsgiApp, port: int = 0) -> Iterator[str]:
    """Serve a cloud (a recorder, or what stands before one) on a local port, a free one for 0; yields the endpoint's
    URL."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        # With HTTP/1.0 the provider's client repeats calls whose connection closes early.
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:
            """Say nothing: the trace is the log."""

    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def cloud(sessions: dict[str, Session], clock: SandboxClock) -> Iterator[tuple[Recorder, str]]:
    """Serve an empty account on a free local port; yields the recorder and the endpoint's URL."""
    recorder = new_cloud(sessions, clock)
    with served(recorder) as endpoint:
        yield recorder, endpoint


def terraform_environment(folder: Path, mirror: Path, endpoint: str, key: str) -> dict[str, str]:
    """Environment of a Terraform run in `folder` whose provider comes from `mirror` and talks to `endpoint`."""
    config = folder / "terraformrc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    return kept | {
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-west-1",
    }


def apply(project: Path, folder: Path, environment: Mapping[str, str]) -> Path:
    """`init` and `apply` a copy of `project` in `folder`; the state file's path. SandboxError when one fails."""
    copy = folder / "project"
    shutil.copytree(project, copy)
    (copy / "sandbox_override.tf").write_text(OVERRIDE)
    for arguments in (["init"], ["apply", "-auto-approve"]):
        done = process.run(
            ["terraform", *arguments, "-no-color", "-input=false"], cwd=copy, env=environment, timeout_s=400
        )
        if done.code != 0:
            raise SandboxError(
                f"terraform {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}"
            )
    return copy / "terraform.tfstate"


def mirror_or_why_not() -> tuple[Path | None, str]:
    """The provider mirror for Terraform runs in the sandbox; None with what is missing (Terraform itself too)."""
    if shutil.which("terraform") is None:
        return None, "terraform is not on PATH"
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror:
        return None, f"{MIRROR_VARIABLE} names no provider mirror"
    if not Path(mirror).is_dir():
        return None, f"{MIRROR_VARIABLE} names {mirror}, which is no folder"
    return Path(mirror), ""
