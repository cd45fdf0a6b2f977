from __future__ import annotations

import msgspec
import pytest

from clusterproof import reports
from clusterproof.checks.finding import Finding, Odds, RowOdds, Side
from clusterproof.reach.trace import Outcome
from clusterproof.reports import chances, words
from clusterproof.snapshot.fields import Cause, Unknown
from tests.reports import examples

JOB, WORKER = "job/x/y", "deploy/dynamo/worker"


def odds(first: float, cached: float | None, repeats: float | None = 1.0) -> Odds:
    """Odds of one group that is always chosen."""
    return Odds(first, cached, (RowOdds("gpu", 1.0, repeats, first, cached),), "a tie among 3 of 3 feasible nodes")


@pytest.mark.parametrize(
    ("found", "client", "says"),
    [
        (odds(0, 0), WORKER, "On the nodes of today no pod fails (0 %), the first or a later one: a tie among 3 of 3"),
        (odds(1, 1), JOB, "On the nodes of today every run fails (100 %), the first and each later one: a tie among 3"),
        (odds(0.5, 0.5), JOB, "A first run fails in 50 % of cases; later runs repeat the first, because its node has"),
        (odds(0.5, 0.5), WORKER, "A first pod fails in 50 % of cases; later pods repeat the first, because its node"),
        (odds(0.5, 0.25, 0.5), WORKER, "A first pod fails in 50 % of cases, a later pod (image cached) in 25 %: a tie"),
        (odds(0, 0.25, 0.5), JOB, "A first run fails in 0 % of cases, a later run (image cached) in 25 %: a tie"),
    ],
)
def test_odds_sentence_fits_what_is_scheduled_and_how_certain_it_is(found: Odds, client: str, says: str) -> None:
    """A Job has runs, a Deployment pods; where nothing is left to chance, none of later ones "repeat" anything."""
    assert chances.odds_sentence(found, client).startswith(says)


def test_a_group_that_never_gets_the_pod_has_no_second_time() -> None:
    """What never lands on a group cannot land there again: that is not an unknown."""
    found = Odds(1.0, 1.0, (RowOdds("gpu", 1.0, 1.0, 1.0, 1.0), RowOdds("system", 0.0, None, 1.0, None)))
    assert chances.shown(found, "system") == ("0 % / -", "-")
    assert chances.shown(found, "gpu") == ("100 % / 100 %", "100 %")
    assert chances.shown(found, "zero") == ("not counted", "-")


def test_short_forms_are_told_once_in_a_report() -> None:
    """Below the first matrix that has them, and nowhere else; Markdown says the same."""
    findings = [examples.blocked(name, name, "10.0.3.21", 2379) for name in ("etcd-a", "etcd-b")]
    report = examples.report(*findings, examples.depends())
    for form in ("table", "markdown"):
        text = " ".join(reports.render(report, form).split())
        assert text.count('"3+ nodes": 3 today, and the group may make more.') == 1
        told = '"lands here / again": how often a first run lands there, and how often the next run then lands there again.'
        assert text.count(told) == 1


def test_a_group_at_its_most_may_replace_nodes_and_makes_none_beside_them() -> None:
    """Each meaning of "+" is told once, by the first row or column that has it."""
    finding = examples.depends()
    assert finding.matrix is not None
    heads = (
        Side("a", 2, future=True, full=True),
        Side("b", 3, future=True),
        Side("c", 4, future=True),
        Side("d", 5, future=True, full=True),
    )
    grid = msgspec.structs.replace(finding.matrix, clients=heads, servers=())
    told: set[str] = set()
    assert chances.legend(grid, None, told) == [
        '"2+ nodes": 2 today, and the group may replace them.',
        '"3+ nodes": 3 today, and the group may make more.',
    ]
    assert chances.legend(grid, None, told) == []


def pods(finding: Finding) -> Finding:
    """The same finding about a Deployment."""
    assert finding.matrix is not None
    return msgspec.structs.replace(finding, matrix=msgspec.structs.replace(finding.matrix, client=WORKER))


