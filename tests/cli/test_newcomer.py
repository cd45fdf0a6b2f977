"""What a newcomer tried first, and must not stumble over again."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import msgspec
import pytest
import yaml

from clusterproof.checks.mended import Change, Fix
from clusterproof.checks.paths import _also
from clusterproof.cli.commands import fix
from clusterproof.cli.options import DUMP_KINDS
from clusterproof.reach.trace import Layer
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.kinds import ALL, BY_NAME
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Overlay, Put
from clusterproof.snapshot.snapshot import Meta, Snapshot
from tests.cli.conftest import ROOT, Run
from tests.reports import examples

WORKER, ETCD = "deploy/dynamo/vllm-agg-vllmdecodeworker", "svc/dynamo/dynamo-platform-etcd"
VALIDATOR = "job/aicr-validation/aicr-ai-service-metrics"
DEMO = ("--world", "demo", "--profile", "dynamo")


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """The demo's kubectl and aws output as a directory ``dump`` where the command runs."""
    with resources.as_file(resources.files("clusterproof") / "worlds" / "demo") as path:
        shutil.copytree(path, tmp_path / "dump")
    return tmp_path / "dump"


def own_profile(run: Run, path: Path, name: str) -> None:
    """A copy of the built-in profile under a name, without its last MUST."""
    profile = yaml.safe_load(run("profiles", "show", "dynamo", "-o", "yaml").stdout)
    profile["name"] = name
    profile["requirements"] = [r for r in profile["requirements"] if r["id"] != "nats-from-gpu-nodes"]
    profile.pop("passages", None)
    path.write_text(yaml.safe_dump(profile), "utf-8")


def printed(text: str, command: str) -> list[str]:
    """The words of a command that a report proposes."""
    joined = " ".join(text.replace("\\\n", " ").split())
    match = re.search(rf"clusterproof ({command} .*?)(?:, or this| More:|$)", joined)
    assert match
    return shlex.split(match[1])


@pytest.mark.parametrize("name", ["mine", "dynamo"])
def test_commands_of_an_own_profile_can_be_run(run: Run, dump: Path, tmp_path: Path, name: str) -> None:
    """The proposed commands use the file, also where it still has the built-in profile's name."""
    assert dump.is_dir()
    own_profile(run, tmp_path / "my copy.yaml", name)
    shown = run("check", "dump", "--profile", "my copy.yaml").stdout
    mending, manual = printed(shown, "fix"), printed(shown, "explain")
    assert mending == ["fix", "dump", "--profile", "my copy.yaml", "--as", "aws-cli"]
    assert manual == ["explain", f"{name}/etcd-from-gpu-nodes", "--profile", "my copy.yaml"]
    done = run(*mending)
    assert done.returncode == 0
    assert "4222" not in done.stdout
    assert run(*manual).returncode == 0


def test_proposed_command_repeats_what_chose_the_input(run: Run, dump: Path) -> None:
    """--collected and --cluster stand in the proposed command; more than two inputs are SRC."""
    chosen = ("--collected", "networkpolicies", "--cluster", "demo-gpu")
    shown = run("check", "dump", *chosen, "--profile", "dynamo").stdout
    assert printed(shown, "fix") == ["fix", "dump", *chosen, "--profile", "dynamo", "--as", "aws-cli"]
    files = [str(path.relative_to(dump.parent)) for path in sorted(dump.rglob("*.json"))]
    shown = run("check", *files, "--profile", "dynamo").stdout
    assert printed(shown, "fix") == ["fix", "SRC", "--profile", "dynamo", "--as", "aws-cli"]


def test_explain_says_how_an_own_profile_is_named(run: Run) -> None:
    """A requirement that no built-in profile has may be one of the user's own."""
    assert "for a profile of your own add --profile FILE" in run("explain", "mine/x").stderr


