from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, Each, Evidence, NodeSet
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.overlay import Overlay, SetField, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Tally, Verdict
from tests.checks.ask import ask, profile, requirement
from tests.world.build import Tiny

DENIED = Unknown(Cause.DENIED, "buckets may not be read", "grant s3:GetEncryptionConfiguration")
GPU = {"gpu": NodeSet("g", (Evidence(group=("gpu",)),))}


def group(name: str, low: int = 0, high: int = 10, **more: Any) -> dict[str, Any]:
    """A managed node group as EKS describes it."""
    return {"nodegroupName": name, "scalingConfig": {"minSize": low, "maxSize": high, "desiredSize": low}, **more}


def groups(*raws: dict[str, Any]) -> Tiny:
    """A cluster with these node groups."""
    return Tiny().put(kinds.NODEGROUPS, *raws)


def each(tiny: Tiny | Snapshot, that: str, of: str = "nodegroups", **options: Any) -> Finding:
    """What an each comes to."""
    return ask(tiny, requirement(Check(each=Each(of, that, **options))), node_sets=GPU)


def test_all_hold() -> None:
    """Every object that holds: pass, with the fields that the check shows."""
    found = each(groups(group("a"), group("b")), "it.scalingConfig.minSize == 0", show=("scalingConfig.minSize",))
    assert (found.verdict, found.summary) == (Verdict.PASS, "node groups a and b: scalingConfig.minSize 0")
    assert [(ref.key, ref.field, ref.value) for ref in found.evidence] == [
        ("a", "scalingConfig.minSize", "0"),
        ("b", "scalingConfig.minSize", "0"),
    ]


def test_what_was_found_is_said_where_it_fits_a_line() -> None:
    """Shown fields of passing objects: equal ones together, three objects at most; lists of words, and not what is longer."""
    short = ("scalingConfig.maxSize", "instanceTypes")
    tiny = groups(
        *(
            group(name, high=high, instanceTypes=["g5.xlarge", "p4d"])
            for name, high in zip("abcd", (4, 9, 4, 4), strict=True)
        )
    )
    found = each(tiny, "true", show=short)
    assert found.summary == (
        "node groups a and c: scalingConfig.maxSize 4, instanceTypes g5.xlarge, p4d; "
        "b: scalingConfig.maxSize 9, instanceTypes g5.xlarge, p4d and 1 more"
    )
    one = groups(group("a", taints=[{"key": "x"}], tags={"a": "b"}, amiType="A" * 61))
    assert each(one, "true", show=("taints", "tags", "amiType")).summary == "node group a meets it"
    assert each(one, "true", show=("taints", "launchTemplate")).summary == "node group a: launchTemplate not set"
    many = groups(*(group(f"g{number}") for number in range(5)))
    assert each(many, "true", show=("scalingConfig.minSize",)).summary == "all 5 node groups: scalingConfig.minSize 0"


def test_one_that_does_not_hold_fails_all() -> None:
    """One failing object fails the requirement, is named with what is wrong, and is the only evidence."""
    found = each(
        groups(group("a"), group("b", 2)),
        "it.scalingConfig.minSize == 0",
        show=("scalingConfig.minSize", "taints"),
        says="it has ${it.scalingConfig.minSize} nodes at least",
    )
    assert (found.verdict, found.summary) == (Verdict.FAIL, "node group b: it has 2 nodes at least")
    assert [(ref.key, ref.value) for ref in found.evidence] == [("b", "2"), ("b", "not set")]
    assert found.tally is not None
    assert found.tally.blocked == 1


def test_many_are_counted() -> None:
    """The summary names three and counts the rest; evidence holds eight objects and a count."""
    found = each(groups(*(group(f"g{n}", 1) for n in range(12))), "it.scalingConfig.minSize == 0")
    assert found.summary == "node groups g0, g1, g2 and 9 more do not meet it"
    assert [ref.key for ref in found.evidence] == [*(f"g{n}" for n in range(8)), "*"]
    assert found.evidence[-1].value == "4 more"


@pytest.mark.parametrize("none", ["fail", "pass", "not-applicable", "unknown"])
def test_none_meant_is_as_the_profile_says(none: str) -> None:
    """Where no object is meant, `none` is the verdict."""
    found = each(groups(group("a")), "false", where="it.nodegroupName == 'b'", none=none)
    assert found.verdict.value == none


def test_a_profile_says_what_there_is_none_of() -> None:
    """Its words, parameters and facts of the cluster filled in, stand in place of "there are no ..."."""
    found = each(groups(group("a")), "false", where="it.nodegroupName == 'b'", none="fail", none_says="no group b")
    assert (found.verdict, found.summary) == (Verdict.FAIL, "no group b")
    found = each(groups(group("a")), "false", where="false", none="fail", none_says="no group in ${cluster.nothing}")
    assert found.summary == "there are no node groups that this is about"


