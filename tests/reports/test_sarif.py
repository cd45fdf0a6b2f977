"""SARIF: valid under the OASIS schema, and saying to each reader what the finding says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from clusterproof import api, reports
from clusterproof.checks.finding import Finding, Report
from clusterproof.profiles.located import Located, locate
from clusterproof.profiles.model import Level
from clusterproof.profiles.text import explain, markdown
from clusterproof.reach.trace import Outcome
from clusterproof.reports.sarif import FINGERPRINT, fingerprint
from clusterproof.verdict.algebra import Verdict
from tests.reports import examples
from tests.reports.pipelines import ETCD, NATS, REPORTS, excused, schema

VALIDATOR = jsonschema.Draft7Validator(schema("sarif-2.1.0.json"), format_checker=jsonschema.FormatChecker())


def run_of(report: Report, located: Located | None = None) -> dict[str, Any]:
    """The one run of the log, after the log was validated."""
    log = json.loads(reports.render(report, "sarif", located=located))
    assert not [error.message for error in VALIDATOR.iter_errors(log)]
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def result_of(run: dict[str, Any], identity: str) -> dict[str, Any]:
    """The result of one requirement."""
    (result,) = (result for result in run["results"] if result["ruleId"] == identity)
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("profile", ["", "dynamo"])
def test_logs_validate(name: str, profile: str) -> None:
    """Every kind of report is valid SARIF 2.1.0, with the profile's text and without."""
    run = run_of(REPORTS[name], locate(profile) if profile else None)
    assert len(run["results"]) == len(run["tool"]["driver"]["rules"]) == len(REPORTS[name].findings)


@pytest.mark.parametrize("world", api.WORLDS)
def test_logs_of_the_shipped_worlds_validate(world: str) -> None:
    """So are the logs of the worlds that ship, whose rules all have help."""
    run = run_of(api.check(api.load_world(world), "dynamo"), locate("dynamo"))
    assert all(rule["help"]["markdown"] for rule in run["tool"]["driver"]["rules"])


@pytest.mark.parametrize(
    ("path", "value"), [(("results", 0, "kind"), "unknown"), (("results", 0, "ruleIndex"), "0"), (("tool",), {})]
)
def test_the_schema_refuses_what_is_no_log(path: tuple[Any, ...], value: object) -> None:
    """The schema is not one that accepts everything."""
    log = json.loads(reports.render(examples.demo(), "sarif"))
    inner = log["runs"][0]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert list(VALIDATOR.iter_errors(log))


@pytest.mark.parametrize(
    ("verdict", "level", "wanted"),
    [
        (Verdict.FAIL, Level.MUST, ("fail", "error")),
        (Verdict.DEPENDS, Level.MUST, ("fail", "error")),
        (Verdict.FAIL, Level.SHOULD, ("fail", "warning")),
        (Verdict.DEPENDS, Level.MAY, ("fail", "note")),
        (Verdict.UNKNOWN, Level.MUST, ("open", "none")),
        (Verdict.PASS, Level.MUST, ("pass", "none")),
        (Verdict.NOT_APPLICABLE, Level.SHOULD, ("notApplicable", "none")),
    ],
)
def test_kind_and_level(verdict: Verdict, level: Level, wanted: tuple[str, str]) -> None:
    """Level is the requirement's only where something fails, and none elsewhere, as section 3.27.10 has it."""
    finding = msgspec.structs.replace(examples.capacity(), verdict=verdict, level=level)
    (result,) = run_of(examples.report(finding))["results"]
    assert (result["kind"], result["level"]) == wanted


def test_every_verdict_has_a_kind() -> None:
    """No verdict is left out: a new one breaks this test before it breaks a report."""
    for verdict in Verdict:
        run_of(examples.report(msgspec.structs.replace(examples.capacity(), verdict=verdict)))


def test_rules_print_the_one_text() -> None:
    """Ids are the requirements', and help is the manual that ``explain`` and the documentation print."""
    profile = api.load_profile("dynamo")
    rules = {rule["id"]: rule for rule in run_of(REPORTS["demo"], locate("dynamo"))["tool"]["driver"]["rules"]}
    requirement = next(r for r in profile.requirements if f"dynamo/{r.id}" == ETCD)
    assert rules[ETCD]["help"] == {"text": explain(profile, requirement), "markdown": markdown(profile, requirement)}
    assert rules[ETCD]["shortDescription"]["text"] == "Dynamo workers reach etcd."
    assert rules[ETCD]["defaultConfiguration"]["level"] == "error"
    assert rules[ETCD]["helpUri"] == profile.document.url
    assert rules["dynamo/gpu-capacity"]["properties"]["problem.severity"] == "recommendation"


