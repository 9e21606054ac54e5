"""The `terraform` (or `tofu`) program: reads freely, changes only by applying a saved plan.

python-terraform spells the argument lists; `tools.process` runs them, because the library itself has no time limit, no
cancellation and re-reads the whole state after each call. A read takes no state lock unless it is asked to, asks no
question, and puts no secret into an argument list: settings go into files that only this user can read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome, Status, ToolResult
from lamplighter.core.text import printable
from lamplighter.tools import process, terraform_failures
from lamplighter.tools.interrupt import ended_by
from lamplighter.tools.terraform_scratch import place_for

PlanMode = Literal["normal", "refresh-only"]

_QUIET = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
_DROPPED = ("TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER", "TF_LOG_PATH")
"""A debug log would bury what is to be read, hold secrets, and may be written to a file."""
_OUTPUT_LIMIT = 256 * 1024 * 1024
"""Bytes; `providers schema -json` of hashicorp/aws 5.100 has 13.6 MB."""
_GRACE_SECONDS = 20.0
"""Between SIGINT, after which Terraform stops its providers and gives its lock back, and SIGKILL."""
_APPLY_GRACE_SECONDS = 600.0
"""An apply ends what it has begun and then writes the state; killed before, the state would not know of it."""
_BATCH = "lamp_batch"
_SETTING = re.compile(r"[a-z][a-z0-9_]*\Z")


def with_profile(profile: str) -> dict[str, str] | None:
    """The environment of this process with an AWS profile in it; None where no profile is set: it is taken as it is."""
    return {**os.environ, "AWS_PROFILE": profile} if profile else None


class Terraform:
    """The program in one directory.

    `seconds` limits each call. `cancel`, set from any thread, ends the call that is running (as the time limit does:
    SIGINT, then SIGKILL for the whole process group) and every later one. `workspace` is one that exists (as
    `in_workspace` makes sure): it is handed on as TF_WORKSPACE, and Terraform makes the one that it does not know. One
    that the environment names is looked for before it is used. `env` replaces the environment; credentials and the CLI
    configuration (mirrors, plugin folders) travel in it.
    Results: OK with the data, NO_DATA, DENIED for credentials and rights, ERROR; `problem` is one line with the remedy,
    `query` the exact command.
    """

    def __init__(
        self,
        directory: Path,
        *,
        program: str = "terraform",
        seconds: float = 120.0,
        env: Mapping[str, str] | None = None,
        cancel: threading.Event | None = None,
        workspace: str = "",
        scratch: Path | None = None,
        mirrored: bool = False,
    ) -> None:
        self.directory = directory
        self.program = program
        self.seconds = seconds
        self.cancel = cancel or threading.Event()
        self.scratch = scratch
        self.mirrored = mirrored
        given = os.environ if env is None else env
        kept = {name: value for name, value in given.items() if name not in _DROPPED}
        self.env = {**kept, **_QUIET, **({"TF_WORKSPACE": workspace} if workspace else {})}
        self._unsure_of = "" if workspace else self.env.get("TF_WORKSPACE", "")

    def in_workspace(self, name: str) -> Terraform:
        """The same in another workspace. Raises InputError when there is none of that name, Unavailable when the
        backend does not tell."""
        listed = self.workspaces()
        if listed.data is None:
            raise Unavailable("terraform workspaces", listed.problem)
        if name not in listed.data:
            known = printable(", ".join(listed.data), limit=200)
            raise InputError(printable(name, limit=100), "no workspace has this name", f"there are: {known}")
        return Terraform(
            self.directory,
            program=self.program,
            seconds=self.seconds,
            env=self.env,
            cancel=self.cancel,
            workspace=name,
            scratch=self.scratch,
            mirrored=self.mirrored,
        )

    def version(self) -> str:
        """`1.11.4`. Raises Unavailable when the program is missing or does not say."""
        done = self._run("version", options={"json": True})
        try:
            return str(json.loads(done.stdout)["terraform_version"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                self.program, "does not tell its version", "check the program on PATH"
            ) from error

    def init(
        self,
        *,
        backend: bool = True,
        backend_config: Mapping[str, str] | None = None,
        backend_files: Sequence[Path] = (),
        plugin_dir: Path | None = None,
    ) -> ToolResult[str]:
        """`terraform init`; `backend=False` reads no state. Settings may hold secrets: they travel in a file.

        Raises InputError for a setting that is none.
        """
        files = [f"{path.absolute()}" for path in backend_files]
        options: dict[str, object] = {"input": False}
        if not backend:
            options["backend"] = False
        if plugin_dir is not None:
            options["plugin_dir"] = str(plugin_dir.absolute())
        with self._private_file(_settings(backend_config or {}), ".tfbackend") as settings:
            options["backend_config"] = [*files, *([str(settings)] if backend_config else [])]
            # `init` would make the workspace that the environment names.
            return self._said(self._run("init", options=options, env={"TF_WORKSPACE": ""}))

    def plan(
        self,
        out: Path,
        *,
        mode: PlanMode = "normal",
        targets: Sequence[str] = (),
        var_files: Sequence[Path] = (),
        lock_seconds: float | None = None,
        parallelism: int = 10,
    ) -> ToolResult[Path]:
        """`terraform plan` into the file `out`, which holds values in the clear: keep it private.

        No lock is taken, so that none can be left behind; with `lock_seconds` one is, after waiting that long for it.
        What the plan says is in `show_json(out)`; its exit code and its text say it wrongly at times. A plan that
        failed leaves no file.
        """
        missing = self._missing_workspace()
        if missing is not None:
            return missing
        options: dict[str, object] = {
            "input": False,
            "out": str(out.absolute()),
            "parallelism": parallelism,
            "target": list(targets),
            "var_file": [str(path.absolute()) for path in var_files],
        }
        options |= (
            {"lock": False} if lock_seconds is None else {"lock_timeout": f"{max(0, round(lock_seconds))}s"}
        )
        if mode == "refresh-only":
            options["refresh_only"] = True
        done = self._run("plan", options=options)
        said = self._said(done, left_lock=lock_seconds is not None)
        if said.status is not Status.OK:
            # Terraform saves a plan that failed or was stopped too: half of one, with values in the clear.
            out.unlink(missing_ok=True)
            return ToolResult(said.status, said.query, problem=said.problem)
        return ToolResult(Status.OK, said.query, out)

    def planned(
        self,
        *,
        mode: PlanMode = "normal",
        targets: Sequence[str] = (),
        var_files: Sequence[Path] = (),
        lock_seconds: float | None = None,
    ) -> ToolResult[dict[str, Any]]:
        """A plan as JSON (`plan`, then `show -json`); the plan file itself is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="lamp-plan-", dir=self.scratch) as folder:
            made = self.plan(
                Path(folder) / "plan",
                mode=mode,
                targets=targets,
                var_files=var_files,
                lock_seconds=lock_seconds,
            )
            if made.data is None:
                return ToolResult(made.status, made.query, problem=made.problem)
            return self.show_json(made.data)

    def apply(self, plan_file: Path, *, sha256: str = "", claim: str = "") -> EffectResult:
        """Applies a saved plan. `sha256` (hex), where given, is what the file must have; `claim` goes into the user
        agent, so that the API trace tells whose run it was.

        REFUSED: nothing was started. FAILED: Terraform itself refused before the first change. UNKNOWN: it failed
        later, or was stopped; some of it may be done, and the state says which.
        """
        if self.mirrored:
            return EffectResult(Outcome.REFUSED, f"{self.directory.name}: run `terraform init` in it first")
        try:
            found = hashlib.sha256(plan_file.read_bytes()).hexdigest()
        except OSError as error:
            return EffectResult(Outcome.REFUSED, f"{plan_file}: cannot be read ({error.strerror})")
        if sha256 and found != sha256:
            return EffectResult(Outcome.REFUSED, f"{plan_file}: is not the plan that was approved")
        missing = self._missing_workspace()
        if missing is not None:
            return EffectResult(Outcome.REFUSED, missing.problem)
        env = {"TF_APPEND_USER_AGENT": printable(claim, limit=100)} if claim else {}
        done = self._run("apply", str(plan_file.absolute()), options={"input": False}, env=env)
        if done.code == 0 and not done.timed_out:
            summary = re.search(r"^Apply complete!.*$", done.stdout.decode("utf-8", "replace"), re.MULTILINE)
            return EffectResult(Outcome.DONE, summary[0].strip() if summary else "applied")
        said = self._said(done, left_lock=True)
        started = re.search(rb": (Creat|Modify|Destroy)ing\.\.\.", done.stdout) is not None
        ended = not started and not done.timed_out and not self.cancel.is_set() and done.code > 0
        return EffectResult(Outcome.FAILED if ended else Outcome.UNKNOWN, said.problem)

    def validate(self) -> ToolResult[dict[str, Any]]:
        """`terraform validate -json`: OK with its report (`valid`, `diagnostics`), or ERROR."""
        return self._json("validate")

    def show_json(self, path: Path | None = None) -> ToolResult[dict[str, Any]]:
        """`terraform show -json [path]` of a state or saved plan; with none, of the directory's state."""
        return self._json("show", *([str(path)] if path else []))

    def schemas(self) -> ToolResult[dict[str, Any]]:
        """`terraform providers schema -json`: every provider that the code and the state use. 3 s and 14 MB for AWS."""
        return self._json("providers schema")

    def pull_state(self) -> ToolResult[bytes]:
        """`terraform state pull`, which takes no lock: the state as it is stored; NO_DATA where there is none yet."""
        missing = self._missing_workspace()
        if missing is not None:
            return missing
        done = self._run("state pull")
        said = self._said(done)
        if said.status is not Status.OK:
            return ToolResult(said.status, said.query, problem=said.problem)
        document = _object(done.stdout) or {}
        # An HTTP address without a state gives an empty one that has no lineage.
        if not done.stdout.strip() or (document.get("lineage") == "" and not document.get("resources")):
            return ToolResult(Status.NO_DATA, said.query)
        return ToolResult(Status.OK, said.query, done.stdout)

    def workspaces(self) -> ToolResult[tuple[str, ...]]:
        """The workspaces that the backend has; none is made or selected."""
        # A TF_WORKSPACE that does not exist is listed, and made on the local backend.
        done = self._run("workspace list", env={"TF_WORKSPACE": ""})
        said = self._said(done)
        if said.status is not Status.OK:
            return ToolResult(said.status, said.query, problem=said.problem)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        names = tuple(line.lstrip("* ").strip() for line in lines if line.strip())
        return ToolResult(Status.OK, said.query, names)

    def workspace(self) -> ToolResult[str]:
        """The workspace that a command of this one runs in: the environment's, else the selected one."""
        said = self._said(self._run("workspace show"))
        return said if said.data is None else ToolResult(said.status, said.query, said.data.strip())

    def _missing_workspace(self) -> ToolResult[Any] | None:
        """What is said of a workspace from the environment that does not exist; None when all is well."""
        if not self._unsure_of:
            return None
        listed = self.workspaces()
        if listed.data is None:
            return ToolResult(listed.status, listed.query, problem=listed.problem)
        if self._unsure_of not in listed.data:
            name = printable(self._unsure_of, limit=100)
            problem = f"there is no workspace {name}; mend TF_WORKSPACE"
            return ToolResult(Status.ERROR, listed.query, problem=problem)
        self._unsure_of = ""
        return None

    def formatted(self, content: str) -> ToolResult[str]:
        """One .tf file's text as `terraform fmt` writes it; ERROR with the line when it is not HCL."""
        done = self._run("fmt", "-", stdin=content.encode())
        said = self._said(done)
        if said.status is not Status.OK:
            return said
        return ToolResult(Status.OK, said.query, done.stdout.decode("utf-8", "replace"))

    def console(self, expression: str) -> ToolResult[str]:
        """What `terraform console` prints for a one-line expression. It locks the state of its directory, and no option
        forbids that: use `evaluate` for anything that does not need the state."""
        done = self._run("console", stdin=expression.encode() + b"\n")
        said = self._said(done)
        text = done.stderr.decode("utf-8", "replace")
        # What cannot be computed in the files themselves is told, and the console ends well all the same.
        if said.status is Status.OK and "Error: " in text:
            return ToolResult(Status.ERROR, said.query, problem=terraform_failures.explain(text).line)
        return said

    def _json(self, verb: str, *arguments: str) -> ToolResult[dict[str, Any]]:
        done = self._run(verb, *arguments, options={"json": True})
        document = _object(done.stdout)
        # `validate` tells by its exit code that the code is not valid, and why in its document.
        if document is not None and not done.timed_out and (done.code == 0 or verb == "validate"):
            return ToolResult(Status.OK, " ".join(done.argv), document)
        said = self._said(done)
        problem = said.problem or "what it printed is not JSON"
        status = Status.ERROR if said.status is Status.OK else said.status
        return ToolResult(status, said.query, problem=problem)

    def _said(self, done: process.Completed, *, left_lock: bool = False) -> ToolResult[str]:
        """OK with what the command printed, or what went wrong."""
        query = " ".join(done.argv)
        if done.timed_out or (self.cancel.is_set() and done.code != 0):
            problem = (
                f"took longer than {self.seconds:g} s and was stopped; check that the endpoints of providers and"
                " backend answer, or allow more time"
                if done.timed_out
                else "was cancelled"
            )
            if left_lock and done.code == -signal.SIGKILL:
                problem += (
                    "; it did not stop by itself, so its state lock may be left: see `terraform force-unlock`"
                )
            return ToolResult(Status.ERROR, query, problem=problem)
        if done.dropped:
            limit = f"{_OUTPUT_LIMIT // 1024 // 1024} MiB"
            return ToolResult(
                Status.ERROR, query, problem=f"printed more than {limit}; check a smaller directory"
            )
        if done.code != 0:
            failure = terraform_failures.explain((done.stderr or done.stdout).decode("utf-8", "replace"))
            return ToolResult(failure.status, query, problem=failure.line)
        return ToolResult(Status.OK, query, done.stdout.decode("utf-8", "replace"))

    def _run(
        self,
        verb: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        options: Mapping[str, object] | None = None,
        stdin: bytes = b"",
    ) -> process.Completed:
        argv = self.arguments(verb, *arguments, **(options or {}))
        if self.cancel.is_set():
            return process.Completed(tuple(argv), -signal.SIGINT, b"", b"", False, 0, 0.0)
        grace = _APPLY_GRACE_SECONDS if verb == "apply" else _GRACE_SECONDS
        with ended_by(self.cancel, grace):
            return process.run(
                argv,
                cwd=self.directory,
                env={name: value for name, value in {**self.env, **(env or {})}.items() if value},
                timeout_s=self.seconds,
                stdin=stdin,
                max_output=_OUTPUT_LIMIT,
                grace_s=grace,
            )

    def arguments(self, verb: str, *arguments: str, **options: object) -> list[str]:
        """The argument list, program first. Raises InputError on an argument that would be read as an option."""
        from python_terraform import IsFlagged
        from python_terraform import Terraform as Speller

        for argument in arguments:
            if argument.startswith("-") and argument != "-":
                raise InputError(printable(argument), "starts with a dash", "give the path as ./NAME")
        # Only its spelling is used; in the null device it finds no state to read.
        speller = Speller(working_dir=os.devnull, terraform_bin_path=self.program)
        flags = {name: IsFlagged if value is True else value for name, value in options.items()}
        defaults = {"no_color": IsFlagged} if verb != "version" else {}
        spelled: list[str] = speller.generate_cmd_string(verb, *arguments, **defaults, **flags)
        return spelled

    @contextlib.contextmanager
    def _private_file(self, content: str, suffix: str) -> Iterator[Path]:
        with tempfile.NamedTemporaryFile("w", suffix=suffix, dir=self.scratch, encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            yield Path(stream.name)


@contextlib.contextmanager
def opened(
    directory: Path,
    *,
    program: str = "terraform",
    seconds: float = 120.0,
    env: Mapping[str, str] | None = None,
    cancel: threading.Event | None = None,
    contents: Mapping[str, bytes] | None = None,
) -> Iterator[Terraform]:
    """Terraform for reading `directory`, which it leaves as it is: initialised directories are used where they are,
    for others a mirror stands in (`mirrored`), in which `init` is to be called first. With `contents`, a mirror in
    which those files hold that, of an initialised directory too: see `place_for`. Raises InputError for what is no
    directory.
    """
    given = os.environ if env is None else env
    with place_for(directory, given, contents) as place:
        data = {} if place.data is None else {"TF_DATA_DIR": str(place.data)}
        yield Terraform(
            place.folder,
            program=program,
            seconds=seconds,
            env={**given, **data},
            cancel=cancel,
            scratch=place.private,
            mirrored=place.mirrored,
        )


def evaluate(
    sources: Mapping[str, str],
    expressions: Mapping[str, str],
    *,
    program: str = "terraform",
    seconds: float = 30.0,
) -> ToolResult[dict[str, Any]]:
    """Values of expressions, by name, as Terraform itself computes them, all in one call.

    `sources` are the files (name to text) whose variables and locals the expressions may use, .tfvars included;
    nothing else of a module belongs in them: `terraform console` locks the state of its directory and wants its
    providers, so it runs in a folder that has neither. One expression that cannot be computed fails the batch.
    """
    members = "".join(f"    {_quoted(name)} = (\n{text}\n)\n" for name, text in expressions.items())
    with tempfile.TemporaryDirectory(prefix="lamp-console-") as name:
        folder = Path(name)
        for file, text in sources.items():
            (folder / Path(file).name).write_text(text, encoding="utf-8")
        (folder / f"{_BATCH}.tf").write_text(
            f"locals {{\n  {_BATCH} = {{\n{members}  }}\n}}\n", encoding="utf-8"
        )
        env = {
            name: value for name, value in os.environ.items() if name not in ("TF_DATA_DIR", "TF_WORKSPACE")
        }
        terraform = Terraform(folder, program=program, seconds=seconds, env=env)
        said = terraform.console(f"jsonencode(local.{_BATCH})")
    if said.data is None:
        return ToolResult(said.status, said.query, problem=said.problem)
    # What is printed is a string literal of the language: JSON's, with its two template marks doubled.
    printed = said.data.strip().replace("$${", "${").replace("%%{", "%{")
    try:
        values = json.loads(json.loads(printed))
    except (ValueError, TypeError):
        problem = f"an expression has no value yet, or a secret one: {printable(printed, limit=100)}"
        return ToolResult(Status.ERROR, said.query, problem=problem)
    return ToolResult(Status.OK, said.query, values)


def _quoted(text: str) -> str:
    """A string literal of the language; what stands in it stays text."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _settings(values: Mapping[str, str]) -> str:
    """Backend settings as a file; text from outside stays text."""
    lines: list[str] = []
    for name, value in values.items():
        if not _SETTING.match(name):
            raise InputError(printable(name, limit=100), "is no backend setting", "give name=value")
        lines.append(f"{name} = {_quoted(value)}\n")
    return "".join(lines)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
