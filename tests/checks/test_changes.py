from __future__ import annotations

import json
import re
from typing import Any

import pytest

from clusterproof import api
from clusterproof.checks.attribution import TRIALS, _smallest
from clusterproof.checks.changes import Compared as Side
from clusterproof.checks.changes import Comparison, VerdictChange, comparison, verdict_changes
from clusterproof.profiles.model import Level
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import AddPermission, Delete, Overlay, Put, SetField, apply
from clusterproof.snapshot.snapshot import Snapshot, table_of
from clusterproof.verdict.algebra import Verdict
from tests.checks.excuses import finding, report

GPU, CPU = ("gpu", "system"), ("cpu", "system")


@pytest.fixture(scope="module")
def demo() -> Snapshot:
    """The world that ships with the project."""
    return api.load_world("demo")


def group(snapshot: Snapshot, name: str) -> str:
    """A security group's id."""
    return next(g.group_id for g in snapshot.objects(kinds.SECURITY_GROUPS) if g.group_name == name)


def compared(old: Snapshot, new: Snapshot) -> tuple[Comparison, dict[str, VerdictChange]]:
    """The comparison, and its verdict changes by requirement."""
    found = api.diff(old, new, "dynamo")
    return found, {change.id.partition("/")[2]: change for change in found.verdicts}


def permission(port: int, source: str, protocol: str = "tcp") -> dict[str, Any]:
    """One inbound rule."""
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": source}]}


def test_same_snapshots_do_not_differ(demo: Snapshot) -> None:
    """Nothing changed: no verdict, no object, status 0."""
    found, verdicts = compared(demo, api.load_world("demo"))
    assert (found.objects, verdicts, found.exit_status) == ((), {}, 0)


def test_the_object_that_did_it_is_named(demo: Snapshot) -> None:
    """Among many changes the one rule that mends etcd is found, and what else changed is not blamed."""
    rule = AddPermission(
        group(demo, "system-nodes"), egress=False, permission=permission(2379, group(demo, "gpu-nodes"))
    )
    noise = [SetField("deployments", table_key, "spec.replicas", 7) for table_key in demo.tables["deployments"].index]
    new = apply(demo, Overlay((*noise, rule)))
    found, verdicts = compared(demo, new)
    assert len(found.objects) == len(noise) + 1
    assert set(verdicts) == {"etcd-from-gpu-nodes"}
    change = verdicts["etcd-from-gpu-nodes"]
    assert (change.old, change.new, change.worse, change.mended) == (
        Verdict.FAIL,
        Verdict.PASS,
        False,
        ("gpu to system",),
    )
    assert [[(item.kind, item.key) for item in cause.changes] for cause in change.causes] == [
        [("security-groups", group(demo, "system-nodes"))]
    ]
    assert found.exit_status == 0
    back, verdicts = compared(new, demo)
    assert verdicts["etcd-from-gpu-nodes"].worse
    assert verdicts["etcd-from-gpu-nodes"].broken == ("gpu to system",)
    assert back.exit_status == 1


def test_changes_that_need_one_another_are_named_together(demo: Snapshot) -> None:
    """A port opened in two layers at once: neither alone mends it, both together are the cause."""
    system, gpu = group(demo, "system-nodes"), group(demo, "gpu-nodes")
    closed = apply(demo, Overlay(tuple(
        Put("network-acls", {**raw, "Entries": [
            {"RuleNumber": 50, "Protocol": "6", "PortRange": {"From": 2379, "To": 2379}, "RuleAction": "deny",
             "Egress": False, "CidrBlock": "0.0.0.0/0"}, *raw["Entries"]]})
        for raw in demo.tables["network-acls"].raws()
    )))  # fmt: skip
    opened = apply(demo, Overlay((AddPermission(system, egress=False, permission=permission(2379, gpu)),)))
    _, verdicts = compared(closed, opened)
    causes = verdicts["etcd-from-gpu-nodes"].causes
    assert len(causes) == 1
    assert sorted({item.kind for item in causes[0].changes}) == ["network-acls", "security-groups"]


