from __future__ import annotations

import msgspec
import pytest

from clusterproof import api
from clusterproof.checks import reach as reach_check
from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings, run, worst_first
from clusterproof.errors import NotFoundError, UsageError
from clusterproof.profiles.model import Cel, Check, Level, Parameter, Schedulable, Subject
from clusterproof.snapshot import kinds, redact
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.overlay import AddPermission, Delete, Overlay, apply
from clusterproof.snapshot.snapshot import Coverage, MemoryLines, Snapshot, Table, UnknownField, table_of
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, profile, reach, requirement, two_groups
from tests.world.build import Tiny

FRONT, BACK = "tcp 80 sg-front", "tcp 80 sg-back"


def test_every_requirement_is_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception inside a check becomes an unknown finding with its cause, and no row is lost."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(reach_check, "decide", broken)
    found = ask(two_groups(FRONT), reach())
    assert found.verdict is Verdict.UNKNOWN
    assert [unknown.cause for unknown in found.unknowns] == [Cause.ERROR]
    assert "ZeroDivisionError" in found.cause


def test_bad_data_is_unknown_and_bad_names_are_errors() -> None:
    """A quantity that is none makes findings unknown; a workload that is not there is the user's error."""
    tiny = two_groups(FRONT, BACK, nodes=2).deployment(
        "app/odd", {"containers": [{"name": "c", "resources": {"requests": {"cpu": "many"}}}]}
    )
    assert ask(tiny, reach("deploy/app/odd")).verdict is Verdict.UNKNOWN
    with pytest.raises(NotFoundError, match="did you mean deploy/app/client"):
        ask(tiny, reach("deploy/app/cleint"))


def test_not_applicable_by_condition() -> None:
    """A condition that is false makes the requirement not applicable."""
    asked = requirement(Check(schedulable=Schedulable("deploy/app/client")), applies="false")
    assert ask(two_groups(FRONT), asked).verdict is Verdict.NOT_APPLICABLE


def test_a_default_that_stands_for_an_unread_version_excuses_nothing() -> None:
    """Where Helm's releases were not read, what a later version may need is unknown; read and none, it does not apply."""
    asked = requirement(Check(schedulable=Schedulable("deploy/app/client")), applies="version.of == 'later'")
    versioned = msgspec.structs.replace(
        profile(asked), parameters={"version.of": Parameter(title="a version", default="early", helm="chart")}
    )
    tiny = two_groups(FRONT, BACK, nodes=2)
    denied = Unknown(Cause.DENIED, "helmreleases could not be read", "grant list secrets")
    for read, verdict in (
        (table_of(kinds.HELM_RELEASES, []), Verdict.NOT_APPLICABLE),
        (Table(kinds.HELM_RELEASES, MemoryLines(()), (Coverage("", denied),)), Verdict.UNKNOWN),
    ):
        snapshot = tiny.snapshot()
        whole = Snapshot(snapshot.meta, {**snapshot.tables, kinds.HELM_RELEASES.name: read})
        (found,) = findings(Context(whole, versioned))
        assert found.verdict is verdict
    assert [unknown.remedy for unknown in found.unknowns] == ["grant list secrets"]
    (chosen,) = findings(Context(whole, versioned, Settings(parameters={"version.of": "early"})))
    assert chosen.verdict is Verdict.NOT_APPLICABLE


def test_condition_that_errs_is_unknown() -> None:
    """A condition that cannot be decided never lets a requirement pass."""
    asked = requirement(Check(schedulable=Schedulable("deploy/app/client")), applies="no.such > 1")
    assert ask(two_groups(FRONT), asked).verdict is Verdict.UNKNOWN


def test_report_and_exit_status() -> None:
    """Fails first, then unknown; the exit status follows the level asked for."""
    tiny = two_groups(FRONT, BACK, nodes=2)
    good, bad = reach(), reach(port="81/TCP")
    report = run(tiny.snapshot(), profile(good))
    assert (report.exit_status, report.counts.passed, report.cluster.nodes) == (0, 1, 4)
    report = run(tiny.snapshot(), profile(bad))
    assert report.exit_status == 1
    late = run(tiny.put(kinds.NODEGROUP_NAMES, {"name": "late"}).snapshot(), profile(good), fail_on=Level.MUST)
    assert late.exit_status == 3
    assert [f.verdict for f in worst_first((*late.findings, *report.findings))] == [Verdict.FAIL, Verdict.UNKNOWN]


