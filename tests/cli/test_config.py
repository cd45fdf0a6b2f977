"""clusterproof.yaml on the command line: defaults, what wins, waivers and baselines."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from clusterproof.cli.commands import check
from clusterproof.cli.commands import config as config_
from clusterproof.reports.schema import schema
from tests.cli.conftest import Run

WAIVERS = """
waivers:
  - {id: dynamo/etcd-from-gpu-nodes, reason: opens with CHG-1, owner: net-team, expires: 2026-09-01}
  - {id: dynamo/nats-from-gpu-nodes, reason: opens with CHG-2, owner: net-team, expires: 2026-09-01}
  - {id: dynamo/prometheus-from-validator, reason: opens with CHG-3, owner: net-team, expires: 2026-09-01}
"""
DEMO = ("check", "--world", "demo")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration where the command runs."""
    path = tmp_path / "clusterproof.yaml"
    path.write_text("profile: dynamo\n" + WAIVERS)
    return path


def test_configuration_says_what_the_command_line_need_not(run: Run, tmp_path: Path, config: Path) -> None:
    """Profile, inputs and formats come from the file; stderr says that it was used; without it they are missing."""
    (tmp_path / "last.json").write_text(run("demo", "-o", "json").stdout)
    config.write_text("profile: dynamo\noutput: [json]\nfail_on: MAY\nparameters: {dynamo.version: 1.2.0}\n")
    done = run(*DEMO)
    assert done.stderr == "clusterproof: with clusterproof.yaml; --no-config leaves it out\n"
    data = json.loads(done.stdout)
    assert data["fail_on"] == "MAY"
    assert {f["verdict"] for f in data["findings"] if f["id"] == "dynamo/etcd-from-gpu-nodes"} == {"not-applicable"}
    assert run(*DEMO, "-q").stderr == ""
    bare = run(*DEMO, "--no-config")
    assert bare.returncode == 2
    assert "--profile" in bare.stderr


def test_command_line_wins(run: Run, config: Path) -> None:
    """An option replaces the file's value; a parameter only its own name's."""
    config.write_text(
        "profile: dynamo\noutput: [json]\nfail_on: MAY\nparameters: {dynamo.version: 1.2.0, aicr.validator: document}\n"
    )
    done = run(*DEMO, "--fail-on", "should", "--set", "dynamo.version=1.1.0")
    data = json.loads(done.stdout)
    assert data["fail_on"] == "SHOULD"
    assert {p["name"]: p["value"] for p in data["profile"]["parameters"]}["dynamo.version"] == "1.1.0"
    assert run(*DEMO, "-o", "table").stdout.startswith("demo-gpu")


def test_parameters_of_another_profile_are_left_out(run: Run, tmp_path: Path, config: Path) -> None:
    """They belong to the file's own profile."""
    config.write_text("profile: other.yaml\nparameters: {no.such: 1.1.0}\n")
    (tmp_path / "other.yaml").write_text("x")
    assert run(*DEMO, "--profile", "dynamo").returncode == 1


def test_inputs_come_from_the_file(run: Run, tmp_path: Path, config: Path) -> None:
    """Where the command line names nothing, the file's inputs are read, and the proposed commands need none either."""
    assert run("snapshot", "--help").returncode == 0
    from importlib import resources

    with resources.as_file(resources.files("clusterproof") / "worlds" / "demo") as world:
        config.write_text(f"profile: dynamo\ninputs: [{world}]\n")
    done = run("check")
    assert done.returncode == 1
    assert "  clusterproof fix --profile dynamo --as aws-cli\n" in done.stdout
    assert run("fix").returncode == 0
    assert "--world" not in run("connections", "-o", "csv").stderr
    assert tmp_path.exists()


def test_named_configuration_is_repeated(run: Run, tmp_path: Path) -> None:
    """With --config FILE the proposed command says so too; a missing file is an error."""
    (tmp_path / "my.yaml").write_text("profile: dynamo\n")
    assert "--config my.yaml --profile dynamo" in run(*DEMO, "--config", "my.yaml").stdout
    missing = run(*DEMO, "--config", "nope.yaml")
    assert missing == (
        2,
        "",
        "clusterproof: nope.yaml: cannot be read (no such file or directory); name a YAML file after --config\n",
    )
    assert "leave one out" in run(*DEMO, "--config", "my.yaml", "--no-config").stderr
    assert "leave one out" in run(*DEMO, "--no-config", "--config", "my.yaml").stderr


def test_demo_reads_no_configuration(run: Run, config: Path) -> None:
    """The story is the same wherever it is told."""
    config.write_text("profil: x\n")
    assert run("demo").returncode == 0
    broken = run(*DEMO)
    assert broken.returncode == 2
    assert broken.stderr == "clusterproof: clusterproof.yaml: unknown key 'profil'; did you mean 'profile'? (line 1)\n"