def test_faults_of_a_profile_stand_on_lines_of_their_own(run: Run, tmp_path: Path) -> None:
    """The first eight, each on its line, and the number of the rest."""
    profile = yaml.safe_load(run("profiles", "show", "dynamo", "-o", "yaml").stdout)
    for requirement in profile["requirements"]:
        requirement["titel"] = 1
    (tmp_path / "my3.yaml").write_text(yaml.safe_dump(profile), "utf-8")
    lines = run("profiles", "validate", "my3.yaml").stderr.splitlines()
    assert lines[0].startswith("clusterproof: my3.yaml: requirements[0]: unknown key 'titel'")
    assert all(line.startswith("my3.yaml: requirements[") for line in lines[1:-1])
    assert (len(lines), lines[-1]) == (9, "my3.yaml: and 2 more")


def test_fix_says_what_could_not_be_decided(run: Run, dump: Path) -> None:
    """Where nothing fails because too little is known, that is said, with what would decide it; status 3."""
    (dump / "aws" / "security-groups.json").unlink()
    done = run("fix", "dump", "--profile", "dynamo")
    assert (done.returncode, done.stdout) == (3, "")
    said = [line for line in done.stderr.splitlines() if "note:" not in line]
    assert said[0] == (
        "clusterproof: nothing fails, but 4 MUST and 1 SHOULD requirements could not be decided; "
        "to decide what is unknown:"
    )
    assert any("aws ec2 describe-security-groups" in line for line in said[1:])


def test_kubectl_cannot_mend_security_groups(run: Run) -> None:
    """When none of the changes can be made with kubectl, that is said, and the status is not 0."""
    done = run("fix", *DEMO, "--as", "kubectl")
    assert done.returncode == 1
    assert done.stderr == (
        "clusterproof: 0 of 4 changes can be made with kubectl: they are security group rules; use --as aws-cli\n"
    )


def test_kubectl_makes_a_part() -> None:
    """Of a mixed plan it is said how much; of one that kubectl makes whole, nothing."""
    policy = Put("networkpolicies", {"apiVersion": "networking.k8s.io/v1"})
    rule, entry = AddPermission("sg-1", egress=False, permission={}), AddAclEntry("acl-1", {})
    own = Change("change it", Ref("networkpolicies", "a/b"))
    mixed = Fix(proven=True, changes=(own,) * 7, overlay=Overlay((policy, rule, policy, entry, policy, rule, entry)))
    snapshot = Snapshot(Meta(), {})
    assert fix._left(mixed, snapshot, "kubectl") == (
        "3 of 7 changes can be made with kubectl: the others are security group rules and network ACL entries; "
        "use --as aws-cli"
    )
    assert fix._left(Fix(proven=True, changes=(own,), overlay=Overlay((policy,))), snapshot, "kubectl") == ""


def test_helm_makes_what_a_profile_says_and_nothing_else(run: Run) -> None:
    """What Helm cannot make is counted and named in comments, and the status is not 0."""
    done = run("fix", *DEMO, "--as", "helm")
    assert done.returncode == 1
    assert done.stderr == (
        "clusterproof: 0 of 4 changes can be made with helm: they are security group rules; use --as aws-cli\n"
    )
    assert "# Helm cannot make these changes; see --as aws-cli or --as terraform:\n" in done.stdout
    assert all(line.startswith("#") for line in done.stdout.splitlines())


