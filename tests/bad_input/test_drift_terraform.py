"""`lamp drift check --terraform` and what may be wrong with Terraform, which a program stands in for here."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lamplighter.tools import process
from tests.bad_input.test_drift_check import HOSTILE, Case
from tests.command import ROOT
from tests.tools.standin import calls, standin

CANARY = "canary-4711-value"
QUEUE = "aws_sqs_queue.q"
ANSWERS = """
verb = sys.argv[1]
if verb == "plan":
    [out] = [word[5:] for word in sys.argv if word.startswith("-out=")]
    open(out, "w").write("a plan")
elif verb in ("show", "providers"):
    print(open({folder!r} + "/" + verb + ".json").read())
"""
FAILING = """
if sys.argv[1] == {verb!r}:
    print({text!r}, file=sys.stderr)
    sys.exit(1)
"""


class Asked(Case):
    """The small project with a stand-in for Terraform on PATH, which says what `plan` says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.answer(self.plan())
        self.write("providers", {"format_version": "1.0", "provider_schemas": {}})

    def plan(self, before: Any = 30, after: Any = 5, **change: Any) -> dict[str, Any]:
        attributes = {"id": "https://q", "name": "q", "visibility_timeout_seconds": before}
        now = {**attributes, "visibility_timeout_seconds": after}
        entry = {"address": QUEUE, "mode": "managed", "type": "aws_sqs_queue", "name": "q"}
        entry["provider_name"] = "registry.terraform.io/hashicorp/aws"
        drifted = {**entry, "change": {"actions": ["update"], "before": attributes, "after": now, **change}}
        live = {**entry, "values": now}
        return {
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "resource_drift": [drifted] if before != after else [],
            "resource_changes": [],
            "prior_state": {"format_version": "1.0", "values": {"root_module": {"resources": [live]}}},
        }

    def answer(self, plan: Any, then: str = "") -> None:
        self.write("show", plan)
        self.variables = {"PATH": standin(self.programs, "terraform", then + self._answers())["PATH"]}

    def fail(self, verb: str, text: str) -> None:
        self.answer(self.plan(), FAILING.format(verb=verb, text=text))

    def write(self, verb: str, document: Any) -> None:
        (self.programs / f"{verb}.json").write_text(json.dumps(document))

    def _answers(self) -> str:
        return ANSWERS.format(folder=str(self.programs))

    def check(self, *more: str, **variables: str) -> tuple[int, dict[str, Any]]:
        done = self.lamp("check", "project", "--json", *more, **variables)
        assert b"Traceback" not in done.stderr, done.stderr
        return done.code, json.loads(done.stdout)

    def lamp(self, command: str, *arguments: str, **variables: str) -> process.Completed:
        argv = [sys.executable, "-m", "lamplighter", "drift", command, *arguments]
        env = {"HOME": str(self.folder), "PYTHONPATH": str(ROOT), **self.variables, **variables}
        return process.run([*argv, "--trace", self.trace.name], cwd=self.folder, env=env)

    def ran(self) -> list[str]:
        if not (self.programs / "calls.jsonl").exists():
            return []
        return [call["argv"][0] for call in calls(self.programs)]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_terraform_answers_and_nothing_is_written(asked: Asked) -> None:
    before = contents(asked.project)
    code, report = asked.check("--terraform")
    assert report["live"] == {"source": "terraform", "version": "1.11.4"}
    (finding,) = report["findings"]
    assert (finding["details"]["live"], finding["confidence"]) == (5, 1.0)
    assert not any("the cloud itself was not asked" in line for line in report["not_checked"])
    assert asked.ran() == ["init", "plan", "show", "providers"]
    plan = calls(asked.programs)[1]["argv"]
    assert "-lock=false" in plan and "-refresh-only" not in plan
    assert contents(asked.project) == before and not (asked.project / ".terraform").exists()
    assert code == 2


def test_without_it_terraform_is_not_run(asked: Asked) -> None:
    _, report = asked.check()
    assert report["live"] == {"source": "trace", "version": None} and asked.ran() == []
    assert "live values were taken from the trace; the cloud itself was not asked" in report["not_checked"]