def test_a_deployment_has_pods_in_the_summary_and_the_matrix() -> None:
    """Its odds are those of pods, in every place."""
    text = reports.render(examples.report(pods(examples.depends())))
    assert "of first pods fail, later pods repeat the first" in " ".join(text.split())
    assert "next pod fails" in text


@pytest.mark.parametrize(
    ("unknown", "says"),
    [
        (Unknown(Cause.NOT_COLLECTED, "pods not collected"), "pods not collected"),
        (Unknown(Cause.NOT_COLLECTED, "the template of node group late was not read"), "the template of node group"),
        (Unknown(Cause.NOT_COLLECTED, "sg-1"), "sg-1 (not collected)"),
        (Unknown(Cause.NOT_MODELLED, "a firewall"), "a firewall (not modelled)"),
        (Unknown(Cause.DENIED, "list pods was refused"), "list pods was refused"),
        (Unknown(Cause.TIMED_OUT, "list pods"), "list pods (timed out)"),
    ],
)
def test_causes_are_words_and_said_once(unknown: Unknown, says: str) -> None:
    """The cause is added in words, and only where the sentence does not say it already."""
    detail = words.unknown_lines(unknown)[0]
    assert detail.startswith(says)
    assert detail.count("(") == says.count("(")


def test_one_node_does_not_count_and_says_why() -> None:
    """The note about a shared node gives the reason."""
    finding = examples.depends()
    assert finding.matrix is not None
    cells = tuple(
        msgspec.structs.replace(cell, colocated=Outcome.WORKS, outcome=Outcome.BLOCKED) for cell in finding.matrix.cells
    )
    assert words.colocated(msgspec.structs.replace(finding.matrix, cells=cells)) == (
        "On one node it works; that does not count, because nothing forces the two onto one node."
    )


def test_head_leaves_out_what_is_not_known() -> None:
    """An unnamed cluster is called that; a time that the input does not say is not talked about."""
    report = examples.report(examples.dns())
    cluster = msgspec.structs.replace(report.cluster, name="cluster", read_at="")
    first, _ = words.head(msgspec.structs.replace(report, cluster=cluster))
    assert first.startswith("cluster not named in the input: ")
    assert "read" not in first
    assert "  " not in first


def test_remedies_name_the_cluster_where_it_is_known() -> None:
    """A command that describes node groups can be pasted; without a name the placeholder stays."""
    missing = Unknown(
        Cause.NOT_COLLECTED, "x", "run: aws eks describe-nodegroup --cluster-name CLUSTER --nodegroup-name g"
    )
    finding = msgspec.structs.replace(examples.undecided(), unknowns=(missing,))
    report = examples.report(finding)
    for form in ("table", "markdown"):
        assert "--cluster-name demo-gpu --nodegroup-name g" in " ".join(reports.render(report, form).split())
    nameless = msgspec.structs.replace(report, cluster=msgspec.structs.replace(report.cluster, name=""))
    assert "--cluster-name CLUSTER --nodegroup-name g" in " ".join(reports.render(nameless).split())


def test_own_profile_is_named_in_the_commands() -> None:
    """The fix and the manual are asked for with the profile as it was given; a built-in one by its name."""
    text = " ".join(reports.render(examples.demo(), arguments="dump", profile="'my 4.yaml'").split())
    assert "clusterproof fix dump --profile 'my 4.yaml' --as aws-cli" in text
    assert "clusterproof explain dynamo/etcd-from-gpu-nodes --profile 'my 4.yaml'," in text
    assert "fix dump --profile 'my 4.yaml'" in reports.render(
        examples.demo(), "markdown", arguments="dump", profile="'my 4.yaml'"
    )
    plain = " ".join(reports.render(examples.demo(), arguments="dump").split())
    assert "clusterproof fix dump --profile dynamo --as aws-cli" in plain
    assert "clusterproof explain dynamo/etcd-from-gpu-nodes," in plain


def test_a_note_that_ends_in_an_address_gets_no_full_stop() -> None:
    """A full stop behind a port would be read as part of it."""
    assert words.note("by name: etcd.dynamo.svc:2379") == "by name: etcd.dynamo.svc:2379"
    assert words.note("found by label a=b") == "found by label a=b."