def test_waived_failures_are_shown_and_do_not_count(run: Run, config: Path) -> None:
    """Terminal, Markdown and JSON show each with who answers for it; the status passes them by."""
    assert config.exists()
    done = run(*DEMO, "--as-of", "2026-09-01", "-o", "table", "-o", "json=r.json", "-o", "markdown=r.md")
    assert done.returncode == 0
    flat = " ".join(done.stdout.split())
    assert "FAIL etcd-from-gpu-nodes gpu cannot reach etcd:2379 (waived until 2026-09-01)" in flat
    assert "etcd-from-gpu-nodes waived until 2026-09-01 by net-team: opens with CHG-1." in flat
    assert "Of those that fail, 3 waived: not counted." in flat
    assert "Fix, proven" not in done.stdout
    assert "Fix, proven" in run(*DEMO, "--as-of", "2026-09-01", "-v").stdout
    data = json.loads(Path(config.parent / "r.json").read_text("utf-8"))
    assert not list(jsonschema.Draft202012Validator(schema()).iter_errors(data))
    assert (data["counts"]["waived"], data["counts"]["fail"], data["as_of"]) == (3, 2, "2026-09-01")
    etcd = next(f for f in data["findings"] if f["id"] == "dynamo/etcd-from-gpu-nodes")
    assert (etcd["verdict"], etcd["waiver"]["owner"]) == ("fail", "net-team")
    markdown = Path(config.parent / "r.md").read_text("utf-8")
    assert "## Fails, and does not count" in markdown
    assert "- `etcd-from-gpu-nodes`: waived until 2026-09-01 by net-team: opens with CHG-1." in markdown


def test_expired_waivers_fail_again(run: Run, config: Path) -> None:
    """One day later everything counts, and the waivers are a finding with a manual."""
    assert config.exists()
    done = run(*DEMO, "--as-of", "2026-09-02")
    assert done.returncode == 1
    assert "3 waivers have expired:" in " ".join(done.stdout.split())
    assert "Why it matters" in run("explain", "clusterproof/waiver-expired").stdout


def test_files_without_a_time_are_judged_by_today(run: Run, config: Path) -> None:
    """The demo's files say no time: today is asked for by the command, and stands in the report."""
    import datetime as dt

    before = dt.datetime.now(dt.UTC).date()
    config.write_text("profile: dynamo\noutput: [json]\n" + WAIVERS.replace("2026-09-01", "9999-12-31"))
    done = run(*DEMO)
    assert done.returncode == 0
    assert before <= dt.date.fromisoformat(json.loads(done.stdout)["as_of"]) <= before + dt.timedelta(1)
    config.write_text("profile: dynamo\noutput: [json]\n" + WAIVERS.replace("2026-09-01", "2020-12-31"))
    assert run(*DEMO).returncode == 1
    assert "is no date" in run(*DEMO, "--as-of", "soon").stderr