def test_every_form_says_where_live_values_are_from(asked: Asked) -> None:
    for form in ("text", "markdown", "html"):
        said = asked.lamp("check", "project", "--terraform", "-o", form).stdout.decode()
        assert "as Terraform 1.11.4 sees them" in said, form
        alone = asked.lamp("check", "project", "-o", form).stdout.decode()
        assert "as Terraform" not in alone and "the cloud itself was not asked" in alone, form


@pytest.mark.parametrize(
    ("verb", "text", "told"),
    [
        ("init", "Error: Failed to query available provider packages\n\nCould not retrieve the list of available"
         " versions for provider hashicorp/aws: provider registry.terraform.io/hashicorp/aws was not found in any of"
         " the search locations", "terraform init: "),
        ("plan", "Error: configuring Terraform AWS Provider: ExpiredToken: The security token included in the request"
         " is expired", "expired"),
        ("plan", "Error: state snapshot was created by Terraform v1.99.0, which is newer than current v1.11.4;"
         " upgrade to Terraform v1.99.0 or greater to work with this state", "1.99.0"),
        ("plan", f"Error: {HOSTILE}", "terraform plan: "),
        ("show", "Error: Failed to read the given file as a state or plan file", "terraform plan: "),
    ],
    ids=["provider", "credentials", "newer state", "hostile", "show"],
)  # fmt: skip
def test_where_terraform_fails_the_traces_answer_is_given_in_full(
    asked: Asked, verb: str, text: str, told: str
) -> None:
    _, alone = asked.check()
    asked.fail(verb, text)
    code, report = asked.check("--terraform")
    assert code == 4 and report["incomplete"]
    assert report["findings"] == alone["findings"] and report["live"]["source"] == "trace"
    (line,) = [line for line in report["not_checked"] if "could not tell" in line]
    assert told in line and "\n" not in line and "\x1b" not in line and len(line) < 500
    printed = asked.lamp("check", "project", "--terraform").stdout.decode()
    assert "\n::error" not in printed and "\n##[error" not in printed and "\x1b" not in printed


def test_a_missing_program_is_named_with_the_remedy(asked: Asked) -> None:
    code, report = asked.check("--terraform", PATH=str(asked.folder / "nowhere"))
    (line,) = [line for line in report["not_checked"] if "could not tell" in line]
    assert code == 4 and "terraform: is not found; install it" in line and report["findings"]


@pytest.mark.parametrize(
    "printed", ["", "no JSON", "[]", '{"format_version": "9.0", "resource_changes": []}']
)
def test_a_plan_that_is_none(asked: Asked, printed: str) -> None:
    asked.answer(asked.plan())
    (asked.programs / "show.json").write_text(printed)
    code, report = asked.check("--terraform")
    assert code == 4 and len([line for line in report["not_checked"] if "could not tell" in line]) == 1
    assert report["findings"]


def test_schemas_that_cannot_be_had_leave_the_plan(asked: Asked) -> None:
    asked.fail("providers", "Error: no")
    _, report = asked.check("--terraform")
    assert report["live"]["source"] == "terraform" and len(report["findings"]) == 1
    assert any("no provider schema was given" in line for line in report["not_checked"])


