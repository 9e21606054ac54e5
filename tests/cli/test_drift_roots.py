"""`lamp drift check --recursive`: several roots and workspaces, states from elsewhere, each trace asked once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift.many import Asked, check_with, checks_of
from lamplighter.drift.roots import find_roots
from lamplighter.scenarios.bench_cli import SAMPLE_CHECK, heavy_imports
from lamplighter.tools import process
from lamplighter.tools.cloudtrail import TraceFiles
from tests.cli.test_drift_check import breaches
from tests.command import ROOT, lamp
from tests.drift.code.world import PROVIDER, call, resource, state_document
from tests.tools.lookup_server import History, error, serving
from tests.tools.web import Answer, served, unrecorded_cloud

ONE, TWO = "123456789012", "222222222222"
ROLE = f"arn:aws:iam::{TWO}:role/lamp-read"
CHECK = ("drift", "check", "tree", "--recursive")
FILES = (*CHECK, "--trace", "trace.json")


def queue(name: str, *, account: str = ONE, region: str = "eu-west-1", alias: str = "") -> dict[str, Any]:
    arn = f"arn:aws:sqs:{region}:{account}:{name}"
    entry = resource("aws_sqs_queue", "q", {"id": "u", "name": name, "arn": arn, "delay_seconds": 5})
    return {**entry, "provider": f"{PROVIDER}.{alias}" if alias else PROVIDER}


def changed(name: str, *, account: str = ONE, region: str = "eu-west-1", **more: Any) -> dict[str, Any]:
    parameters = {"queueUrl": f"https://x/1/{name}", "attributes": {"DelaySeconds": "900"}}
    more = {"recipientAccountId": account, "awsRegion": region, **more}
    return call("sqs:SetQueueAttributes", parameters, **more)


def code(name: str, head: str = 'provider "aws" {\n  region = "eu-west-1"\n}\n', more: str = "") -> str:
    return head + f'resource "aws_sqs_queue" "q" {{\n  name = "{name}"\n  delay_seconds = 5\n{more}}}\n'


class Tree:
    """A tree of roots below `tree`, and the trace beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.tree.mkdir()

    def root(self, path: str, text: str, **states: Mapping[str, Any]) -> Path:
        """`states` by workspace."""
        place = self.tree / path
        place.mkdir(parents=True, exist_ok=True)
        (place / "main.tf").write_text(text)
        for workspace, document in states.items():
            at = place / "terraform.tfstate.d" / workspace if workspace != "default" else place
            at.mkdir(parents=True, exist_ok=True)
            (at / "terraform.tfstate").write_text(json.dumps(state_document(document)))
        return place

    def trace(self, *calls: dict[str, Any]) -> None:
        (self.folder / "trace.json").write_text(json.dumps({"Records": calls}))

    def report(self, *arguments: str, code: int, **variables: str) -> dict[str, Any]:
        done = lamp(self.folder, *arguments, "--json", **variables)
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.code == code == found["exit_code"], (done.stderr, found.get("not_checked"))
        return found


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.root("a", code("qa"), default=queue("qa"))
    made.root("b", code("qb"), default=queue("qb"))
    made.trace(changed("qa"), changed("qb"))
    return made


def rows(report: Mapping[str, Any]) -> list[tuple[str, str, list[str], int]]:
    return [
        (row["root"], row["workspace"], [item["where"] for item in row["findings"]], row["exit_code"])
        for row in report["roots"]
    ]


def test_every_root_has_its_own_findings_and_ids(tree: Tree) -> None:
    report = tree.report(*FILES, code=2)
    assert rows(report) == [
        ("a", "default", ["aws_sqs_queue.q"], 2),
        ("b", "default", ["aws_sqs_queue.q"], 2),
    ]
    first, second = (row["findings"][0]["id"] for row in report["roots"])
    assert first != second and first.split(".")[0] == second.split(".")[0]
    assert report["totals"]["drifts"] == report["totals"]["checked"] == 2
    alone = json.loads(
        lamp(tree.folder, "drift", "check", "tree/a", "--trace", "trace.json", "--json").stdout
    )
    assert alone["findings"][0]["id"] == first.split(".")[0]
    # The id of the whole report is understood where the one root is asked.
    told = lamp(tree.folder, "drift", "explain", first, "tree/a", "--trace", "trace.json")
    assert told.code == 0 and b"delay_seconds" in told.stdout