def test_only_some_requirements() -> None:
    """``only`` limits by full ids."""
    context = Context(two_groups(FRONT).snapshot(), profile(reach()))
    assert findings(context, only=["t/other"]) == ()
    assert len(findings(context, only=["t/it"])) == 1


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (Settings(parameters={"no": "1"}), UsageError),
        (Settings(node_sets={"no": ("x",)}), UsageError),
        (Settings(node_sets={"all": ("nope",)}), NotFoundError),
        (Settings(workloads={"no": "deploy/a/b"}), UsageError),
    ],
)
def test_settings_that_name_nothing(settings: Settings, error: type[Exception]) -> None:
    """What the profile does not have is refused with what it has."""
    with pytest.raises(error):
        Context(two_groups(FRONT).snapshot(), profile(reach()), settings)


def test_schedulable() -> None:
    """Pass with a certain place, fail with the scheduler's words, unknown where only doubts are left."""
    asked = requirement(Check(schedulable=Schedulable("deploy/app/client")))
    assert ask(two_groups(FRONT), asked).verdict is Verdict.PASS
    refused = ask(two_groups(FRONT, client="no"), asked)
    assert refused.verdict is Verdict.FAIL
    assert "didn't match" in refused.summary
    doubt = Tiny().managed("zero", ["sg-x"], nodes=0)
    doubt.deployment("app/client", {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]})
    found = ask(doubt, asked)
    assert found.verdict is Verdict.UNKNOWN
    assert "describe-instance-types" in found.unknowns[0].remedy


def test_schedulable_on_a_set_that_is_not_there() -> None:
    """A set without groups is unknown."""
    asked = requirement(Check(schedulable=Schedulable("deploy/app/client", on="all")))
    assert ask(Tiny().deployment("app/client"), asked).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("that", "verdict"),
    [
        ("nodes.all(n, n.metadata.name != '')", Verdict.PASS),
        ("size(nodes) == 0", Verdict.FAIL),
        ("nodes.all(n, n.spec.noSuchField == 1)", Verdict.UNKNOWN),
    ],
)
def test_object_check(that: str, verdict: Verdict) -> None:
    """An expression over raw objects: true, false, and unknown for a field that is not there."""
    assert ask(two_groups(FRONT), requirement(Check(cel=Cel(("nodes",), that)))).verdict is verdict


@pytest.mark.parametrize(
    ("that", "verdict"),
    [
        ("addons.exists(a, a.addonName == 'vpc-cni' && a.status == 'ACTIVE')", Verdict.PASS),
        ("addons.exists(a, a.addonName == 'coredns')", Verdict.FAIL),
        ("!addons.exists(a, a.configurationValues.contains('enableNetworkPolicy'))", Verdict.UNKNOWN),
        ("addons.all(a, !has(a.configurationValues))", Verdict.UNKNOWN),
        ("addons.exists(a, a.configurationValues == 'REDACTED')", Verdict.UNKNOWN),
        ("size(addons) == 1 || addons.all(a, a.configurationValues == '')", Verdict.PASS),
        ("pod_identity_associations.all(p, p.roleArn.endsWith('/app'))", Verdict.PASS),
    ],
)
def test_object_check_of_fields_that_are_not_kept(that: str, verdict: Verdict) -> None:
    """What rests on a redacted value, or on whether it is there, is unknown; everything else is decided."""
    addon = {"addonName": "vpc-cni", "status": "ACTIVE", "configurationValues": "REDACTED"}
    role = {"associationId": "a-1", "roleArn": "arn:aws:iam::111122223333:role/app"}
    snapshot = Tiny().put(kinds.POD_IDENTITY_ASSOCIATIONS, role).snapshot()
    unknown = [UnknownField("vpc-cni", "configurationValues", redact.CREDENTIAL)]
    table = Table(kinds.ADDONS, table_of(kinds.ADDONS, [addon]).lines, unknown_fields=unknown)
    asked = requirement(Check(cel=Cel(("addons", "pod-identity-associations"), that)))
    context = Context(Snapshot(snapshot.meta, {**snapshot.tables, "addons": table}), profile(asked))
    (found,) = findings(context)
    assert found.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert [item.cause for item in found.unknowns] in ([Cause.REDACTED], [Cause.ERROR])


