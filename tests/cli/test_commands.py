"""The commands as users run them, on the worlds that ship with the project."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clusterproof.api import WORLDS
from clusterproof.profiles.load import builtin_names
from clusterproof.reports.schema import schema
from tests.cli.conftest import Run

WORKER, ETCD = "deploy/dynamo/vllm-agg-vllmdecodeworker", "svc/dynamo/dynamo-platform-etcd"
DEMO = ("--world", "demo", "--profile", "dynamo")


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """The demo's kubectl and aws output as a directory ``dump`` where the command runs."""
    with resources.as_file(resources.files("clusterproof") / "worlds" / "demo") as path:
        shutil.copytree(path, tmp_path / "dump")
    return tmp_path / "dump"


def test_demo_tells_the_story(run: Run) -> None:
    """The story: etcd and NATS fail, Prometheus depends, with a proven fix; nothing on stderr; status 0: it is a demonstration."""
    done = run("demo")
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "  FAIL     etcd-from-gpu-nodes ",
        "  FAIL     nats-from-gpu-nodes ",
        "  DEPENDS  prometheus-from-validator ",
    ):
        assert line in done.stdout
    assert "Fix, proven: with it this passes" in done.stdout
    assert "  clusterproof fix --world demo --profile dynamo --as aws-cli\n" in done.stdout
    assert "\x1b" not in done.stdout


def test_demo_fits_80_columns(run: Run) -> None:
    """In a pipe lines have at most 80 columns, but for words that are themselves too long."""
    for line in run("demo").stdout.splitlines():
        assert len(line) < 80 or max(map(len, line.split())) > 36, line


def test_columns_are_honoured(run: Run) -> None:
    """COLUMNS makes the table wide in a pipe too."""
    wide = run("demo", env={"COLUMNS": "200"}).stdout.splitlines()
    assert max(map(len, wide)) > 100
    assert len(wide) < len(run("demo").stdout.splitlines())


@pytest.mark.parametrize("world", WORLDS)
def test_json_of_every_world_validates(run: Run, world: str) -> None:
    """Real reports are what the published schema says."""
    data = json.loads(run("demo", "--world", world, "-o", "json").stdout)
    assert not [error.message for error in jsonschema.Draft202012Validator(schema()).iter_errors(data)]
    assert data["exit_status"] in (0, 1, 3)


def test_same_input_same_bytes(process: Run, run: Run) -> None:
    """Processes with different hash seeds print the same bytes, to a pipe as in here."""
    outputs = {process("demo", "-o", "json", env={"PYTHONHASHSEED": seed}) for seed in ("1", "2")}
    assert outputs == {run("demo", "-o", "json")}
    assert process("demo") == run("demo")


def test_unknown_world_lists_them(run: Run) -> None:
    """A world that does not exist is answered with those that do."""
    done = run("demo", "--world", "nope")
    assert done.returncode == 2
    assert all(world in done.stderr for world in WORLDS)


def test_check_says_what_fails_by_its_status(run: Run) -> None:
    """Check on the same world exits 1, with the same table."""
    done = run("check", *DEMO)
    assert done.returncode == 1
    assert done.stdout == run("demo").stdout


def test_check_reads_directory_snapshot_and_stdin_alike(run: Run, dump: Path) -> None:
    """A directory, the snapshot made from it, and standard input with a directory give the same findings."""
    assert run("snapshot", "dump", "-o", "x.snapshot").returncode == 0
    found = [
        json.loads(run("check", source, "--profile", "dynamo", "-o", "json").stdout)
        for source in ("dump", "x.snapshot")
    ]
    items: list[Any] = []
    for path in sorted((dump / "kubernetes").rglob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        items += content["items"] if isinstance(content, dict) else []  # helm's list is no Kubernetes List
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    done = run("check", "-", "dump/aws", "--profile", "dynamo", "-o", "json", stdin=whole)
    verdicts = [{f["id"]: f["verdict"] for f in data["findings"]} for data in (*found, json.loads(done.stdout))]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0]["dynamo/etcd-from-gpu-nodes"] == verdicts[2]["dynamo/etcd-from-gpu-nodes"] == "fail"