def test_the_json_is_the_same_twice_and_as_its_schema_says(tree: Tree) -> None:
    tree.root("broken", "provider {{{")
    tree.root("none", code("qn"))
    first, second = (lamp(tree.folder, *FILES, "--json") for _ in range(2))
    schema = json.loads(lamp(tree.folder, "schema", "print", "drift-roots").stdout)
    printed = json.loads(first.stdout)
    assert first.stdout == second.stdout and breaches(printed, schema, schema) == []
    assert printed["schema"] == schema["properties"]["schema"]["const"]


def test_a_root_that_cannot_be_read_does_not_stop_the_others(tree: Tree) -> None:
    tree.root("broken", "provider {{{")
    (tree.root("spoilt", code("qs")) / "terraform.tfstate").write_text("{")
    report = tree.report(*FILES, code=1)
    assert [row[3] for row in rows(report)] == [2, 2, 1]
    assert "spoilt/terraform.tfstate: not valid JSON" in report["roots"][2]["error"]
    assert report["incomplete"] and any("broken/main.tf" in line for line in report["not_checked"])
    assert report["totals"]["roots"] == 3 and report["totals"]["checked"] == 2


def test_each_workspace_is_a_check_of_its_own(tree: Tree) -> None:
    tree.root("c", code("qa"), prod=queue("qa"), dev=queue("qd"))
    report = tree.report(*FILES, code=2)
    assert [row[:3] for row in rows(report)[2:]] == [("c", "dev", []), ("c", "prod", ["aws_sqs_queue.q"])]
    narrowed = tree.report(*FILES, "--workspace", "prod", code=2)
    assert [row[:2] for row in rows(narrowed)] == [("c", "prod")]
    assert any("a: has no workspace prod" in line for line in narrowed["not_checked"])
    none = lamp(tree.folder, *FILES, "--workspace", "nowhere")
    assert none.code == 1 and none.stderr.count(b"\n") == 1 and b"nowhere" in none.stderr


def test_what_no_root_holds_is_said_once_and_what_one_holds_not_at_all(tree: Tree) -> None:
    made = [call("sqs:CreateQueue", {"queueName": name}, recipientAccountId=ONE) for name in ("qb", "free")]
    for one, name in zip(made, ("qb", "free"), strict=True):
        one["responseElements"] = {"queueUrl": f"https://x/1/{name}"}
    tree.trace(*made)
    report = tree.report(*FILES, "--fail-on", "info", code=2)
    assert [item["kind"] for item in report["unmanaged"]] == ["unmanaged"]
    assert report["unmanaged"][0]["details"]["resource_id"].endswith("free")
    alone = lamp(tree.folder, "drift", "check", "tree/a", "--trace", "trace.json", "--json")
    assert [item["where"].split()[-1] for item in json.loads(alone.stdout)["findings"]] == ["free", "qb"]
    assert not any(item["kind"] == "unmanaged" for row in report["roots"] for item in row["findings"])
    cited = {name for item in report["unmanaged"] for name in item["evidence"]}
    assert cited == {piece["id"] for piece in report["evidence"]}


def test_every_form_names_every_root(tree: Tree) -> None:
    tree.root("spoilt", code("qs"))
    done = lamp(tree.folder, *FILES, "-o", "html=r.html", "-o", "markdown=r.md", "-o", "jsonl=r.jsonl")
    page, table = (tree.folder / "r.html").read_text(), (tree.folder / "r.md").read_text()
    for form in (done.stdout.decode(), page, table):
        assert form.count("drift") >= 2 and "spoilt" in form and "there is no state here" in form
    assert page.count("<svg") == 1 and page.count("<section>") == 3 and page.count("<article") == 2
    lines = [json.loads(line) for line in (tree.folder / "r.jsonl").read_text().splitlines()]
    assert [(line["root"], line["workspace"], line["kind"]) for line in lines] == [
        ("a", "default", "drift"),
        ("b", "default", "drift"),
    ]