def test_a_redacted_item_of_a_list() -> None:
    """Whether a list holds what was taken out of it is not known."""
    pod = {
        "metadata": {"name": "p", "namespace": "app"},
        "spec": {"containers": [{"name": "c", "args": ["--token", "REDACTED"]}]},
    }
    snapshot = Tiny().snapshot()
    unknown = [UnknownField("app/p", "spec.containers.0.args.1", redact.CREDENTIAL)]
    table = Table(kinds.PODS, table_of(kinds.PODS, [pod]).lines, unknown_fields=unknown)

    def verdict(that: str) -> Verdict:
        asked = requirement(Check(cel=Cel(("pods",), that)))
        (found,) = findings(Context(Snapshot(snapshot.meta, {**snapshot.tables, "pods": table}), profile(asked)))
        return found.verdict

    assert verdict("pods.all(p, p.spec.containers.all(c, !('secret' in c.args)))") is Verdict.UNKNOWN
    assert verdict("pods.all(p, p.spec.containers.all(c, c.name == 'c'))") is Verdict.PASS


def test_object_check_of_a_kind_that_was_not_read() -> None:
    """An expression that would hold for what was read is unknown while the kind is incomplete."""
    asked = requirement(Check(cel=Cel(("nodes",), "true")))
    denied = Unknown(Cause.DENIED, "denied", "needs list nodes")
    found = ask(two_groups(FRONT).partly(kinds.NODES, denied), asked)
    assert (found.verdict, found.unknowns) == (Verdict.UNKNOWN, (denied,))
    with pytest.raises(UsageError, match="no kind"):
        ask(two_groups(FRONT), requirement(Check(cel=Cel(("nods",), "true"))))


def test_on_limits_the_client() -> None:
    """A subject with a node set is asked about there alone."""
    found = ask(two_groups(FRONT, nodes=2), reach(Subject(workload="deploy/app/client", on="all")))
    assert found.verdict is Verdict.DEPENDS


def test_a_pass_says_what_it_rests_on() -> None:
    """Where a pod template is assumed, the one line of the pass says so; without a Service there is no pass by name."""
    demo = api.load_world("demo")
    groups = {g.group_name: g.group_id for g in demo.objects(kinds.SECURITY_GROUPS)}
    peer = [{"GroupId": groups["gpu-nodes"]}]
    rule = {"IpProtocol": "tcp", "FromPort": 2379, "ToPort": 2379, "UserIdGroupPairs": peer}
    services = [key for key in demo.tables["services"].index if "etcd" in key]
    open_ = AddPermission(groups["system-nodes"], egress=False, permission=rule)
    found = api.check(
        apply(demo, Overlay((open_, *(Delete("services", key) for key in services)))), "dynamo", fixes=False
    )
    etcd = next(f for f in found.findings if f.id == "dynamo/etcd-from-gpu-nodes")
    assert etcd.verdict is Verdict.FAIL
    assert "there is no Service dynamo/dynamo-platform-etcd" in etcd.summary
    gone = [
        Delete(kind, key)
        for kind in ("deployments", "replicasets", "pods")
        for key in demo.tables[kind].index
        if "decodeworker" in key
    ]
    found = api.check(apply(demo, Overlay(tuple(gone))), "dynamo", fixes=False)
    worker = next(f for f in found.findings if f.id == "dynamo/dynamo-worker-can-be-scheduled")
    assert worker.verdict is Verdict.PASS
    assert worker.summary.endswith("(with the profile's assumed pod)")