def test_what_clusterproof_asks_of_waivers_has_help_too() -> None:
    """A finding on waivers is a rule with its manual, in the configuration file."""
    run = run_of(excused(), locate("dynamo"))
    (rule,) = (rule for rule in run["tool"]["driver"]["rules"] if rule["id"] == "clusterproof/waiver-expired")
    assert rule["help"]["text"].startswith("clusterproof/waiver-expired\n")
    place = result_of(run, rule["id"])["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "clusterproof.yaml", "index": 1}


def test_the_message_says_what_who_and_the_change() -> None:
    """A reader of the message alone knows what fails, who refuses it, and what would mend it."""
    text = result_of(run_of(examples.demo()), ETCD)["message"]["text"]
    assert text.startswith("gpu cannot reach etcd:2379. gpu to system: sg-0b2c4d6e8f0a1b2c3 (system-nodes) refuses: ")
    assert text.endswith("admit tcp 2379 from sg-0a1b2c3d4e5f60718 (gpu-nodes) to sg-0b2c4d6e8f0a1b2c3 (system-nodes).")


def test_unknown_is_loud() -> None:
    """What could not be decided says so in its message, and again among the run's notifications, as a warning."""
    run = run_of(examples.demo())
    result = result_of(run, "dynamo/acl-return-ports")
    assert result["message"]["text"].startswith("Could not be decided: network ACLs were not read.")
    (invocation,) = run["invocations"]
    (notice,) = invocation["toolExecutionNotifications"]
    assert notice["level"] == "warning"
    assert notice["associatedRule"]["id"] == "dynamo/acl-return-ports"
    assert "aws ec2 describe-network-acls" in notice["message"]["text"]
    assert invocation["exitCode"] == 1


def test_locations_name_what_decided() -> None:
    """Logical locations are the security group that refuses, the two ends and their node groups; indices lead there."""
    run = run_of(examples.demo())
    (location,) = result_of(run, ETCD)["locations"]
    named = [place["fullyQualifiedName"] for place in location["logicalLocations"]]
    assert named == [
        "security-groups/sg-0b2c4d6e8f0a1b2c3",
        "workloads/deploy/dynamo/worker",
        "workloads/sts/dynamo/etcd",
        "node-groups/gpu",
        "node-groups/system",
    ]
    report = api.check(api.load_world("demo"), "dynamo", fixes=False)
    (location,) = result_of(run_of(report), ETCD)["locations"]
    named = [place["fullyQualifiedName"] for place in location["logicalLocations"]]
    assert named[:2] == ["security-groups/sg-0c4ae214081df6162", "services/dynamo/dynamo-platform-etcd"]
    for result in run["results"]:
        for place in result["locations"][0]["logicalLocations"]:
            assert run["logicalLocations"][place["index"]]["fullyQualifiedName"] == place["fullyQualifiedName"]


def test_every_result_has_the_physical_location_that_github_demands() -> None:
    """One location with a file and a line: that of the requirement in the profile."""
    located = locate("dynamo")
    run = run_of(examples.demo(), located)
    for result in run["results"]:
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "clusterproof/profiles/dynamo.yaml"
        assert (
            run["artifacts"][place["artifactLocation"]["index"]]["location"]["uri"] == place["artifactLocation"]["uri"]
        )
    line = result_of(run, ETCD)["locations"][0]["physicalLocation"]["region"]["startLine"]
    text = (Path(reports.__file__).parents[1] / "profiles" / "dynamo.yaml").read_text("utf-8").splitlines()
    assert "id: etcd-from-gpu-nodes" in text[line - 1]


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ("platform/my profile.yaml", "platform/my%20profile.yaml"),
        ("{here}/platform/my profile.yaml", "platform/my%20profile.yaml"),
        ("{here}/../elsewhere.yaml", "elsewhere.yaml"),
        ("../elsewhere.yaml", "elsewhere.yaml"),
    ],
)
def test_a_profile_of_ones_own_is_the_place(
    named: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file with the requirement's line: below the working directory the way there, else only the name."""
    here = tmp_path / "work"
    (here / "platform").mkdir(parents=True)
    monkeypatch.chdir(here)
    shipped = (Path(reports.__file__).parents[1] / "profiles" / "dynamo.yaml").read_text("utf-8")
    for own in (here / "platform" / "my profile.yaml", tmp_path / "elsewhere.yaml"):
        own.write_text(f"# mine\n{shipped}", "utf-8")
    report = examples.demo()
    cluster = msgspec.structs.replace(report.cluster, sources=(str(tmp_path / "dump"), "-", "dump"))
    run = run_of(msgspec.structs.replace(report, cluster=cluster), locate(named.format(here=here)))
    place = result_of(run, ETCD)["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == wanted
    assert place["region"]["startLine"] == locate("dynamo").lines["etcd-from-gpu-nodes"] + 1
    assert str(tmp_path) not in json.dumps(run)
    assert run["properties"]["sources"] == ["dump", "-", "dump"]


def broken_etcd() -> Finding:
    """A finding with one broken pair."""
    return examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)


def test_fingerprints_stay_while_it_is_the_same_problem() -> None:
    """Addresses, counts, odds, rule ids and wording do not matter; requirement, port and broken pairs do."""
    finding = broken_etcd()
    assert finding.matrix is not None
    again = examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.9.99", 2379)
    cell = msgspec.structs.replace(finding.matrix.cells[0], blocked=3, cells=3, path=())
    fewer = msgspec.structs.replace(finding, matrix=msgspec.structs.replace(finding.matrix, cells=(cell,)), summary="x")
    varies = msgspec.structs.replace(cell, outcome=Outcome.VARIES)
    milder = msgspec.structs.replace(finding, matrix=msgspec.structs.replace(finding.matrix, cells=(varies,)))
    assert fingerprint(finding) == fingerprint(again) == fingerprint(fewer) == fingerprint(milder)
    more = msgspec.structs.replace(
        finding,
        matrix=msgspec.structs.replace(finding.matrix, cells=(cell, msgspec.structs.replace(cell, client="customer"))),
    )
    port = msgspec.structs.replace(finding, matrix=msgspec.structs.replace(finding.matrix, port="2380/TCP"))
    other = examples.blocked("nats-from-gpu-nodes", "etcd", "10.0.3.21", 2379)
    assert len({fingerprint(item) for item in (finding, more, port, other)}) == 4


def test_fingerprints_are_pinned() -> None:
    """The value itself is part of the contract: a change would open every alert anew."""
    marks = result_of(run_of(examples.demo()), ETCD)["partialFingerprints"]
    assert marks[FINGERPRINT] == "93cdda2fb36dd96655d05b9849da04234128997a051d4119cacda59acdc10bed"
    assert marks["primaryLocationLineHash"] == f"{marks[FINGERPRINT][:16]}:1"


def test_waivers_are_suppressions_and_change_nothing_else() -> None:
    """A waived failure stays a failure of its level, suppressed from outside by its owner's reason."""
    plain, waived = result_of(run_of(examples.demo()), ETCD), result_of(run_of(excused()), ETCD)
    assert waived["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "the rule is ordered: CHG-4711",
            "properties": {"owner": "net-team@example.com", "expires": "2026-09-01"},
        }
    ]
    assert "suppressions" not in plain
    for member in ("kind", "level", "message", "locations", "partialFingerprints"):
        assert waived[member] == plain[member]