def test_only_those_meant_are_judged() -> None:
    """`where` leaves out objects; one of which it cannot be told makes the answer unknown unless it holds anyhow."""
    two = groups(group("a", 1, labels={"x": "no"}), group("b", 0, labels={"x": "yes"}), group("c", 0, labels={}))
    that = "it.scalingConfig.minSize == 0"
    assert each(two, that, where="it.labels.x == 'yes'").verdict is Verdict.PASS
    two.put(kinds.NODEGROUPS, group("d", 3, labels={}))
    found = each(two, that, where="it.labels.x == 'yes'")
    assert found.verdict is Verdict.UNKNOWN
    assert found.summary == "it: not known for node group d"
    assert "'x' is missing" in found.cause


def test_an_error_is_unknown_and_a_failure_beside_it_is_a_failure() -> None:
    """A missing field makes one object unknown; another that certainly fails fails all, and says what may be more."""
    found = each(groups(group("a"), group("b", amiType="AL2")), "it.amiType != 'AL2'")
    assert found.verdict is Verdict.FAIL
    assert found.notes[0].startswith("there may be more that fail: ")
    assert each(groups(group("a"), group("b", amiType="X")), "it.amiType != 'AL2'").verdict is Verdict.UNKNOWN
    gives = each(groups(group("a")), "it.nodegroupName")
    assert (gives.verdict, gives.cause) == (Verdict.UNKNOWN, "it.nodegroupName gives str, not true or false")


def test_a_kind_that_was_not_read_is_unknown() -> None:
    """Not read: unknown with the command; read in part: unknown, or fail where one that was read fails."""
    that = "it.scalingConfig.minSize == 0"
    unread = each(groups().drop(kinds.NODEGROUPS), that, none="pass")
    assert unread.verdict is Verdict.UNKNOWN
    assert "describe-nodegroup" in unread.unknowns[0].remedy
    assert each(groups(group("a")).partly(kinds.NODEGROUPS, DENIED), that).verdict is Verdict.UNKNOWN
    found = each(groups(group("a", 1)).partly(kinds.NODEGROUPS, DENIED), that)
    assert found.verdict is Verdict.FAIL
    assert "buckets may not be read" in found.notes[0]


def bucket(**more: Any) -> dict[str, Any]:
    """An S3 bucket as the snapshot keeps it."""
    return {"Name": "results", **more}


@pytest.mark.parametrize(
    ("that", "verdict"),
    [
        ("has(it.Versioning) && it.Versioning.Status == 'Enabled'", Verdict.UNKNOWN),
        ("!has(it.Versioning)", Verdict.UNKNOWN),
        ("get(it, 'Versioning.Status', '') == 'Enabled'", Verdict.UNKNOWN),
        ("get(it, 'Versioning.Status', '') != 'Enabled'", Verdict.UNKNOWN),
        ("it.Name == 'results' || has(it.Versioning)", Verdict.PASS),
        ("it.Name == 'other' && has(it.Versioning)", Verdict.FAIL),
        ("get(it, 'Encryption.Type', '') == ''", Verdict.PASS),
        ("it == it", Verdict.UNKNOWN),
    ],
)
def test_a_piece_that_was_not_read_is_never_absent(that: str, verdict: Verdict) -> None:
    """A field that is unknown is neither there nor not there: also `has` and `get` of it are unknown."""
    snapshot = Tiny().put(kinds.BUCKETS, bucket()).snapshot()
    snapshot = apply(snapshot, Overlay((SetField("buckets", "results", "Versioning", unknown=DENIED),)))
    found = each(snapshot, that, "buckets", show=("Versioning.Status",))
    assert found.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert found.unknowns == (DENIED,)
    assert found.evidence[0].value == "not known: buckets may not be read"


def test_a_value_that_was_left_out_is_unknown() -> None:
    """What stands in place of a value that was not kept decides nothing; other fields do."""
    pod = {"metadata": {"name": "p", "namespace": "app"}, "spec": {"nodeName": "n", "x": "REDACTED"}}
    snapshot = apply(
        Tiny().put(kinds.PODS, pod).snapshot(),
        Overlay((SetField("pods", "app/p", "spec.x", unknown=Unknown(Cause.REDACTED, "left out")),)),
    )
    assert each(snapshot, "it.spec.x == 'REDACTED'", "pods").verdict is Verdict.UNKNOWN
    assert each(snapshot, "it.spec.x == 'a'", "pods").verdict is Verdict.UNKNOWN
    assert each(snapshot, "it.spec.nodeName == 'n'", "pods").verdict is Verdict.PASS


def test_other_kinds_stand_beside() -> None:
    """`using` binds further kinds; one that was not read, or a field of it, is unknown where it is read."""
    claim = {"metadata": {"name": "c", "namespace": "app"}, "spec": {"storageClassName": "fast"}}
    classes = {"metadata": {"name": "fast"}, "provisioner": "ebs.csi.aws.com"}
    that = "storageclasses.exists(s, s.metadata.name == it.spec.storageClassName && s.provisioner == 'ebs.csi.aws.com')"
    tiny = Tiny().put(kinds.CLAIMS, claim).put(kinds.STORAGE_CLASSES, classes)
    options: dict[str, Any] = {"of": "persistentvolumeclaims", "using": ("storageclasses",)}
    assert each(tiny, that, **options).verdict is Verdict.PASS
    hidden = Overlay((SetField("storageclasses", "fast", "provisioner", unknown=DENIED),))
    assert each(apply(tiny.snapshot(), hidden), that, **options).verdict is Verdict.UNKNOWN
    tiny.objects["storageclasses"].clear()
    assert each(tiny, that, **options).verdict is Verdict.FAIL
    assert each(tiny.drop(kinds.STORAGE_CLASSES), that, **options).verdict is Verdict.UNKNOWN