def test_baseline_lets_only_what_is_new_fail(run: Run, tmp_path: Path) -> None:
    """Known failures are shown and do not count; a baseline that lacks one lets it fail."""
    demo = (*DEMO, "--profile", "dynamo")
    run(*demo, "-o", "json=last.json")
    done = run(*demo, "--baseline", "last.json")
    assert done.returncode == 0
    assert "gpu cannot reach etcd:2379 (known)" in done.stdout
    assert "known: it fails in last.json too." in done.stdout
    data = json.loads((tmp_path / "last.json").read_text("utf-8"))
    data["findings"] = [f for f in data["findings"] if f["id"] != "dynamo/etcd-from-gpu-nodes"]
    prometheus = next(f for f in data["findings"] if f["id"] == "dynamo/prometheus-from-validator")
    for cell in prometheus["matrix"]["cells"]:
        if cell["client"] == "gpu":
            cell["outcome"] = "works"
    (tmp_path / "less.json").write_text(json.dumps(data))
    done = run(*demo, "--baseline", "less.json")
    assert done.returncode == 1
    assert "2379\n" in done.stdout
    assert "New  gpu to system is broken since the baseline." in done.stdout
    assert "Of those that fail, 1 known from the baseline: not counted." in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04", "is a snapshot, not a JSON report; make one with clusterproof check"),
        (b"{", "is no JSON report"),
        (b"[]", "is no JSON report"),
        (b'{"items": []}', "is no report of clusterproof's"),
        (b'{"schema": "clusterproof.report/9"}', "is a report of shape clusterproof.report/9"),
        (b'{"schema": "clusterproof.report/1"}', "is a damaged report"),
        (None, "cannot be read (no such file or directory)"),
    ],
)
def test_bad_baseline_is_a_sentence(run: Run, tmp_path: Path, content: bytes | None, says: str) -> None:
    """What it is, and how to make one."""
    if content is not None:
        (tmp_path / "b.json").write_bytes(content)
    done = run(*DEMO, "--profile", "dynamo", "--baseline", "b.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("clusterproof: b.json: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_config_show_says_where_each_value_came_from(run: Run, config: Path) -> None:
    """The command line, the file with its line, or the default."""
    config.write_text("profile: dynamo\nparameters: {dynamo.version: 1.1.0, aicr.validator: x}\n" + WAIVERS)
    done = run("config", "show", "--set", "dynamo.version=1.2.0", "--fail-on", "should", "-o", "json")
    assert done.returncode == 0
    data = json.loads(done.stdout)
    found = {s["key"]: (s["value"], s["origin"]) for s in data["settings"]}
    assert data["file"] == "clusterproof.yaml"
    assert found["profile"] == ("dynamo", "clusterproof.yaml line 1")
    assert found["parameters.dynamo.version"] == ("1.2.0", "command line")
    assert found["parameters.aicr.validator"] == ("x", "clusterproof.yaml line 2")
    assert found["fail_on"] == ("SHOULD", "command line")
    assert found["inputs"] == ([], "default")
    assert found["waivers[0]"][1] == "clusterproof.yaml line 5"
    table = run("config", "show").stdout
    assert table.startswith("clusterproof.yaml\n  profile ")
    assert "At their defaults: fail_on, inputs" in table
    assert max(map(len, table.splitlines())) < 81
    assert run("config", "show", "--no-config").stdout.startswith("no configuration file")


def test_baseline_is_not_written_over(run: Run, tmp_path: Path, config: Path) -> None:
    """A report over its own baseline would make what is new known: refused, also by another name, and unchanged."""
    demo = (*DEMO, "--profile", "dynamo")
    run(*demo, "--no-config", "-o", "json=last.json")
    before = (tmp_path / "last.json").read_bytes()
    (tmp_path / "link.json").symlink_to("last.json")
    for name in ("last.json", "./last.json", "link.json"):
        done = run(*demo, "--no-config", "--baseline", "last.json", "-o", "table", "-o", f"json={name}")
        assert (done.returncode, done.stdout) == (2, "")
        assert "would write over the baseline" in done.stderr
    config.write_text("profile: dynamo\nbaseline: last.json\noutput: [json=last.json]\n")
    assert run(*DEMO).returncode == 2
    assert (tmp_path / "last.json").read_bytes() == before
    empty = run(*demo, "--no-config", "--baseline", "")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "--baseline names no file" in empty.stderr


@pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "20260901", "2026-W36-2", "2026-09-01T00:00:00Z"])
def test_as_of_is_a_day_also_without_waivers(run: Run, day: str) -> None:
    """A date that is none is not passed over where there is nothing to judge by it."""
    done = run(*DEMO, "--profile", "dynamo", "--as-of", day)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"clusterproof: --as-of: {day!r} is no date; write it as YYYY-MM-DD, e.g. 2026-09-01\n"


def test_waiver_of_a_misspelt_profile_is_told(run: Run, config: Path) -> None:
    """Waivers of other profiles are left aside in silence; one that is written almost like a known profile is not."""
    entry = "  - {{id: {0}/etcd-from-gpu-nodes, reason: r, owner: o, expires: 2099-01-01}}\n"
    config.write_text("profile: dynamo\nwaivers:\n" + entry.format("dynmo") + entry.format("platform"))
    done = run(*DEMO)
    assert done.returncode == 1
    note = "note: the waiver of dynmo/etcd-from-gpu-nodes is for a profile 'dynmo' and was left aside; did you mean 'dynamo'?"
    assert [line for line in done.stderr.splitlines() if "note" in line] == [f"clusterproof: {note}"]
    assert run(*DEMO, "-q").stderr == ""


def test_show_takes_the_options_of_check(run: Run) -> None:
    """All of them, as its help says; those of live reading are shown too."""
    options = [
        {flag for parameter in command.params for flag in parameter.opts} for command in (check.command, config_.show)
    ]
    assert options[0] <= options[1]
    done = run(
        "config",
        "show",
        "--context",
        "a",
        "--as",
        "me",
        "--aws-profile",
        "x",
        "--region",
        "r",
        "--no-aws",
        "-o",
        "json",
    )
    found = {
        item["key"]: item["value"] for item in json.loads(done.stdout)["settings"] if item["origin"] == "command line"
    }
    assert found == {"context": "a", "as-user": "me", "aws_profiles": ["x"], "region": "r", "no-aws": True}
