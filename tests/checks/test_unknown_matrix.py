"""Unknown is never pass (design rule 1): what was not read may leave a verdict ``pass`` only where it truly says nothing."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clusterproof
from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import ALL, BY_NAME, Kind
from clusterproof.snapshot.overlay import AddPermission, Overlay, apply
from clusterproof.snapshot.snapshot import Coverage, MemoryLines, Snapshot, Table, table_of
from clusterproof.sources.permissions import ON_REQUEST
from clusterproof.verdict.algebra import Verdict
from tests.worlds.page import DYNAMO_WORLDS

PORTS = (("tcp", 2379), ("tcp", 4222), ("tcp", 9090), ("udp", 53), ("tcp", 53))

_UNENFORCED = "nothing enforces NetworkPolicies in these worlds, so no policy and no namespace's labels are read"
INDEPENDENT: dict[str, str] = {
    "namespaces": _UNENFORCED,
    "networkpolicies": _UNENFORCED,
    "endpoints": "where the pods are today is evidence, never premise",
    "endpointslices": "where the pods are today is evidence, never premise",
    "serviceaccounts": "no SecurityGroupPolicy selects by service account",
    "configmaps": "no rule reads them",
    "storageclasses": "every claim is bound, and a bound volume says itself where it can be",
    "csinodes": "how many volumes a node can still attach passes by itself: it decides now, never ever",
    "volumeattachments": "as for csinodes",
    "priorityclasses": "who may displace whom decides now, never ever",
    "runtimeclasses": "no template names one",
    **dict.fromkeys(
        ("resourceclaims", "resourceclaimtemplates", "resourceslices", "deviceclasses"), "no pod uses resource claims"
    ),
    "customresourcedefinitions": "only Calico or Cilium beside the VPC CNI may have policies of their own",
    "securitygrouppolicies": "security groups for pods are off (ENABLE_POD_ENI)",
    "nodepools": "no Karpenter runs, EKS Auto Mode is off, and no CRD defines NodePools",
    "ec2nodeclasses": "no NodePool refers to one",
    "nodeclasses": "EKS Auto Mode is off",
    "fargate-profiles": "the list names none",
    **dict.fromkeys((kind.name for kind in ON_REQUEST), "no rule rests on what EKS was told to install, nor on roles"),
    **dict.fromkeys((kind.name for kind in kinds.REQUESTED), "only requirements of other profiles name them"),
    "helmreleases": "without the version the document's rules are judged; what only a later version needs is unknown",
    "nodegroup-names": "the Auto Scaling groups' tags name every managed node group",
    "instances": "describe-network-interfaces tells the same",
    "network-interfaces": "describe-instances tells the same",
    "instance-types": "running siblings tell what a node offers, and the place of which nothing tells works as well",
    "security-group-rules": "they only give a rule its sgr- id",
    "vpcs": "the local routes and the subnets tell the same within one VPC",
    "vpc-peering-connections": "nothing leaves the VPC",
    **dict.fromkeys((kind.name for kind in kinds.TRANSIT), "no route leads to a transit gateway"),
    "managed-prefix-lists": "no rule names a prefix list",
    "prefix-list-entries": "no rule names a prefix list",
}
"""Kinds without which the reach requirements of the repaired worlds still pass, each with the reason."""

OTHER_POLICIES = {kind.name for kind in kinds.OTHER_POLICIES}

IN_WORLD: dict[tuple[str, str], str] = {
    ("demo", "eniconfigs"): "custom networking is off",
    ("inference-at-zero", "eniconfigs"): "custom networking is off",
    ("custom-networking", "launch-template-versions"): "pods have the groups of their ENIConfig",
}

PART: dict[str, str] = {
    "services": "the Service that was found is the one whose name is dialled",
    "persistentvolumeclaims": "the claims that pods use are there",
    "persistentvolumes": "the volumes that are bound are there",
    "eniconfigs": "each node's own ENIConfig is there",
    "nodegroups": "every group that the list names is described",
    "launch-template-versions": "the version that each group names is there",
    "security-groups": "the groups of both ends are there, each whole",
    "subnets": "the subnets of both ends are there",
    "route-tables": "each subnet's own table is there",
    "network-acls": "each subnet's own ACL is there",
}
"""Kinds of which a part is enough, because each object of it says all of itself and those that are needed are there."""

UNCLAIMED = {"prometheus-from-validator", "dns-from-workers", "dns-tcp-from-workers"}
"""Requirements whose pods have no volumes."""


@cache
def profile() -> Profile:
    """The shipped profile."""
    return clusterproof.load_profile("dynamo")


@cache
def world(name: str, *, repaired: bool) -> Snapshot:
    """A shipped world; repaired, every group admits every group on the profile's ports."""
    snapshot = clusterproof.load_world(name)
    if not repaired:
        return snapshot
    ids = [group.group_id for group in snapshot.objects(kinds.SECURITY_GROUPS)]
    pairs = [{"GroupId": peer} for peer in ids]
    edits = tuple(
        AddPermission(
            group,
            egress=False,
            permission={"IpProtocol": protocol, "FromPort": port, "ToPort": port, "UserIdGroupPairs": pairs},
        )
        for group in ids
        for protocol, port in PORTS
    )
    return apply(snapshot, Overlay(edits))


def verdicts(snapshot: Snapshot) -> dict[str, Finding]:
    """All findings by requirement."""
    return {finding.name: finding for finding in findings(Context(snapshot, profile()))}