def test_fix_takes_no_format_for_a_file(run: Run, tmp_path: Path) -> None:
    """``-o json`` elsewhere names a format; here it would be a file of that name. ``./json`` is one."""
    for name, instead in (("json", "clusterproof check … -o json"), ("terraform", "--as terraform")):
        done = run("fix", *DEMO, "-o", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"write -o ./{name} for a file, or {instead}" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert run("fix", *DEMO, "-o", "./json").returncode == 0
    assert (tmp_path / "json").read_text("utf-8").startswith("# clusterproof: proven")


def redirected(arguments: str, directory: Path) -> tuple[int, str]:
    """The status and stderr of a command line with redirections."""
    done = subprocess.run(  # noqa: S602 - a fixed text
        f"{shlex.quote(sys.executable)} -m clusterproof {arguments}",
        shell=True,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("to", "says"), [(">&-", "standard output is closed"), ("> /dev/full", "No space left on device")]
)
def test_report_that_cannot_be_written_is_a_sentence(tmp_path: Path, to: str, says: str) -> None:
    """A closed or full standard output is no fault of clusterproof, and no verdict either."""
    if "full" in to and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    status, error = redirected(f"demo {to}", tmp_path)
    assert status == 2
    assert (
        error == f"clusterproof: cannot write the report: {says}; write it into a file with -o, or send it elsewhere\n"
    )


def test_closed_stdout_does_not_matter_to_a_file(tmp_path: Path) -> None:
    """What goes into a file is written, with the check's own status."""
    status, error = redirected("check --world demo --profile dynamo -o json=x.json >&-", tmp_path)
    assert (status, error) == (1, "clusterproof: wrote x.json\n")
    assert json.loads((tmp_path / "x.json").read_text("utf-8"))["exit_status"] == 1


@pytest.mark.parametrize("name", ["dynamo-platform-etcd.dynamo", "dynamo-platform-etcd.dynamo.svc"])
def test_why_takes_a_name_as_clients_use_it(run: Run, name: str) -> None:
    """What a report prints as a name can be asked about."""
    asked = run("why", WORKER, f"{name}:2379", "--world", "demo")
    assert asked == run("why", WORKER, f"{ETCD}:2379", "--world", "demo")
    whole = f"{name.removesuffix('.svc')}.svc.cluster.local:2379"
    assert asked == run("why", WORKER, whole, "--world", "demo")
    wrong = run("why", WORKER, "dynamo-platform-etcdd.dynamo.svc:2379", "--world", "demo")
    assert "did you mean svc/dynamo/dynamo-platform-etcd" in wrong.stderr


def test_why_takes_a_pod_for_its_controller(run: Run, dump: Path) -> None:
    """A pod, at either end, is the workload that owns it."""
    items = json.loads((dump / "kubernetes" / "pods.json").read_text("utf-8"))["items"]
    names = [item["metadata"]["name"] for item in items if item["metadata"]["namespace"] == "dynamo"]
    worker = next(name for name in names if "vllmdecodeworker" in name)
    etcd = next(name for name in names if "etcd" in name)
    asked = run("why", f"pod/dynamo/{worker}", f"{ETCD}:2379", "--world", "demo")
    assert asked == run("why", WORKER, f"{ETCD}:2379", "--world", "demo")
    to_pod = run("why", WORKER, f"pod/dynamo/{etcd}:2379", "--world", "demo").stdout
    assert " ".join(to_pod.split()).startswith(f"{WORKER} to sts/dynamo/dynamo-platform-etcd, 2379/TCP from ")


@pytest.mark.parametrize("source", [ETCD, "dynamo-platform-etcd.dynamo.svc"])
def test_a_service_is_no_source(run: Run, source: str) -> None:
    """A Service sends nothing; whose pods do is said."""
    done = run("why", source, f"{ETCD}:2379", "--world", "demo")
    assert done.returncode == 2
    assert "is a Service, which sends nothing itself; name the workload instead: sts/dynamo/dynamo-platform-etcd" in (
        done.stderr
    )


def test_why_counts_the_further_layers_that_refuse() -> None:
    """A repair of the first layer alone would not do, so the sentence names the others, each once."""
    cell = examples.blocked("etcd", "etcd", "10.0.3.21", 2379).matrix
    assert cell is not None
    first = cell.cells[0]
    assert first.hop is not None
    assert _also((first,)) == ""
    policy = msgspec.structs.replace(first.hop, layer=Layer.POLICY_INGRESS)
    back = msgspec.structs.replace(first.hop, layer=Layer.ACL_RETURN_OUT)
    one = msgspec.structs.replace(first, path=(*first.path, policy))
    assert _also((one, one)) == ", and 1 more layer refuses too (policy ingress)"
    two = msgspec.structs.replace(first, path=(*first.path, policy, back))
    assert _also((one, two)) == ", and 2 more layers refuse too (policy ingress and network ACL return out)"


def test_files_come_last(run: Run, dump: Path) -> None:
    """The order of other commands is answered with the right one."""
    assert dump.is_dir()
    done = run("why", "dump", WORKER, f"{ETCD}:2379")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"clusterproof: the files come last: clusterproof why {WORKER} {ETCD}:2379 dump\n"


def test_why_about_a_profiles_own_pod(run: Run) -> None:
    """The validator's Job is in no cluster: the profile brings it."""
    target = "svc/monitoring/kube-prometheus-prometheus:9090"
    without = run("why", VALIDATOR, target, "--world", "demo")
    assert without.returncode == 2
    assert "a workload that a profile brings needs --profile NAME" in without.stderr
    done = run("why", VALIDATOR, target, *DEMO)
    assert done.returncode == 1
    assert "It depends." in done.stdout


def test_the_one_kubectl_command_is_enough(run: Run, dump: Path) -> None:
    """The kinds that the help, the README and the message without input name give the demo's verdicts."""
    items = []
    for name in DUMP_KINDS:
        path = dump / "kubernetes" / f"{name}.json"
        items += json.loads(path.read_text("utf-8"))["items"]
    assert set(DUMP_KINDS) <= set(BY_NAME)
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    named = ("dump/kubernetes/helm.json", "dump/aws", "--collected", ",".join(DUMP_KINDS))
    done = run("check", "-", *named, "--profile", "dynamo", "-o", "json", stdin=whole)
    found, wanted = (json.loads(text)["findings"] for text in (done.stdout, run("demo", "-o", "json").stdout))
    assert [(f["id"], f["verdict"]) for f in found] == [(f["id"], f["verdict"]) for f in wanted]
    for finding, other in zip(found, wanted, strict=True):
        assert (finding["odds"], finding["unknowns"]) == (other["odds"], other["unknowns"])


def test_the_one_kubectl_command_is_the_same_everywhere(run: Run) -> None:
    """The README and the help of check ask for the same kinds."""
    known = {kind.name for kind in ALL}
    for text in ((ROOT / "README.md").read_text("utf-8"), run("check", "--help").stdout):
        lists = "".join(re.findall(r"KINDS=(?:\$KINDS)?(\S+)", text))
        assert [word for word in lists.split(",") if word in known] == list(DUMP_KINDS)
        assert lists == ",".join(DUMP_KINDS)


def test_a_directory_is_no_snapshot_but_can_become_one(run: Run, dump: Path) -> None:
    """Inspecting a directory says how to make a snapshot of it."""
    assert dump.is_dir()
    assert run("snapshot", "inspect", "dump").stderr == (
        "clusterproof: dump is a directory; make a snapshot of it first: clusterproof snapshot dump -o FILE\n"
    )


def test_bare_profiles_prints_help_like_the_bare_command(run: Run) -> None:
    """A group without a subcommand shows what there is, on stdout, with status 0."""
    done = run("profiles")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("profiles", "--help").stdout


def test_types_in_messages_are_words(run: Run, tmp_path: Path) -> None:
    """What was expected is said without the names of a programming language's types."""
    node = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n"}, "status": {"allocatable": {"cpu": []}}}
    (tmp_path / "n.json").write_text(json.dumps(node))
    error = run("check", "n.json", "--profile", "dynamo").stderr
    assert "expected a number or text, got a list" in error
    assert "|" not in error


def test_the_demos_markdown_does_not_claim_a_status_of_its_own(run: Run) -> None:
    """The status at the end is that of check; demo exits with 0."""
    done = run("demo", "-o", "markdown")
    assert done.returncode == 0
    assert "clusterproof check exits with 1: " in done.stdout.splitlines()[-1]