def test_each_root_has_a_plan_but_code_of_several_workspaces_has_none(tree: Tree) -> None:
    tree.root("c", code("qa"), prod=queue("qa"), dev=queue("qa"))
    report = tree.report(*FILES, "--save-plan", code=2)
    plans = [row["plan"] for row in report["roots"]]
    assert plans[2:] == [None, None] and plans[0] and plans[1] and plans[0] != plans[1]
    shown = json.loads(lamp(tree.folder, "plan", "show", plans[0], "--json").stdout)
    assert shown["digest"] == plans[0] and str(tree.tree / "a") in json.dumps(shown)
    narrowed = tree.report(*FILES, "--save-plan", "--workspace", "prod", code=2)
    assert narrowed["roots"][0]["plan"]


@pytest.mark.parametrize("name", ["x\x1b[2J", "a\nb", "::error::", "<b>", "-rf", "\udcff"])
def test_names_of_directories_are_shown_harmless(tree: Tree, name: str) -> None:
    tree.root(name, code("qa"), default=queue("qa"))
    done = lamp(tree.folder, *FILES, "-o", "html=r.html", "-o", "json=r.json")
    assert done.code == 2 and b"\x1b" not in done.stdout and "<b>" not in (tree.folder / "r.html").read_text()
    assert not any(line.startswith(b"::") for line in done.stdout.splitlines())
    found = json.loads((tree.folder / "r.json").read_text())
    assert len({item["id"] for row in found["roots"] for item in row["findings"]}) == 3


def test_links_that_lead_back_are_not_followed(tree: Tree) -> None:
    (tree.tree / "a" / "loop").symlink_to(tree.tree, target_is_directory=True)
    (tree.tree / "b" / "self").symlink_to("self")
    assert len(tree.report(*FILES, code=2)["roots"]) == 2


def test_only_roots_that_changed_are_checked(tree: Tree) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        assert process.run([*git, *words], cwd=tree.folder, env=dict(os.environ)).code == 0
    nothing = tree.report(*FILES, "--changed-since", "HEAD", code=0)
    assert nothing["roots"] == [] and "no root module was changed since HEAD" in nothing["not_checked"][0]
    (tree.tree / "b" / "main.tf").write_text(code("qb") + "\n")
    assert [row[0] for row in rows(tree.report(*FILES, "--changed-since", "HEAD", code=2))] == ["b"]


def test_a_trace_is_parsed_once_however_many_roots_there_are(tree: Tree) -> None:
    def parsed() -> int:
        source = TraceFiles([tree.folder / "trace.json"])
        checks, _ = checks_of(find_roots(tree.tree))
        report = check_with(checks, source, Asked(tree.tree))
        assert len(report.reports) == len(checks)
        return source.counts.events

    two = parsed()
    for number in range(10):
        tree.root(f"r{number}", code("qa"), default=queue("qa"))
    assert parsed() == two == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*FILES, "--state", "x.tfstate"), b"--state names the state of one root"),
        (("drift", "check", "tree/a", "--trace", "t", "--changed-since", "main"), b"add it"),
        (("drift", "check", "tree/a", "--trace", "t", "--jobs", "2"), b"add it"),
        (("drift", "check", "empty", "--recursive", "--trace", "trace.json"), b"holds no root module"),
        ((*FILES, "--changed-since", "no-such-ref"), b""),
    ],
)
def test_wrong_usage_is_one_line(tree: Tree, arguments: tuple[str, ...], words: bytes) -> None:
    (tree.folder / "empty").mkdir()
    done = lamp(tree.folder, *arguments)
    assert done.code in (1, 64) and words in done.stderr and done.stderr.count(b"\n") == 1


def test_nothing_heavy_is_loaded() -> None:
    words = (*SAMPLE_CHECK[:2], str(ROOT / "scenarios/projects"), "--recursive", *SAMPLE_CHECK[3:5])
    assert heavy_imports(words) == []