def without(snapshot: Snapshot, kind: Kind[Any], how: str) -> Snapshot:
    """A snapshot that lacks a kind, was refused it, or has only a part of it (and that part is all there was)."""
    tables = dict(snapshot.tables)
    if how == "dropped":
        tables.pop(kind.name, None)
    elif how == "denied":
        denied = Unknown(Cause.DENIED, f"{kind.name}: access denied", f"needs the permission {kind.permission}")
        tables[kind.name] = table_of(kind, [], [Coverage(missing=denied)])
    else:
        part = Unknown(Cause.INCOMPLETE, f"{kind.name}: a part only", f"run: {kind.command}")
        old = tables.get(kind.name)
        tables[kind.name] = Table(kind, old.lines if old else MemoryLines([]), [Coverage(missing=part)])
    return Snapshot(snapshot.meta, tables)


def excused(name: str, kind: Kind[Any], how: str, requirement: str) -> bool:
    """Whether a requirement may pass without the kind; the tables above say why."""
    if kind.name in INDEPENDENT or kind.name in OTHER_POLICIES or (name, kind.name) in IN_WORLD:
        return True
    if how == "part" and kind.name in PART:
        # The profile finds Prometheus by its Service: another may be among those that were not read.
        return (kind.name, requirement) != ("services", "prometheus-from-validator")
    return kind.name in ("persistentvolumeclaims", "persistentvolumes") and requirement in UNCLAIMED


@pytest.mark.parametrize("name", DYNAMO_WORLDS)
def test_repaired_worlds_pass(name: str) -> None:
    """The starting point of this module: everything that applies passes."""
    found = {finding.verdict for finding in verdicts(world(name, repaired=True)).values()}
    assert found == {Verdict.PASS, Verdict.NOT_APPLICABLE}


@pytest.mark.parametrize("how", ["dropped", "denied", "part"])
@pytest.mark.parametrize("name", DYNAMO_WORLDS)
def test_what_was_not_read_is_unknown(name: str, how: str) -> None:
    """Each kind in turn: a reach requirement is unknown and says what makes it known, unless the kind says nothing."""
    start = world(name, repaired=True)
    reaching = {one.id for one in profile().requirements if one.check.reach is not None}
    for kind in ALL:
        for requirement, finding in verdicts(without(start, kind, how)).items():
            assert not finding.verdict.failing, (kind.name, requirement, finding.summary)
            if requirement not in reaching or finding.verdict is Verdict.NOT_APPLICABLE:
                continue
            if excused(name, kind, how, requirement):
                assert finding.verdict in (Verdict.PASS, Verdict.UNKNOWN)
                continue
            assert finding.verdict is Verdict.UNKNOWN, (kind.name, requirement)
            said = " ".join(str(unknown) for unknown in finding.unknowns)
            token = kind.permission if how == "denied" else kind.command.split(" --")[0].split(" -o ")[0]
            assert token in said or kind.name in said, (kind.name, requirement, said)
            if how == "denied":
                assert kind.permission in said, (kind.name, requirement, said)


@pytest.mark.parametrize("kind", [BY_NAME[name] for name in sorted(INDEPENDENT)], ids=lambda kind: kind.name)
def test_excuses_are_needed(kind: Kind[Any]) -> None:
    """No kind stands in the list of the independent ones without need."""
    found = verdicts(without(world("demo", repaired=True), kind, "dropped"))
    assert found["prometheus-from-validator"].verdict is Verdict.PASS


@pytest.mark.parametrize("name", DYNAMO_WORLDS)
@settings(max_examples=80)
@given(data=st.data())
def test_lost_objects_never_turn_a_failure_into_a_pass(name: str, data: st.DataObject) -> None:
    """Any few objects of any kinds that were lost on the way (and the kinds said to be incomplete) let nothing through."""
    snapshot = world(name, repaired=False)
    before = verdicts(snapshot)
    tables = dict(snapshot.tables)
    full = sorted(kind for kind, table in tables.items() if len(table))
    for kind_name in data.draw(st.lists(st.sampled_from(full), min_size=1, max_size=3, unique=True)):
        table = tables[kind_name]
        lost = data.draw(st.sets(st.integers(0, len(table) - 1), min_size=1, max_size=3))
        kept = MemoryLines([table.lines.line(i) for i in range(len(table)) if i not in lost])
        part = Unknown(Cause.INCOMPLETE, f"{kind_name}: a part only", "run it again")
        tables[kind_name] = Table(table.kind, kept, [Coverage(missing=part)])
    after = verdicts(Snapshot(snapshot.meta, tables))
    for requirement, finding in before.items():
        if finding.verdict.failing:
            assert after[requirement].verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE), requirement


@pytest.mark.parametrize("kind", [kinds.REPLICA_SETS, kinds.JOBS, kinds.CRON_JOBS], ids=lambda kind: kind.name)
def test_workloads_without_pods_are_not_assumed_away(kind: Kind[Any]) -> None:
    """A worker that has no pod yet and no place: its failure is not hidden by refusing the list that shows it."""
    start = world("demo", repaired=True)
    own = next(o for o in start.objects(kinds.DEPLOYMENTS) if o.metadata.name == "vllm-agg-vllmdecodeworker")
    template = msgspec.to_builtins(own.spec.template)
    template["spec"]["nodeSelector"] = {"pool": "nowhere"}
    spec: dict[str, Any] = {"template": template}
    spec = {"jobTemplate": {"spec": spec}} if kind is kinds.CRON_JOBS else {"replicas": 2, **spec}
    stuck = {"metadata": {"name": "nightly", "namespace": "dynamo"}, "spec": spec}
    snapshot = Snapshot(start.meta, {**start.tables, kind.name: table_of(kind, [stuck], [Coverage()])})
    requirement = "dynamo-worker-can-be-scheduled"
    assert verdicts(snapshot)[requirement].verdict.failing
    assert verdicts(without(snapshot, kind, "denied"))[requirement].verdict is Verdict.UNKNOWN