def test_cluster_and_parameters() -> None:
    """`cluster` has the cluster's own facts; one that was not read is unknown."""
    tiny = groups(group("a", clusterName="tiny"))
    assert each(tiny, "it.clusterName == cluster.name && cluster.time > '2025-11-26'").verdict is Verdict.PASS
    found = each(tiny, "it.clusterName == cluster.name && cluster.account == '1'")
    assert found.verdict is Verdict.UNKNOWN


def test_a_node_set_limits_groups_and_their_nodes() -> None:
    """Nodes, node groups, Auto Scaling groups (also those that EKS made) and node pools of the set's groups only."""
    tiny = Tiny().sg("sg-node")
    tiny.managed("gpu", ["sg-node"], nodes=2).managed("cpu", ["sg-node"], nodes=1)
    assert each(tiny, "it.nodegroupName == 'gpu'", on="gpu").verdict is Verdict.PASS
    assert each(tiny, "it.nodegroupName == 'gpu'").verdict is Verdict.FAIL
    nodes = each(tiny, "it.metadata.name.contains('gpu')", "nodes", on="gpu")
    assert (nodes.verdict, nodes.tally) == (Verdict.PASS, Tally(Verdict.PASS, 1))
    tags = [{"Key": "eks:nodegroup-name", "Value": "gpu"}, {"Key": "eks:cluster-name", "Value": "tiny"}]
    other = [{"Key": "eks:nodegroup-name", "Value": "gpu"}, {"Key": "eks:cluster-name", "Value": "another"}]
    for name, own in (("eks-gpu-1", tags), ("eks-gpu-2", other), ("eks-cpu", [])):
        tiny.put(kinds.AUTO_SCALING_GROUPS, {"AutoScalingGroupName": name, "Tags": own})
    found = each(tiny, "has_tag(it.Tags, 'k8s.io/cluster-autoscaler/enabled')", "auto-scaling-groups", on="gpu")
    assert found.summary == "Auto Scaling group eks-gpu-1 does not meet it"


def test_five_thousand_objects() -> None:
    """Very many objects beside a list are asked together: the answer is that of each by itself."""
    tiny = Tiny()
    for number in range(5_000):
        meta = {"name": f"s{number}", "namespace": "app"}
        tiny.put(kinds.SERVICE_ACCOUNTS, {"metadata": meta, "secrets": [{"name": "x"}] * 5})
    for number in range(300):
        tiny.put(kinds.CONFIG_MAPS, {"metadata": {"name": f"s{number * 7}", "namespace": "app"}, "data": {"a": "b"}})
    that = "!configmaps.exists(c, c.metadata.name == it.metadata.name)"
    found = each(tiny, that, "serviceaccounts", using=("configmaps",))
    assert found.summary == "ServiceAccounts app/s0, app/s7, app/s14 and 297 more do not meet it"


def test_a_context_binds_parameters() -> None:
    """Parameters stand under their names."""
    asked = requirement(Check(each=Each("nodegroups", "it.nodegroupName == wanted.name")))
    from clusterproof.checks.engine import findings
    from clusterproof.profiles.model import Parameter, Profile

    base = profile(asked)
    own = Profile("t", "t", base.document, base.requirements, parameters={"wanted.name": Parameter("n", "a")})
    (found,) = findings(Context(groups(group("a")).snapshot(), own))
    assert found.verdict is Verdict.PASS


def test_a_remark_is_a_note_and_no_verdict() -> None:
    """What meets the condition and deserves a word gets a note; objects with the same one share it, silence says nothing."""
    tiny = groups(group("a", high=10), group("b", high=4), group("c", high=4))
    remark = '${it.scalingConfig.maxSize == 10 ? "" : "maxSize is " + string(it.scalingConfig.maxSize)}'
    found = each(tiny, "it.scalingConfig.minSize == 0", remark=remark)
    assert (found.verdict, found.notes) == (Verdict.PASS, ("node groups b and c: maxSize is 4",))
    assert each(tiny, "it.scalingConfig.minSize == 1", remark=remark).notes == ()


def test_objects_with_the_same_fault_are_told_together() -> None:
    """Equal clauses are said once, for all that they are about."""
    found = each(
        groups(group("a", 1), group("b", 1), group("c", 2)),
        "it.scalingConfig.minSize == 0",
        says="has ${it.scalingConfig.minSize}",
    )
    assert found.summary == "node groups a and b: has 1; c: has 2"