def test_check_writes_several_formats(run: Run, tmp_path: Path) -> None:
    """One run gives the table on stdout and other formats in files, and says so on stderr."""
    done = run("check", *DEMO, "-o", "table", "-o", "json=r.json", "-o", "markdown=r.md")
    assert done.returncode == 1
    assert done.stdout == run("demo").stdout
    assert done.stderr == "clusterproof: wrote r.json\nclusterproof: wrote r.md\n"
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["counts"]["fail"] == 2
    assert (tmp_path / "r.md").read_text("utf-8").startswith("# demo-gpu: ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "dump", *DEMO], "both SRC and --world are given"),
        (["check", "nowhere", "--profile", "dynamo"], "nowhere"),
        (["check", "--world", "demo", "--profile", "dynamoo"], "did you mean dynamo"),
        (["check", *DEMO, "--set", "x=1"], "x"),
        (["check", *DEMO, "--set", "aicr.validator"], "--set aicr.validator: expected PARAM=VALUE"),
        (["check", *DEMO, "--nodes", "gpu=nope"], "nope"),
        (["check", *DEMO, "--workload", "etcd=sts/no/no"], "sts/no/no"),
        (["check", *DEMO, "--collected", "unicorns"], ""),
        (["why", WORKER, ETCD, "--world", "demo"], "names no port"),
        (["why", "deploy/dynamo/nope", f"{ETCD}:2379", "--world", "demo"], "deploy/dynamo/nope"),
        (["explain", "dynamo/etcd-from-gpu-node"], "did you mean 'dynamo/etcd-from-gpu-nodes'?"),
        (["explain", "etcd-from-gpu-node"], "did you mean 'dynamo/etcd-from-gpu-nodes'?"),
        (["explain", "zzz"], "clusterproof profiles show NAME lists them"),
        (["snapshot", "dump"], "no file to write was named"),
        (["snapshot", "inspect", "nope"], "there is no such snapshot file"),
        (["fix", *DEMO, "--as", "ansible"], "ansible"),
    ],
)
def test_bad_input_is_a_sentence(run: Run, arguments: list[str], says: str) -> None:
    """Whatever is wrong is said on stderr without a traceback; nothing is on stdout."""
    done = run(*arguments)
    if not says:
        assert "Traceback" not in done.stderr
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("clusterproof: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "fault in clusterproof" not in done.stderr


def test_nothing_is_written_on_bad_input(run: Run, tmp_path: Path) -> None:
    """When the check cannot be made, no output file appears."""
    (tmp_path / "bad.json").write_text('{"SecurityGroups": 3}')
    done = run("check", "bad.json", "--profile", "dynamo", "-o", "json=out.json")
    assert done.returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json"]


def test_parameters_change_the_answer(run: Run) -> None:
    """--set reaches the profile: from Dynamo 1.2 on, etcd is not asked for."""
    data = json.loads(run("check", *DEMO, "--set", "dynamo.version=1.2.0", "-o", "json").stdout)
    verdicts = {f["id"]: f["verdict"] for f in data["findings"]}
    assert verdicts["dynamo/etcd-from-gpu-nodes"] == "not-applicable"


@pytest.mark.parametrize("style", ["aws-cli", "terraform"])
def test_fix_prints_only_the_fix(run: Run, style: str) -> None:
    """The fix is on stdout, ready to use, with what it opens as comments; stderr says that it is proven; status 0."""
    done = run("fix", *DEMO, "--as", style)
    assert done.returncode == 0
    assert "2379" in done.stdout
    assert done.stderr == "clusterproof: With 4 changes all 3 pass (proven; opens nothing else)\n"
    assert all(line.startswith("#") for line in done.stdout.splitlines() if "Opens" in line)
    assert done.stdout.count("Opens ") == 4


def test_fix_writes_a_file(run: Run, tmp_path: Path) -> None:
    """-o FILE holds what stdout would have."""
    done = run("fix", *DEMO, "--as", "terraform", "-o", "fix.tf")
    assert done.stdout == ""
    assert "clusterproof: wrote fix.tf" in done.stderr
    assert (tmp_path / "fix.tf").read_text("utf-8") == run("fix", *DEMO, "--as", "terraform").stdout


def test_fix_has_nothing_to_do_where_nothing_fails(run: Run, tmp_path: Path) -> None:
    """Where nothing fails, stdout stays empty and stderr says so."""
    profile = yaml.safe_load(run("profiles", "show", "dynamo", "-o", "yaml").stdout)
    profile["requirements"] = [r for r in profile["requirements"] if r["id"] == "dns-from-workers"]
    profile.pop("passages", None)
    (tmp_path / "dns.yaml").write_text(yaml.safe_dump(profile), "utf-8")
    done = run("fix", "--world", "demo", "--profile", "dns.yaml")
    assert done == (0, "", "clusterproof: nothing fails: there is nothing to mend\n")


def test_why_draws_the_path(run: Run) -> None:
    """From the source, hop by hop, to the sentence; the status says the same."""
    done = run("why", WORKER, f"{ETCD}:2379", "--world", "demo")
    assert done.returncode == 1
    assert re.search(r"^    8  REFUSED      security group ingress: sg-\w+ \(system-nodes\)", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-2].startswith("No. ")
    good = run("why", "deploy/dynamo/vllm-agg-frontend", f"{ETCD}:2379", "--world", "demo", "--on", "system")
    assert good.returncode == 0
    assert "\nYes. " in good.stdout
    assert json.loads(run("why", WORKER, f"{ETCD}:2379", "--world", "demo", "-o", "json").stdout)["verdict"] == "fail"


def test_why_takes_files_behind_the_question(run: Run, dump: Path) -> None:
    """The form of the README: why SRC DST:PORT FILES."""
    assert dump.is_dir()
    assert (
        run("why", WORKER, f"{ETCD}:2379", "dump").stdout
        == run("why", WORKER, f"{ETCD}:2379", "--world", "demo").stdout
    )


def test_connections_in_every_format(run: Run) -> None:
    """The same rows as a table, JSON, CSV and a graph."""
    outputs = {
        name: run("connections", "--world", "demo", "-o", name).stdout for name in ("table", "json", "csv", "dot")
    }
    rows = json.loads(outputs["json"])
    assert len(list(csv.DictReader(io.StringIO(outputs["csv"])))) == len(rows)
    assert f"\n{len(rows)} connections: " in outputs["table"]
    assert outputs["dot"].count(" -> ") == len(rows)


def test_explain_prints_the_manual(run: Run) -> None:
    """By full id and by the bare one; every part of the manual is there."""
    done = run("explain", "dynamo/etcd-from-gpu-nodes")
    assert done.returncode == 0
    assert done.stdout == run("explain", "etcd-from-gpu-nodes").stdout
    for part in (
        "What it decides",
        "Why it matters",
        "How it is decided",
        "When it is unknown",
        "What to do",
        "Seen in logs as",
    ):
        assert f"\n{part}\n" in done.stdout


def test_every_requirement_can_be_explained(run: Run) -> None:
    """Each id that a report prints has its manual."""
    data = json.loads(run("profiles", "show", "dynamo", "-o", "json").stdout)
    assert len(data["requirements"]) >= 4
    for requirement in data["requirements"][:3]:
        assert requirement["title"] in " ".join(run("explain", f"dynamo/{requirement['id']}").stdout.split())


def test_profiles_list_and_show(run: Run) -> None:
    """The built-in profiles are listed, and one is shown in words, JSON and YAML."""
    assert "  dynamo  " in run("profiles", "list").stdout
    listed = [one["name"] for one in json.loads(run("profiles", "list", "-o", "json").stdout)]
    assert listed == sorted(listed) == list(builtin_names())
    text = run("profiles", "show", "dynamo").stdout
    for part in ("Requirements", "Node sets", "Workloads", "Parameters"):
        assert f"\n{part}" in text
    assert yaml.safe_load(run("profiles", "show", "dynamo", "-o", "yaml").stdout)["name"] == "dynamo"


def test_own_profile_works_like_a_built_in_one(run: Run, tmp_path: Path) -> None:
    """What `show -o yaml` prints is valid, and checking with it gives the same findings."""
    (tmp_path / "mine.yaml").write_text(run("profiles", "show", "dynamo", "-o", "yaml").stdout, "utf-8")
    valid = run("profiles", "validate", "mine.yaml")
    assert (valid.returncode, valid.stdout) == (0, "mine.yaml: valid, 10 requirements\n")
    own = json.loads(run("check", "--world", "demo", "--profile", "mine.yaml", "-o", "json").stdout)
    assert own["findings"] == json.loads(run("demo", "-o", "json").stdout)["findings"]


def test_validate_names_every_bad_file(run: Run, tmp_path: Path) -> None:
    """An unknown key is an error with its place; good files beside it are still judged."""
    (tmp_path / "bad.yaml").write_text("name: x\ntitel: y\n")
    (tmp_path / "good.yaml").write_text(run("profiles", "show", "dynamo", "-o", "yaml").stdout, "utf-8")
    done = run("profiles", "validate", "bad.yaml", "good.yaml")
    assert done.returncode == 2
    assert "bad.yaml" in done.stderr
    assert "titel" in done.stderr
    assert done.stdout.startswith("good.yaml: valid")


def test_snapshot_is_made_and_inspected(run: Run, dump: Path) -> None:
    """One file from a directory; inspect verifies it and lists its kinds."""
    made = run("snapshot", "./dump", "-o", "prod.snapshot")
    assert (made.returncode, made.stdout) == (0, "")
    assert re.match(r"clusterproof: wrote prod.snapshot: \d+ objects of \d+ kinds\n", made.stderr)
    shown = run("snapshot", "inspect", "prod.snapshot")
    assert shown.returncode == 0
    assert "Every hash is as it was written." in shown.stdout
    assert re.search(r"^  security-groups +\d+ +\d+ kB +complete$", shown.stdout, re.MULTILINE)
    assert json.loads(run("snapshot", "inspect", "prod.snapshot", "-o", "json").stdout)["cluster"] == "demo-gpu"
    assert dump.is_dir()


def test_directory_called_inspect_can_be_read(run: Run, dump: Path) -> None:
    """``./inspect`` is a directory, ``inspect`` the subcommand."""
    dump.rename(dump.with_name("inspect"))
    assert run("snapshot", "./inspect", "-o", "x.snapshot").returncode == 0
    assert "inspect is a directory; make a snapshot of it first: clusterproof snapshot ./inspect -o FILE" in (
        run("snapshot", "inspect", "inspect").stderr
    )


def test_damaged_snapshot_is_found(run: Run, dump: Path, tmp_path: Path) -> None:
    """A flipped byte is a sentence and 2."""
    assert dump.is_dir()
    run("snapshot", "dump", "-o", "x.snapshot")
    data = bytearray((tmp_path / "x.snapshot").read_bytes())
    with zipfile.ZipFile(tmp_path / "x.snapshot") as held:
        pods, then = (held.getinfo(f"objects/{name}.jsonl.zst").header_offset for name in ("pods", "replicasets"))
    data[(pods + then) // 2] ^= 0xFF
    (tmp_path / "x.snapshot").write_bytes(data)
    done = run("snapshot", "inspect", "x.snapshot")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("clusterproof: x.snapshot")


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_report_is_no_source(run: Run, tmp_path: Path, format_: str) -> None:
    """A report of ours, which speaks of a cluster, is not taken for one; in a directory it is left aside."""
    run("demo", "-o", f"{format_}=last.json")
    for command in (("check", "last.json", "--profile", "dynamo"), ("snapshot", "last.json", "-o", "x.snapshot")):
        done = run(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(
            "clusterproof: last.json: is a report of clusterproof, not what kubectl or aws print"
        )
    assert not Path("x.snapshot").exists()
    (tmp_path / "dump").mkdir()
    Path("last.json").rename("dump/last.json")
    (tmp_path / "dump" / "one.json").write_text(
        '{"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "dynamo"}}'
    )
    done = run("snapshot", "dump", "-o", "x.snapshot")
    assert "left aside, it is a report of clusterproof" in done.stderr
    assert "wrote x.snapshot: 1 object of 1 kind\n" in done.stderr
