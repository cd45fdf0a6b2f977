"""Random small clusters: what is called proven is so, and nothing outside ``opens`` became reachable."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.snapshot.overlay import apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from tests.fixes.brute import uncovered
from tests.fixes.build import (
    acl,
    cluster,
    deny,
    deployment,
    entry,
    fix_of,
    group,
    only,
    place,
    policy,
    profile,
    reach,
    repaired,
    rule,
    service,
)

GROUPS = ("sg-1", "sg-2", "sg-3", "sg-4")
SUBNETS = ("subnet-a", "subnet-b", "subnet-c")
PORTS = ((53, "UDP"), (2379, "TCP"), (2380, "TCP"), (40000, "TCP"))

_rules = st.lists(
    st.builds(
        rule,
        st.sampled_from([None, 2379, 2380, 53, (2000, 3000)]),
        group=st.sampled_from(GROUPS),
        protocol=st.sampled_from(["tcp", "udp"]),
    ),
    max_size=2,
)
_egress = st.one_of(
    st.just([rule(None, cidr="0.0.0.0/0")]),
    st.lists(st.builds(rule, st.sampled_from([None, 53, 2379]), group=st.sampled_from(GROUPS)), max_size=2),
    st.just([rule(2379, cidr="10.0.1.0/25")]),
)
_acl_entries = st.lists(
    st.builds(
        entry,
        st.sampled_from([50, 60, 90, 100]),
        st.sampled_from(["allow", "allow", "deny"]),
        st.sampled_from([None, (2379, 2379), (1024, 65535), (32768, 40000)]),
        egress=st.booleans(),
        cidr=st.sampled_from(["0.0.0.0/0", "10.0.2.0/24", "10.0.0.0/16"]),
    ),
    max_size=4,
    unique_by=lambda item: (item["RuleNumber"], item["Egress"]),
)
_policies = st.lists(
    st.sampled_from(
        [
            deny("dynamo", "Ingress"),
            deny("dynamo", "Egress"),
            deny("dynamo", "Ingress", {"matchLabels": {"app": "etcd"}}),
            deny("dynamo", "Egress", {"matchLabels": {"app": "worker"}}),
            deny("kube-system", "Ingress"),
            policy(
                "other/allow",
                {
                    "podSelector": {},
                    "policyTypes": ["Egress"],
                    "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
                },
            ),
        ]
    ),
    max_size=3,
    unique_by=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]),
)


@st.composite
def clusters(draw: st.DrawFn) -> Snapshot:
    """A cluster of three node groups whose groups, rules, ACLs and policies are drawn."""
    names = ("system", "gpu", "other")
    places = [
        place(
            name,
            " ".join(draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True))),
            draw(st.sampled_from(SUBNETS)),
        )
        for name in names
    ]
    groups = [group(key, draw(_rules), draw(_egress)) for key in GROUPS]
    entries = draw(_acl_entries)
    acls: list[dict[str, Any]] = []
    if draw(st.booleans()):
        acls = [acl("acl-1", entries, [draw(st.sampled_from(SUBNETS))])]
    host = draw(st.booleans())
    extra: dict[str, Any] = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"} if host else {}
    deployments = [
        deployment("dynamo/etcd", draw(st.sampled_from(["system", "system", ""]))),
        deployment("dynamo/worker", draw(st.sampled_from(["gpu", "gpu", ""])), **extra),
        deployment("other/idle", "other"),
        deployment("dynamo/beside", "other", labels={"app": "etcd", "more": "1"}),
    ]
    target = draw(st.sampled_from([2379, 2379, 2380]))
    services = [service("dynamo/etcd", 2379, target=target)]
    return cluster(
        places, groups, deployments, services, acls=acls, policies=draw(_policies), enforced=draw(st.booleans())
    )


REQUIREMENT = reach("etcd", "deploy/dynamo/worker", "deploy/dynamo/etcd", "2379/TCP")


@settings(max_examples=60)
@given(clusters())
def test_proven_is_so_and_nothing_else_opens(snapshot: Snapshot) -> None:
    """A proven fix passes on the snapshot that ``apply`` makes, an unproven one does not; opens covers what opens."""
    report = repaired(snapshot, REQUIREMENT)
    finding = only(report)
    if not finding.verdict.failing:
        assert finding.fix is None
        assert report.plan is None
        return
    if finding.fix is None:
        return
    fix = fix_of(report)
    changed = apply(snapshot, fix.overlay)
    before, after = Context(snapshot, profile(REQUIREMENT)), Context(changed, profile(REQUIREMENT))
    verdict = findings(after)[0].verdict
    assert fix.proven is (verdict is Verdict.PASS and bool(fix.overlay))
    missed = uncovered(before, after, fix.opens, PORTS)
    assert missed == [], (fix.changes, fix.opens)
    if not fix.proven:
        assert fix.advice


@settings(max_examples=30)
@given(clusters())
def test_nothing_in_a_proven_fix_is_idle(snapshot: Snapshot) -> None:
    """Without any one of its edits a proven fix no longer passes."""
    report = repaired(snapshot, REQUIREMENT)
    fix = only(report).fix
    if fix is None or not fix.proven:
        return
    for edit in fix.overlay.edits:
        rest = tuple(item for item in fix.overlay.edits if item is not edit)
        context = Context(apply(snapshot, type(fix.overlay)(rest)), profile(REQUIREMENT))
        assert findings(context)[0].verdict is not Verdict.PASS, edit
