"""One refusing layer at a time, then several: what is proposed, that it is proven, and what it is said to open."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Report
from clusterproof.checks.mended import Fix
from clusterproof.fixes import openings, propose
from clusterproof.profiles.model import Subject
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Put, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from tests.fixes.build import (
    CIDRS,
    OPEN,
    Raw,
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
    subnet,
)

ETCD = reach("etcd", "deploy/dynamo/worker", "deploy/dynamo/etcd", "2379/TCP")
DNS_FROM_GPU = rule(53, group="sg-gpu", protocol="udp")
INSIDE = rule(None, group="sg-system")


def two_groups(
    system: list[Raw] | None = None,
    gpu: list[Raw] | None = None,
    *,
    egress: list[Raw] | None = None,
    services: list[Raw] | None = None,
    **more: Any,
) -> Snapshot:
    """Etcd and CoreDNS on ``system``, the worker on ``gpu``, each with its own security group and subnet."""
    out = [rule(None, cidr="0.0.0.0/0")] if egress is None else egress
    return cluster(
        [place("system", "sg-system", "subnet-a"), place("gpu", "sg-gpu", "subnet-b")],
        [
            group("sg-system", [INSIDE, DNS_FROM_GPU] if system is None else system, name="system-nodes"),
            group("sg-gpu", gpu or (), out, name="gpu-nodes"),
        ],
        more.pop("deployments", [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")]),
        [service("dynamo/etcd", 2379)] if services is None else services,
        **more,
    )


def texts(fix: Fix) -> list[str]:
    """The changes in words."""
    return [change.text for change in fix.changes]


def opened(fix: Fix) -> list[tuple[str, str, str, bool]]:
    """The openings as tuples."""
    return [(o.client, o.server, o.port, o.wanted) for o in fix.opens]


def proven(snapshot: Snapshot, report: Report) -> Fix:
    """The one fix, after checking its proof from outside: the requirement passes on what ``apply`` makes."""
    fix = fix_of(report)
    assert fix.proven
    assert report.plan == fix
    changed = Context(apply(snapshot, fix.overlay), profile(ETCD))
    assert findings(changed)[0].verdict is Verdict.PASS
    return fix


# --- security groups -------------------------------------------------------------------------


def test_ingress_names_the_clients_group() -> None:
    """A refused port is admitted from the client's group, on that port only, and nothing else opens."""
    snapshot = two_groups()
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from sg-gpu (gpu-nodes) to sg-system (system-nodes)"]
    assert opened(fix) == [("gpu (sg-gpu)", "system (sg-system)", "2379/TCP", True)]
    assert fix.commands == (
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-system \\\n"
            "  --protocol tcp --port 2379 --source-group sg-gpu --region us-west-2"
        ),
    )
    assert fix.advice == ()
    assert fix.quota == ()


def test_egress_and_dns_are_mended_with_ingress() -> None:
    """All blocking layers go into one fix: egress and ingress, for the port and for the DNS leg before it (rule 11.1)."""
    snapshot = two_groups([INSIDE], egress=[rule(443, cidr="0.0.0.0/0")])
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert sorted(texts(fix)) == [
        "admit tcp 2379 from sg-gpu (gpu-nodes) to sg-system (system-nodes)",
        "admit udp 53 from sg-gpu (gpu-nodes) to sg-system (system-nodes)",
        "let sg-gpu (gpu-nodes) send tcp 2379 to sg-system (system-nodes)",
        "let sg-gpu (gpu-nodes) send udp 53 to sg-system (system-nodes)",
    ]
    assert all(wanted for *_, wanted in opened(fix))


def test_a_rule_that_covers_half_a_subnet_is_completed() -> None:
    """What varies with the address that comes up is mended like what is blocked."""
    snapshot = two_groups([INSIDE, DNS_FROM_GPU, rule(2379, cidr="10.0.2.0/25")])
    report = repaired(snapshot, ETCD)
    assert only(report).verdict is Verdict.DEPENDS
    assert texts(proven(snapshot, report)) == ["admit tcp 2379 from sg-gpu (gpu-nodes) to sg-system (system-nodes)"]