def test_a_plan_that_hangs_is_ended_with_all_that_it_started(asked: Asked) -> None:
    pid = asked.folder / "pid"
    hang = f"""
import subprocess, time
if sys.argv[1] == "plan":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open({str(pid)!r}, "w").write(str(child.pid))
    time.sleep(600)
"""
    asked.answer(asked.plan(), hang)
    begun = time.monotonic()
    code, report = asked.check("--terraform", LAMP_BUDGETS_SECONDS="3")
    (line,) = [line for line in report["not_checked"] if "could not tell" in line]
    assert code == 4 and "was stopped" in line and report["findings"]
    assert time.monotonic() - begun < 60
    state = Path(f"/proc/{pid.read_text()}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_drift_that_no_call_accounts_for(asked: Asked) -> None:
    asked.write_trace([])
    code, report = asked.check("--terraform")
    (finding,) = report["findings"]
    assert code == 4 and finding["details"]["origin"] == "unattributed" and finding["confidence"] < 1
    assert f"who changed {QUEUE} is not known: no call in the trace accounts for it" in report["not_checked"]
    for form in ("text", "markdown", "html"):
        done = asked.lamp("check", "project", "--terraform", "-o", form)
        assert b"Traceback" not in done.stderr and "unattributed" in done.stdout.decode(), form
    explained = asked.lamp("explain", QUEUE, "project", "--terraform").stdout.decode()
    assert (
        "not known: no call in the trace accounts for it" in explained
        and "calls of this actor" not in explained
    )


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "markdown", "html"])
def test_what_terraform_marks_as_sensitive_is_shown_nowhere(asked: Asked, form: str) -> None:
    marks = {"visibility_timeout_seconds": True}
    plan = asked.plan(f"{CANARY}-1", f"{CANARY}-2", before_sensitive=marks, after_sensitive=marks)
    asked.answer(plan)
    for trace in (None, []):
        if trace is not None:
            asked.write_trace(trace)
        for command in (("check", "project", "--save-plan"), ("explain", QUEUE, "project")):
            if command[0] == "explain" and form in ("markdown", "html"):
                continue
            done = asked.lamp(*command, "--terraform", "-o", form)
            printed = (done.stdout + done.stderr).decode()
            assert "sensitive" in printed and CANARY not in printed, (command, printed)
    stored = b"".join(contents(asked.folder / ".local").values())
    assert stored and CANARY.encode() not in stored


class TestSettings:
    def test_the_key_switches_it_on_and_the_option_off(self, asked: Asked) -> None:
        _, report = asked.check(LAMP_TERRAFORM="true")
        assert report["live"]["source"] == "terraform"
        _, report = asked.check("--no-terraform", LAMP_TERRAFORM="true")
        assert report["live"]["source"] == "trace"

    @pytest.mark.parametrize("text", ["maybe", "yes", ""])
    def test_a_switch_is_true_or_false(self, asked: Asked, text: str) -> None:
        done = asked.lamp("check", "project", LAMP_TERRAFORM=text)
        assert done.code == 64 and b"true or false is wanted" in done.stderr

    @pytest.mark.parametrize(
        "line", ["terraform = true", 'terraform_program = "./evil"', 'terraform_program = "/tmp/terraform"']
    )
    def test_a_file_found_in_the_project_widens_nothing(self, asked: Asked, line: str) -> None:
        (asked.folder / "lamp.toml").write_text(f"{line}\n")
        done = asked.lamp("check", "project")
        assert done.code == 64 and b"may not be set by a file found in the project" in done.stderr
        assert asked.ran() == []

    def test_a_file_found_in_the_project_does_not_switch_it_off(self, asked: Asked) -> None:
        own = asked.folder / ".config" / "lamplighter" / "lamp.toml"
        own.parent.mkdir(parents=True)
        own.write_text("terraform = true\n")
        assert asked.check()[1]["live"]["source"] == "terraform"
        (asked.folder / "lamp.toml").write_text("terraform = false\n")
        assert asked.check()[1]["live"]["source"] == "terraform"
        own.unlink()
        assert asked.check()[1]["live"]["source"] == "trace"

    def test_another_program_by_name_and_by_path(self, asked: Asked) -> None:
        standin(asked.programs, "tofu", asked._answers())
        (asked.folder / "lamp.toml").write_text('terraform_program = "tofu"\n')
        assert asked.check("--terraform")[1]["live"]["source"] == "terraform"
        (asked.folder / "lamp.toml").unlink()
        path = str(asked.programs / "tofu")
        _, report = asked.check("--terraform", LAMP_TERRAFORM_PROGRAM=path, PATH=os.defpath)
        assert report["live"]["source"] == "terraform"


def test_resources_of_other_providers_are_checked_by_terraform_alone(asked: Asked) -> None:
    state = json.loads(asked.state.read_text())
    other = {
        "mode": "managed",
        "type": "google_thing",
        "name": "t",
        "provider": 'provider["x/hashicorp/google"]',
    }
    state["resources"].append({**other, "instances": [{"schema_version": 0, "attributes": {"id": "t"}}]})
    asked.write_state(state)
    said = "provider google: its resources are not checked"
    assert said in asked.check()[1]["not_checked"]
    assert said not in asked.check("--terraform")[1]["not_checked"]