class TestStates:
    """Of one directory and of many, from where they are kept."""

    def test_over_http_by_address_and_by_backend(self, tree: Tree) -> None:
        backend = 'terraform {\n  backend "http" {\n    address = "URL/state"\n  }\n}\n'
        with served() as web:
            web.answers["/state"] = Answer(body=json.dumps(state_document(queue("qa"))).encode())
            tree.root("web", code("qa", head=backend.replace("URL", web.url)))
            (tree.tree / "a" / "terraform.tfstate").unlink()
            one = ("drift", "check", "tree/a", "--trace", "trace.json", "--state", f"{web.url}/state")
            assert len(tree.report(*one, code=2)["findings"]) == 1
            own = tree.report("drift", "check", "tree/web", "--trace", "trace.json", code=2)
            assert not own["incomplete"] and len(own["findings"]) == 1
            many = tree.report(*FILES, code=1)
            assert [row[3] for row in rows(many)] == [1, 2, 2]
            assert {asked.method for asked in web.asked} == {"GET"}
            web.answers.clear()
            gone = lamp(tree.folder, *one)
            assert gone.code == 1 and gone.stderr.count(b"\n") == 1 and gone.stdout == b""

    def test_in_s3(self, tree: Tree) -> None:
        boto3 = pytest.importorskip("boto3", reason="the aws extra is not installed")
        settings = 'bucket = "states"\n    key = "q"\n    region = "eu-west-1"'
        backend = f'terraform {{\n  backend "s3" {{\n    {settings}\n  }}\n}}\n'
        tree.root("s3", code("qa", head=backend))
        with unrecorded_cloud() as endpoint:
            keys = credentials(endpoint)
            client = boto3.client(
                "s3",
                endpoint_url=endpoint,
                region_name="eu-west-1",
                aws_access_key_id="k",
                aws_secret_access_key="s",
            )
            place = {"LocationConstraint": "eu-west-1"}
            client.create_bucket(Bucket="states", CreateBucketConfiguration=place)
            body = json.dumps(state_document(queue("qa"))).encode()
            for key in ("q", "env:/prod/q"):
                client.put_object(Bucket="states", Key=key, Body=body)
            report = tree.report(*FILES, code=2, **keys)
            assert rows(report)[2] == ("s3", "default", ["aws_sqs_queue.q"], 2)
            prod = tree.report(*FILES, "--workspace", "prod", code=2, **keys)
            assert [row[:2] for row in rows(prod)] == [("s3", "prod")]
            one = ("drift", "check", "tree/s3", "--trace", "trace.json")
            assert not tree.report(*one, code=2, **keys)["incomplete"]
            missing = lamp(tree.folder, *one, "--workspace", "dev", **keys)
            assert missing.code == 1 and b"there is no state here" in missing.stderr

    def test_what_the_files_do_not_tell_is_asked_of_nobody(self, tree: Tree) -> None:
        place = tree.root("gcs", code("qa", head='terraform {\n  backend "gcs" {\n  }\n}\n'))
        report = tree.report(*FILES, code=1)
        assert "give --state pull" in report["roots"][2]["error"]
        shutil.copy(tree.tree / "a" / "terraform.tfstate", place)
        copied = tree.report(*FILES, code=4)
        assert "may be an old copy" in copied["roots"][2]["not_checked"][0]