def test_a_kind_that_is_read_no_more_is_the_cause_as_a_whole(demo: Snapshot) -> None:
    """Its objects are not said to be gone; what passed is unknown, and the status is 3."""
    tables = {name: table for name, table in demo.tables.items() if name != "services"}
    found, verdicts = compared(demo, Snapshot(demo.meta, tables))
    assert [(o.kind, o.key, o.change) for o in found.objects] == [("services", "", "read")]
    dns = verdicts["dns-from-workers"]
    assert (dns.old, dns.new, dns.worse) == (Verdict.PASS, Verdict.UNKNOWN, True)
    assert dns.causes[0].changes == found.objects
    assert not verdicts["prometheus-from-validator"].mended
    assert found.exit_status == 3


def test_rules_and_their_group_are_one_change(demo: Snapshot) -> None:
    """EC2 tells each rule twice; a group that loses one is one changed object."""
    rules = demo.tables["security-group-rules"]
    system = group(demo, "system-nodes")
    gone = next(
        raw for raw in rules.raws() if raw["GroupId"] == system and not raw["IsEgress"] and raw.get("FromPort") == 10250
    )
    raw = demo.raw(kinds.SECURITY_GROUPS, system)
    assert raw is not None
    raw["IpPermissions"] = [p for p in raw["IpPermissions"] if p.get("FromPort") != 10250]
    new = apply(
        demo, Overlay((Put("security-groups", raw), Delete("security-group-rules", gone["SecurityGroupRuleId"])))
    )
    found, _ = compared(demo, new)
    assert [(o.kind, o.key, o.change) for o in found.objects] == [("security-groups", system, "changed")]


def test_a_cluster_with_other_ids_is_compared_in_few_trials(demo: Snapshot) -> None:
    """Every node group's id is another one: the objects that matter are found among all of them, with progress."""
    gpu, system = group(demo, "gpu-nodes"), group(demo, "system-nodes")
    opened = apply(
        demo, Overlay(tuple(AddPermission(system, egress=False, permission=permission(p, gpu)) for p in (2379, 4222)))
    )
    old = Snapshot(
        opened.meta,
        {
            name: table_of(
                table.kind,
                [
                    json.loads(re.sub(r"\b(sg|lt|eni|i|subnet)-[0-9a-f]{8,}", r"\g<0>9", json.dumps(raw)))
                    for raw in table.raws()
                ],
                table.coverage,
            )
            for name, table in opened.tables.items()
        },
    )
    told: list[str] = []
    found = api.diff(old, demo, "dynamo", observer=told.append)
    verdicts = {change.id.partition("/")[2]: change for change in found.verdicts}
    assert set(verdicts) == {"etcd-from-gpu-nodes", "nats-from-gpu-nodes"}
    for change in verdicts.values():
        assert change.causes, change.note
        assert len(change.causes[0].changes) <= 20
    assert told[0] == f"what brought about {found.verdicts[0].id}: trial 1 of at most {TRIALS}"
    assert len(told) < TRIALS


@pytest.mark.parametrize("wanted", [{3}, {0, 7}, {1, 2, 3}, set(range(8))])
def test_smallest_set_is_found(wanted: set[int]) -> None:
    """Any set that is needed as a whole is found exactly."""
    names = tuple(("kind", str(number)) for number in range(8))
    found = _smallest(names, lambda chosen: {f"{n}" for n in wanted} <= {key for _, key in chosen})
    assert {int(key) for _, key in found} == wanted


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (finding(verdict=Verdict.PASS), finding(), 1),
        (finding(verdict=Verdict.PASS), finding(verdict=Verdict.UNKNOWN), 3),
        (finding(verdict=Verdict.DEPENDS), finding(), 1),
        (finding(), finding(verdict=Verdict.DEPENDS), 0),
        (finding(), finding(verdict=Verdict.UNKNOWN), 0),
        (finding(cells={GPU: Outcome.BLOCKED}), finding(cells={GPU: Outcome.BLOCKED, CPU: Outcome.BLOCKED}), 1),
        (finding(verdict=Verdict.PASS, level=Level.SHOULD), finding(level=Level.SHOULD), 0),
        (finding("gone"), finding(), 1),
    ],
)
def test_exit_status_of_changes(old: Any, new: Any, status: int) -> None:
    """1 for what fails newly, 3 for what is unknown newly, at the level that counts."""
    changes = verdict_changes(report(old), report(new))
    assert comparison(Side("a"), Side("b"), "p", changes, (), Level.MUST).exit_status == status