def test_the_baseline_is_told_by_state() -> None:
    """Known, worse than known, and new."""
    run = run_of(excused())
    states = {result["ruleId"]: result.get("baselineState") for result in run["results"]}
    assert states[NATS] == "unchanged"
    assert states["dynamo/prometheus-from-validator"] == "updated"
    assert states[ETCD] == "new"
    assert states["dynamo/dns-from-workers"] is None
    assert all("baselineState" not in result for result in run_of(examples.demo())["results"])


def test_runs_of_one_cluster_and_profile_are_one_series() -> None:
    """The run's id is that of its cluster and profile, so that two clusters do not overwrite one another's alerts."""
    run = run_of(examples.demo())
    assert run["automationDetails"]["id"] == "clusterproof/dynamo/us-west-2/demo-gpu/"


def test_odds_and_the_fix_stand_in_the_properties() -> None:
    """What SARIF has no member for is not lost."""
    properties = result_of(run_of(examples.demo()), "dynamo/prometheus-from-validator")["properties"]
    assert properties["odds"]["fails_first"] == 0.625
    assert properties["brokenPairs"] == ["customer to system", "gpu to system"]
    assert properties["fix"]["proven"] is True
    assert len(properties["fix"]["commands"]) == 2


def test_no_name_becomes_a_link_or_moves_a_cursor() -> None:
    """Names in a hostile cluster are text: no link in a message, no control character anywhere."""
    text = reports.render(examples.hostile(), "sarif")
    assert all(char == "\n" or char.isprintable() for char in text)
    for result in json.loads(text)["runs"][0]["results"]:
        assert not re.search(r"\]\(", result["message"]["text"])


def test_the_same_report_gives_the_same_bytes() -> None:
    """No time, chance or order of hashes is in it."""
    assert reports.render(excused(), "sarif") == reports.render(excused(), "sarif")