def credentials(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class TestLive:
    """Every account and region is asked once, with the role that the user's own settings name."""

    LIVE = (*CHECK, "--live", "--since", "24h")

    @pytest.fixture
    def history(self) -> History:
        pytest.importorskip("boto3", reason="the aws extra is not installed")
        made = History()
        when = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        west = {"account": TWO, "region": "us-west-2", "eventTime": when}
        made.events["eu-west-1"] = [changed(name, eventTime=when) for name in ("qa", "qb", "shared")]
        made.others[TWO] = {"us-west-2": [changed("qw", **west), changed("shared", **west)]}
        return made

    @pytest.fixture
    def endpoint(self, history: History) -> Iterator[str]:
        with serving(history) as url:
            yield url

    @staticmethod
    def two_accounts(tree: Tree) -> None:
        role = f'assume_role {{\n    role_arn = "{ROLE}"\n  }}'
        west = f'provider "aws" {{\n  alias = "west"\n  region = "us-west-2"\n  {role}\n}}\n'
        head = 'provider "aws" {\n  region = "eu-west-1"\n}\n' + west
        entry = queue("qw", account=TWO, region="us-west-2", alias="west")
        tree.root("w", code("qw", head=head, more="  provider = aws.west\n"), default=entry)

    def test_once_for_all_roots(self, tree: Tree, history: History, endpoint: str) -> None:
        self.two_accounts(tree)
        roles = {"LAMP_AWS_ROLES": f"{TWO}={ROLE}"}
        report = tree.report(*self.LIVE, code=2, **credentials(endpoint), **roles)
        assert [row[2:] for row in rows(report)] == [(["aws_sqs_queue.q"], 2)] * 3
        asked = sorted((one.account, one.region) for one in history.asked)
        assert asked == [(ONE, "eu-west-1"), (TWO, "us-west-2")]
        assert history.assumed == [ROLE] and history.identity_asked == 1
        # Its default provider works in the session's account, where it holds nothing yet.
        assert [row["coverage"]["accounts"] for row in report["roots"]] == [[ONE], [ONE], [ONE, TWO]]

    def test_an_account_that_no_role_reaches_is_a_gap(
        self, tree: Tree, history: History, endpoint: str
    ) -> None:
        self.two_accounts(tree)
        report = tree.report(*self.LIVE, code=4, **credentials(endpoint))
        assert [row[3] for row in rows(report)] == [2, 2, 4]
        line = f"account {TWO}, region us-west-2: no role is set for it; set aws_roles or aws_profiles"
        assert report["roots"][2]["not_checked"][0].startswith(line)
        assert {one.account for one in history.asked} == {ONE} and history.assumed == []

    def test_a_role_that_may_not_be_assumed_is_a_gap(
        self, tree: Tree, history: History, endpoint: str
    ) -> None:
        self.two_accounts(tree)
        history.untrusting.add(ROLE)
        roles = {"LAMP_AWS_ROLES": f"{TWO}={ROLE}"}
        report = tree.report(*self.LIVE, code=4, **credentials(endpoint), **roles)
        assert "may not be assumed (AccessDenied)" in report["roots"][2]["not_checked"][0]
        assert rows(report)[0][3] == 2

    def test_no_role_of_the_code_is_ever_assumed(self, tree: Tree, history: History, endpoint: str) -> None:
        self.two_accounts(tree)
        (tree.folder / "lamp.toml").write_text(f'aws_roles = {{ {TWO} = "{ROLE}" }}\n')
        done = lamp(tree.folder, *self.LIVE, **credentials(endpoint))
        assert done.code == 64 and b"may not be set by a file found in the project" in done.stderr
        assert history.assumed == [] and history.asked == []

    def test_where_the_account_is_pinned_only_the_first_pull_asks_whose_the_keys_are(
        self, tree: Tree, history: History, endpoint: str
    ) -> None:
        keys = {**credentials(endpoint), "AWS_ACCOUNT_ID": ONE}
        tree.report(*self.LIVE, code=2, **keys)
        assert history.identity_asked == 1
        before = len(history.asked)
        report = tree.report(*self.LIVE, code=4, **{**keys, "AWS_ACCOUNT_ID": "999999999999"})
        assert f"account {ONE}, region eu-west-1: no role is set" in report["not_checked"][0]
        assert len(history.asked) == before and history.identity_asked == 1

    def test_no_credentials_at_all_is_one_line(self, tree: Tree, history: History, endpoint: str) -> None:
        history.identity_error = "ExpiredToken"
        done = lamp(tree.folder, *self.LIVE, **credentials(endpoint))
        assert done.code == 1 and done.stderr.count(b"\n") == 1 and done.stdout == b""
        assert b"have expired" in done.stderr

    def test_what_was_not_pulled_is_told_of_every_root_that_needs_it(
        self, tree: Tree, history: History, endpoint: str
    ) -> None:
        self.two_accounts(tree)
        history.misbehave = lambda asked, number: (
            error("AccessDeniedException") if asked.account == TWO else None
        )
        roles = {"LAMP_AWS_ROLES": f"{TWO}={ROLE}"}
        report = tree.report(*self.LIVE, code=4, **credentials(endpoint), **roles)
        assert [row[3] for row in rows(report)] == [2, 2, 4]
        assert "is not allowed" in " ".join(report["roots"][2]["not_checked"])