def test_one_group_on_both_ends_gets_a_rule_that_names_itself() -> None:
    """Where two node groups share their only security group, it admits itself; the other pairs are listed as unwanted (rule 11.3)."""
    snapshot = cluster(
        [place("system", "sg-all", "subnet-a"), place("gpu", "sg-all", "subnet-b")],
        [group("sg-all", [rule(53, cidr="10.0.0.0/16", protocol="udp")])],
        [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")],
        [service("dynamo/etcd", 2379)],
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from itself to sg-all (all)"]
    assert ("gpu (sg-all)", "system (sg-all)", "2379/TCP", True) in opened(fix)
    assert {
        wanted for client, server, _, wanted in opened(fix) if (client, server) != ("gpu (sg-all)", "system (sg-all)")
    } == {False}
    assert len(fix.opens) == 4


def test_of_several_groups_the_pair_that_opens_least_is_named() -> None:
    """Interfaces with shared and own groups: the rule names the own ones, whatever their ids."""
    snapshot = cluster(
        [
            place("system", "sg-aa-shared sg-zz-system", "subnet-a"),
            place("gpu", "sg-aa-shared sg-zz-gpu", "subnet-b"),
            place("other", "sg-aa-shared", "subnet-c"),
        ],
        [
            group("sg-aa-shared", [rule(53, cidr="10.0.0.0/16", protocol="udp")]),
            group("sg-zz-system"),
            group("sg-zz-gpu"),
        ],
        [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")],
        [service("dynamo/etcd", 2379)],
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from sg-zz-gpu (zz-gpu) to sg-zz-system (zz-system)"]
    assert opened(fix) == [("gpu (sg-aa-shared+sg-zz-gpu)", "system (sg-aa-shared+sg-zz-system)", "2379/TCP", True)]


def test_equal_choices_are_settled_by_id() -> None:
    """Two groups that the same nodes carry are alike: the first by id is taken, in whatever order they were read."""
    for groups in ("sg-b sg-a", "sg-a sg-b"):
        snapshot = cluster(
            [place("system", groups, "subnet-a"), place("gpu", "sg-gpu", "subnet-b")],
            [group("sg-a", [DNS_FROM_GPU]), group("sg-b"), group("sg-gpu")],
            [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")],
            [service("dynamo/etcd", 2379)],
        )
        assert texts(proven(snapshot, repaired(snapshot, ETCD))) == ["admit tcp 2379 from sg-gpu (gpu) to sg-a (a)"]


def test_every_client_group_is_mended() -> None:
    """A client that may be on three node groups gets a rule per security group, not one for the first that fails."""
    snapshot = cluster(
        [place(name, f"sg-{name}", f"subnet-{key}") for name, key in (("system", "a"), ("gpu", "b"), ("spare", "c"))],
        [
            group("sg-system", [INSIDE, rule(53, cidr="10.0.0.0/16", protocol="udp")]),
            group("sg-gpu"),
            group("sg-spare"),
        ],
        [deployment("dynamo/etcd", "system"), deployment("dynamo/worker")],
        [service("dynamo/etcd", 2379)],
    )
    report = repaired(snapshot, ETCD)
    assert only(report).verdict is Verdict.DEPENDS
    fix = proven(snapshot, report)
    assert texts(fix) == [
        "admit tcp 2379 from sg-gpu (gpu) to sg-system (system)",
        "admit tcp 2379 from sg-spare (spare) to sg-system (system)",
    ]
    # From the system group it works already, on one node too: affinity would hide the rest.
    assert fix.advice == (
        (
            "pinning deploy/dynamo/worker beside deploy/dynamo/etcd by affinity would make this check pass and hide that "
            "tcp 2379 from gpu and spare to system stays closed: it masks the property"
        ),
    )


def test_what_else_carries_the_groups_is_listed() -> None:
    """Another node group and an interface outside the cluster that carry the client's group are openings too."""
    outside = {"NetworkInterfaceId": "eni-x", "SubnetId": "subnet-d", "Groups": [{"GroupId": "sg-gpu"}]}
    snapshot = cluster(
        [
            place("system", "sg-system", "subnet-a"),
            place("gpu", "sg-gpu", "subnet-b"),
            place("more", "sg-gpu", "subnet-c"),
        ],
        [group("sg-system", [INSIDE, DNS_FROM_GPU]), group("sg-gpu")],
        [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")],
        [service("dynamo/etcd", 2379)],
        network_interfaces=[outside],
    )
    assert opened(proven(snapshot, repaired(snapshot, ETCD))) == [
        ("gpu (sg-gpu)", "system (sg-system)", "2379/TCP", True),
        ("more (sg-gpu)", "system (sg-system)", "2379/TCP", False),
        ("outside the cluster (sg-gpu)", "system (sg-system)", "2379/TCP", False),
    ]


def test_unread_interfaces_leave_the_openings_in_doubt() -> None:
    """Where network interfaces were not read, the fix says that others may carry the groups."""
    snapshot = two_groups(without=["network-interfaces"])
    fix = fix_of(repaired(snapshot, ETCD))
    assert fix.proven
    assert [text for text in fix.advice if text.startswith("whether interfaces outside the cluster")]


def test_a_range_of_ports_becomes_one_rule() -> None:
    """A requirement for a range gets one rule that never exceeds the range."""
    wide = reach("wide", "deploy/dynamo/worker", "deploy/dynamo/etcd", "2000-3000/TCP", by="address")
    snapshot = two_groups([INSIDE, DNS_FROM_GPU, rule((2000, 2099), group="sg-gpu"), rule(2500, group="sg-gpu")])
    fix = fix_of(repaired(snapshot, wide))
    assert fix.proven
    assert texts(fix) == ["admit tcp 2100-3000 from sg-gpu (gpu-nodes) to sg-system (system-nodes)"]
    assert [(o.port, o.wanted) for o in fix.opens] == [("2100-2499/TCP", True), ("2501-3000/TCP", True)]


def test_hosts_are_mended_like_pods() -> None:
    """A requirement about the nodes themselves is mended by the same kind of rule."""
    hosts = reach("hosts", Subject(hosts="gpu"), "deploy/dynamo/etcd", "2379/TCP", by="address")
    fix = fix_of(repaired(two_groups(), hosts, gpu="gpu"))
    assert fix.proven
    assert texts(fix) == ["admit tcp 2379 from sg-gpu (gpu-nodes) to sg-system (system-nodes)"]


# --- other VPCs, custom networking, security groups for pods ----------------------------------


def peered(code: str = "active", regions: tuple[str, str] = ("us-west-2", "us-west-2"), **more: Any) -> Snapshot:
    """The GPU nodes in a VPC of their own, peered with the other."""
    routes = [
        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
        {"DestinationCidrBlock": "10.9.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": "active"},
    ]
    back = [
        {"DestinationCidrBlock": "10.9.0.0/16", "GatewayId": "local", "State": "active"},
        {"DestinationCidrBlock": "10.0.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": "active"},
    ]
    ends = [{"VpcId": vpc, "Region": region} for vpc, region in zip(("vpc-1", "vpc-2"), regions, strict=True)]
    far = acl("acl-far", OPEN, default=True) | {"VpcId": "vpc-2"}
    return cluster(
        [place("system", "sg-system", "subnet-a"), place("gpu", "sg-gpu", "subnet-far")],
        [
            group("sg-system", [INSIDE, rule(53, cidr="10.0.0.0/8", protocol="udp")]),
            group("sg-gpu", vpc="vpc-2"),
        ],
        [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")],
        [service("dynamo/etcd", 2379)],
        subnets=[subnet("subnet-a"), subnet("subnet-far", "10.9.2.0/24", vpc="vpc-2")],
        acls=[far],
        vpcs=[{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}, {"VpcId": "vpc-2", "CidrBlock": "10.9.0.0/16"}],
        route_tables=[
            {"RouteTableId": f"rtb-{vpc}", "VpcId": vpc, "Routes": table, "Associations": [{"Main": True}]}
            for vpc, table in (("vpc-1", routes), ("vpc-2", back))
        ],
        vpc_peering_connections=[
            {
                "VpcPeeringConnectionId": "pcx-1",
                "RequesterVpcInfo": ends[0],
                "AccepterVpcInfo": ends[1],
                "Status": {"Code": code},
            }
        ],
        **more,
    )


def test_a_peered_vpcs_group_can_be_named() -> None:
    """Over an active peering in one region the rule names the other VPC's group, in the long form of the command."""
    snapshot = peered()
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from sg-gpu (gpu) to sg-system (system)"]
    assert "--ip-permissions" in fix.commands[0]


def test_across_regions_the_clients_subnet_is_named() -> None:
    """Where a group reference cannot match, the client's subnet is admitted and no more."""
    snapshot = peered(regions=("us-west-2", "us-east-1"))
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from 10.9.2.0/24 to sg-system (system)"]
    assert "--cidr 10.9.2.0/24" in fix.commands[0]


def test_custom_networking_names_the_pods_groups() -> None:
    """With an ENIConfig the rules name the groups of the pods and not the nodes' (rule 11.3)."""
    snapshot = cluster(
        [
            place("system", "sg-system", "subnet-a", pods=("subnet-d", "sg-pods-system")),
            place(
                "gpu",
                "sg-gpu",
                "subnet-b",
                labels={"k8s.amazonaws.com/eniConfig": "gpu"},
                pods=("subnet-c", "sg-pods-gpu"),
            ),
        ],
        [
            group("sg-system", [rule(None, cidr="10.0.0.0/16")]),
            group("sg-gpu"),
            group("sg-pods-gpu"),
            group("sg-pods-system", [rule(53, group="sg-pods-gpu", protocol="udp")]),
        ],
        [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")],
        [service("dynamo/etcd", 2379)],
        env={"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true", "ENI_CONFIG_LABEL_DEF": "k8s.amazonaws.com/eniConfig"},
        eniconfigs=[
            {"metadata": {"name": "gpu"}, "spec": {"subnet": "subnet-c", "securityGroups": ["sg-pods-gpu"]}},
            {"metadata": {"name": "default"}, "spec": {"subnet": "subnet-d", "securityGroups": ["sg-pods-system"]}},
        ],
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from sg-pods-gpu (pods-gpu) to sg-pods-system (pods-system)"]
    assert opened(fix) == [("gpu (sg-pods-gpu)", "system (sg-pods-system)", "2379/TCP", True)]


def test_security_groups_for_pods_are_named() -> None:
    """Where a SecurityGroupPolicy selects the server, its group gets the rule, and only its pods are opened (rule 11.3)."""
    snapshot = two_groups(
        [rule(None, group="sg-etcd"), INSIDE, DNS_FROM_GPU],
        env={"ENABLE_POD_ENI": "true"},
        securitygrouppolicies=[
            {
                "metadata": {"name": "etcd", "namespace": "dynamo"},
                "spec": {
                    "podSelector": {"matchLabels": {"app": "etcd"}},
                    "securityGroups": {"groupIds": ["sg-etcd"]},
                },
            }
        ],
        security_groups=[
            group("sg-system", [INSIDE, DNS_FROM_GPU]),
            group("sg-gpu"),
            group("sg-etcd"),
        ],
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from sg-gpu (gpu) to sg-etcd (etcd)"]
    assert opened(fix) == [("gpu (sg-gpu)", "system (sg-etcd)", "2379/TCP", True)]


# --- network ACLs ----------------------------------------------------------------------------


def test_acl_entries_are_made_for_both_ways() -> None:
    """A closed ACL on the server's subnet gets the way in and the replies out, each as narrow as the traffic."""
    closed = acl(
        "acl-a",
        [
            entry(100, "allow", (53, 53), egress=False, protocol="17"),
            entry(100, "allow", (32768, 60999), egress=True, protocol="17"),
        ],
        ["subnet-a"],
    )
    snapshot = two_groups([INSIDE, DNS_FROM_GPU, rule(2379, group="sg-gpu")], acls=[closed])
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == [
        "acl-a: rule 110 allows tcp 2379 in from 10.0.2.0/24",
        "acl-a: rule 110 allows tcp 32768-60999 out to 10.0.2.0/24",
    ]
    assert ("gpu (sg-gpu)", "system (sg-system)", "2379/TCP", True) in opened(fix)
    assert fix.commands[0].endswith("--cidr-block 10.0.2.0/24 --region us-west-2")


def test_a_deny_rule_is_passed_by_a_lower_number() -> None:
    """The new entry stands before the one that denies, on a free number."""
    entries = [
        entry(10, "deny", (2379, 2379), egress=False),
        entry(9, "allow", (1, 1), egress=False),
        *OPEN,
    ]
    snapshot = two_groups(
        [INSIDE, DNS_FROM_GPU, rule(2379, group="sg-gpu")], acls=[acl("acl-a", entries, ["subnet-a"])]
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    (edit,) = fix.overlay.edits
    assert isinstance(edit, AddAclEntry)
    assert edit.entry["RuleNumber"] == 8
    assert "acl-a rule 10 denies this: rule 8 is put before it; see first why somebody denied it" in fix.advice


def test_no_free_rule_number_is_said() -> None:
    """Where no number is free below the one that denies, nothing is proposed and the reason is given."""
    snapshot = two_groups(
        [INSIDE, DNS_FROM_GPU, rule(2379, group="sg-gpu")],
        acls=[acl("acl-a", [entry(1, "deny", (2379, 2379), egress=False), *OPEN], ["subnet-a"])],
    )
    fix = fix_of(repaired(snapshot, ETCD))
    assert not fix.proven
    assert fix.changes == ()
    assert "acl-a has no free inbound rule number below 1, which denies" in fix.advice


def test_two_findings_do_not_take_the_same_rule_number() -> None:
    """Each finding's own fix starts at the same free number; the plan counts on."""
    closed = acl(
        "acl-a",
        [entry(100, "allow", (53, 53), egress=False, protocol="17"), entry(100, "allow", egress=True)],
        ["subnet-a"],
    )
    open_groups = [INSIDE, DNS_FROM_GPU, rule((2000, 5000), group="sg-gpu")]
    deployments = [
        deployment("dynamo/etcd", "system"),
        deployment("dynamo/nats", "system"),
        deployment("dynamo/worker", "gpu"),
    ]
    services = [service("dynamo/etcd", 2379), service("dynamo/nats", 4222)]
    snapshot = two_groups(open_groups, acls=[closed], deployments=deployments, services=services)
    nats = reach("nats", "deploy/dynamo/worker", "deploy/dynamo/nats", "4222/TCP")
    report = repaired(snapshot, ETCD, nats)
    assert report.plan is not None
    assert report.plan.proven
    numbers = [edit.entry["RuleNumber"] for edit in report.plan.overlay.edits if isinstance(edit, AddAclEntry)]
    assert numbers == [110, 120]
    after = findings(Context(apply(snapshot, report.plan.overlay), profile(ETCD, nats)))
    assert [finding.verdict for finding in after] == [Verdict.PASS, Verdict.PASS]


# --- NetworkPolicies -------------------------------------------------------------------------

GROUPS_OPEN = [INSIDE, DNS_FROM_GPU, rule(2379, group="sg-gpu")]


def test_a_refusing_policy_is_answered_by_one_more() -> None:
    """Ingress is admitted by a policy of its own, from the client's labels and namespace, on the one port."""
    snapshot = two_groups(GROUPS_OPEN, policies=[deny("dynamo", "Ingress")])
    fix = proven(snapshot, repaired(snapshot, ETCD))
    (edit,) = fix.overlay.edits
    assert isinstance(edit, Put)
    assert edit.object == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "labels": {"app.kubernetes.io/managed-by": "clusterproof"},
            "name": "clusterproof-allow-etcd-from-worker-tcp-2379",
            "namespace": "dynamo",
        },
        "spec": {
            "podSelector": {"matchLabels": {"app": "etcd"}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [
                        {
                            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dynamo"}},
                            "podSelector": {"matchLabels": {"app": "worker"}},
                        }
                    ],
                    "ports": [{"protocol": "TCP", "port": 2379}],
                }
            ],
        },
    }
    assert opened(fix) == [("deploy/dynamo/worker", "deploy/dynamo/etcd", "2379/TCP", True)]
    assert fix.commands[0].startswith("kubectl apply -f - <<'EOF'\napiVersion: networking.k8s.io/v1\n")


def test_egress_policies_mend_dns_too() -> None:
    """An isolated client is let out to the server and to the cluster's DNS, by labels of what the Services select."""
    snapshot = two_groups(GROUPS_OPEN, policies=[deny("dynamo", "Egress", {"matchLabels": {"app": "worker"}})])
    fix = proven(snapshot, repaired(snapshot, ETCD))
    names = sorted(edit.object["metadata"]["name"] for edit in fix.overlay.edits if isinstance(edit, Put))
    assert names == [
        "clusterproof-allow-worker-to-etcd-tcp-2379",
        "clusterproof-allow-worker-to-kube-system-coredns-udp-53",
    ]
    assert all(wanted for *_, wanted in opened(fix))


def test_a_service_port_that_differs_is_admitted_by_its_address() -> None:
    """The VPC CNI judges egress before translation; where the ports differ only the cluster address is certain."""
    snapshot = two_groups(
        [INSIDE, DNS_FROM_GPU, rule(2380, group="sg-gpu")],
        services=[service("dynamo/etcd", 2379, target=2380)],
        policies=[deny("dynamo", "Egress", {"matchLabels": {"app": "worker"}})],
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    peers = [edit.object["spec"]["egress"][0] for edit in fix.overlay.edits if isinstance(edit, Put)]
    assert {"to": [{"ipBlock": {"cidr": "172.20.0.9/32"}}], "ports": [{"protocol": "TCP", "port": 2379}]} in peers


def test_all_layers_together() -> None:
    """Groups, ACL and policies refuse at once: one fix mends them all, and leaving any edit out breaks the proof."""
    snapshot = two_groups(
        [INSIDE],
        egress=[rule(443, cidr="0.0.0.0/0")],
        acls=[acl("acl-b", [entry(100, "allow", (443, 443), egress=True)], ["subnet-b"])],
        policies=[deny("dynamo", "Ingress"), deny("dynamo", "Egress")],
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    kinds = {type(edit) for edit in fix.overlay.edits}
    assert kinds == {AddPermission, AddAclEntry, Put}
    assert len(fix.overlay.edits) == 4 + 4 + 3
    for edit in fix.overlay.edits:
        rest = tuple(item for item in fix.overlay.edits if item is not edit)
        less = Context(apply(snapshot, type(fix.overlay)(rest)), profile(ETCD))
        assert findings(less)[0].verdict.failing


def test_a_policy_that_would_isolate_others_is_not_proposed() -> None:
    """If the server's labels also select pods that nothing isolates, a further policy would close them: advice only."""
    isolate = deny("dynamo", "Ingress", {"matchExpressions": [{"key": "more", "operator": "DoesNotExist"}]})
    snapshot = two_groups(
        GROUPS_OPEN,
        policies=[isolate],
        deployments=[
            deployment("dynamo/etcd", "system"),
            deployment("dynamo/beside", "system", labels={"app": "etcd", "more": "1"}),
            deployment("dynamo/worker", "gpu"),
        ],
    )
    fix = fix_of(repaired(snapshot, ETCD))
    assert not fix.proven
    assert fix.changes == ()
    assert any("would also isolate deploy/dynamo/beside for ingress" in text for text in fix.advice)


def test_somebody_elses_policy_keeps_its_name() -> None:
    """A policy that already has the name is left alone; the new one is numbered."""
    taken = policy(
        "dynamo/clusterproof-allow-etcd-from-worker-tcp-2379", {"podSelector": {}, "policyTypes": ["Ingress"]}
    )
    snapshot = two_groups(GROUPS_OPEN, policies=[taken])
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert fix.changes[0].object.key == "dynamo/clusterproof-allow-etcd-from-worker-tcp-2379-2"


def test_a_host_network_client_is_admitted_by_its_subnet() -> None:
    """No selector matches nodes, so their subnet is admitted, and everything in it is listed."""
    worker = deployment("dynamo/worker", "gpu", hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet")
    snapshot = two_groups(
        GROUPS_OPEN, policies=[deny("dynamo", "Ingress")], deployments=[deployment("dynamo/etcd", "system"), worker]
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert [o.client for o in fix.opens] == [f"pods and nodes in {CIDRS['subnet-b']}"]


# --- what cannot be proven -------------------------------------------------------------------


def test_a_missing_route_is_advice() -> None:
    """A blackhole cannot be mended from what was read: the fix is not proven and says which route."""
    snapshot = two_groups(
        route_tables=[
            {
                "RouteTableId": "rtb-main",
                "VpcId": "vpc-1",
                "Routes": [{"DestinationCidrBlock": "10.0.0.0/24", "GatewayId": "local", "State": "active"}],
                "Associations": [{"Main": True}],
            }
        ]
    )
    report = repaired(snapshot, ETCD)
    fix = fix_of(report)
    assert not fix.proven
    assert any("a route has to be added or mended" in text for text in fix.advice)
    assert report.plan is not None
    assert not report.plan.proven


def test_a_service_without_the_port_is_advice() -> None:
    """A named target port that no container has is the Service's fault, not a rule's."""
    snapshot = two_groups(GROUPS_OPEN, services=[service("dynamo/etcd", 2379, target="client")])
    fix = fix_of(repaired(snapshot, ETCD))
    assert not fix.proven
    assert fix.changes == ()
    assert any("the Service has to be changed" in text for text in fix.advice)


def test_what_cannot_be_scheduled_is_advice() -> None:
    """Nothing can be opened for a pod that has no place."""
    deployments = [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "nowhere")]
    fix = fix_of(repaired(two_groups(deployments=deployments), ETCD))
    assert not fix.proven
    assert any(text.startswith("not proven: deploy/dynamo/worker cannot be scheduled") for text in fix.advice)


@pytest.mark.parametrize("missing", ["network-acls", "route-tables"])
def test_unknown_is_never_proven(missing: str) -> None:
    """Where a layer was not read, the rule that is certainly needed is offered, and called not proven."""
    report = repaired(two_groups(without=[missing]), ETCD)
    fix = fix_of(report)
    assert texts(fix) == ["admit tcp 2379 from sg-gpu (gpu-nodes) to sg-system (system-nodes)"]
    assert not fix.proven
    assert any(text.startswith("not proven: with this change etcd is still unknown") for text in fix.advice)


def test_what_passes_has_no_fix() -> None:
    """A report without failures has neither fixes nor a plan."""
    report = repaired(two_groups(GROUPS_OPEN), ETCD)
    assert only(report).verdict is Verdict.PASS
    assert only(report).fix is None
    assert report.plan is None


# --- the plan, owners, quotas -----------------------------------------------------------------


def test_the_plan_mends_all_findings_without_repeating_itself() -> None:
    """Two findings that need the same DNS rule share it; the plan proves both."""
    deployments = [
        deployment("dynamo/etcd", "system"),
        deployment("dynamo/nats", "system"),
        deployment("dynamo/worker", "gpu"),
    ]
    services = [service("dynamo/etcd", 2379), service("dynamo/nats", 4222)]
    snapshot = two_groups([INSIDE], deployments=deployments, services=services)
    nats = reach("nats", "deploy/dynamo/worker", "deploy/dynamo/nats", "4222/TCP")
    report = repaired(snapshot, ETCD, nats)
    plan = report.plan
    assert plan is not None
    assert plan.proven
    assert texts(plan) == [
        "admit udp 53 from sg-gpu (gpu-nodes) to sg-system (system-nodes)",
        "admit tcp 2379 from sg-gpu (gpu-nodes) to sg-system (system-nodes)",
        "admit tcp 4222 from sg-gpu (gpu-nodes) to sg-system (system-nodes)",
    ]


def test_a_plan_that_mends_only_some_says_so() -> None:
    """What cannot be mended takes nothing from what is proven of the rest, and is named with what stops it."""
    deployments = [
        deployment("dynamo/etcd", "system"),
        deployment("dynamo/worker", "gpu"),
        deployment("dynamo/lost", "nowhere"),
    ]
    lost = reach("lost", "deploy/dynamo/lost", "deploy/dynamo/etcd", "2379/TCP")
    plan = repaired(two_groups(deployments=deployments), ETCD, lost).plan
    assert plan is not None
    assert plan.proven
    assert texts(plan) == ["admit tcp 2379 from sg-gpu (gpu-nodes) to sg-system (system-nodes)"]
    assert [name.partition("/")[2] for name in plan.mends] == ["etcd"]
    assert [item.name for item in plan.left] == ["lost"]
    assert plan.left[0].why.startswith("deploy/dynamo/lost cannot be scheduled: ")


@pytest.mark.parametrize(
    ("tags", "name", "owner"),
    [
        ({"managed-by": "terraform"}, "x", "Terraform"),
        ({"aws:cloudformation:stack-name": "s"}, "x", "CloudFormation"),
        ({"alpha.eksctl.io/cluster-name": "c"}, "x", "eksctl"),
        ({"aws:eks:cluster-name": "c"}, "x", "EKS"),
        ({}, "eks-cluster-sg-prod-123", "EKS"),
        ({}, "x", ""),
    ],
)
def test_the_owner_of_a_group_is_named(tags: dict[str, str], name: str, owner: str) -> None:
    """Tags and EKS' own naming say who manages the group that is changed."""
    groups = [group("sg-system", [INSIDE, DNS_FROM_GPU], name=name, tags=tags), group("sg-gpu")]
    fix = fix_of(repaired(two_groups(security_groups=groups), ETCD))
    assert [change.owner for change in fix.changes] == [owner]


def full(number: int) -> list[Raw]:
    """So many rules that have nothing to do with the question."""
    return [rule(10000 + item, cidr="192.168.0.0/24") for item in range(number)]


@pytest.mark.parametrize(
    ("have", "said"),
    [
        (52, []),
        (53, ["sg-system (system-nodes) would have 54 of 60 inbound rules (default quota)"]),
        (59, ["sg-system (system-nodes) would have 60 of 60 inbound rules (default quota)"]),
        (
            60,
            [
                (
                    "sg-system (system-nodes) would have 61 inbound rules for IPv4, past the default quota of 60: ask for a "
                    "higher quota first, or merge rules"
                )
            ],
        ),
        (
            70,
            [
                (
                    "sg-system (system-nodes) would have 71 inbound rules for IPv4, past the default quota of 60: it already "
                    "has 70, so the account's quota is higher; see that it holds"
                )
            ],
        ),
        (
            200,
            [
                (
                    "sg-system (system-nodes) would have 201 inbound rules for IPv4, more than any quota allows: rules per "
                    "group times groups per interface (here 5) are at most 1,000; merge rules, or put them into another group"
                )
            ],
        ),
    ],
)
def test_the_quota_is_watched(have: int, said: list[str]) -> None:
    """From 90 % of the quota on a sentence says how many rules the group would have (rule 1.q)."""
    snapshot = two_groups([INSIDE, DNS_FROM_GPU, *full(have - 2)])
    fix = fix_of(repaired(snapshot, ETCD))
    assert fix.proven
    assert list(fix.quota) == said


def test_a_full_group_is_not_chosen_where_another_works() -> None:
    """Of two groups on the server's interface the full one is passed over, though its id comes first."""
    snapshot = cluster(
        [place("system", "sg-a sg-b", "subnet-a"), place("gpu", "sg-gpu", "subnet-b")],
        [group("sg-a", [DNS_FROM_GPU, *full(59)]), group("sg-b"), group("sg-gpu")],
        [deployment("dynamo/etcd", "system"), deployment("dynamo/worker", "gpu")],
        [service("dynamo/etcd", 2379)],
    )
    fix = proven(snapshot, repaired(snapshot, ETCD))
    assert texts(fix) == ["admit tcp 2379 from sg-gpu (gpu) to sg-b (b)"]
    assert fix.quota == ()


def test_a_wide_acl_change_is_listed_by_subnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound on questions the openings of an ACL entry are its subnets and addresses, which is never less."""
    monkeypatch.setattr(openings, "_MOST", 0)
    closed = acl(
        "acl-a",
        [entry(100, "allow", (53, 53), egress=False, protocol="17"), entry(100, "allow", egress=True)],
        ["subnet-a"],
    )
    snapshot = two_groups(GROUPS_OPEN, acls=[closed])
    fix = fix_of(repaired(snapshot, ETCD))
    assert fix.proven
    assert opened(fix) == [("addresses 10.0.2.0/24", "the subnets of acl-a", "2379/TCP", False)]


def test_a_search_that_breaks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error inside the search leaves the finding as it is, with advice instead of a fix."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("nothing")

    monkeypatch.setattr(propose, "needs_of", broken)
    report = repaired(two_groups(), ETCD)
    assert only(report).verdict is Verdict.FAIL
    fix = fix_of(report)
    assert not fix.proven
    assert fix.advice == (
        "the search for a fix itself failed (ZeroDivisionError: nothing); report this with the snapshot",
    )
