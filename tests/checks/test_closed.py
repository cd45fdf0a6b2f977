"""Requirements that nothing gets through, and addresses that stay on the node (sections 6 and 7 of the reference)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from clusterproof.checks.broken import broken
from clusterproof.checks.closed import inverted
from clusterproof.profiles.model import Check, Evidence, NodeSet, Reach, Requirement, Subject
from clusterproof.reach.trace import Outcome
from clusterproof.reports import words
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict, fold
from tests.checks.ask import CLIENT, ask, requirement
from tests.world.build import Tiny, on

IMDS, IMDS6 = "169.254.169.254/32", "fd00:ec2::254/128"
AGENT, CACHE = "169.254.170.23/32", "169.254.20.10/32"
ENFORCED = ("--enable-network-policy=true",)
OPTIONAL = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"}
STRICT = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
EXCEPT = [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [IMDS]}}]}]


def cluster(
    *,
    options: Mapping[str, Any] | None = OPTIONAL,
    template: Mapping[str, Any] | None = None,
    enforced: bool = True,
    spec: dict[str, Any] | None = None,
    nodes: int = 2,
    group: str = "a",
) -> Tiny:
    """One node group whose instances and launch template have these metadata options, and a client."""
    tiny = Tiny().sg("sg-a")
    if enforced:
        tiny.cni(agent_args=ENFORCED)
    data: dict[str, Any] = {"SecurityGroupIds": ["sg-a"]}
    wanted = options if template is None else template
    if wanted:
        data["MetadataOptions"] = dict(wanted)
    tiny.managed(group, ["sg-a"], nodes=nodes, template=data)
    for raw in tiny.objects[kinds.INSTANCES.name]:
        if options:
            raw["MetadataOptions"] = dict(options)
    return tiny.deployment("app/client", spec)


def policy(tiny: Tiny, name: str, egress: Sequence[Any], *, labels: Mapping[str, str] | None = None) -> Tiny:
    """An egress policy of namespace ``app``."""
    spec = {"podSelector": {"matchLabels": dict(labels or {})}, "policyTypes": ["Egress"], "egress": list(egress)}
    return tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"name": name, "namespace": "app"}, "spec": spec})


def asked(
    address: str = IMDS, port: str = "80/TCP", *, closed: bool = True, client: Subject | None = None
) -> Requirement:
    """Whether nothing gets to an address, or something does."""
    source = client or Subject(workload=CLIENT)
    return requirement(Check(reach=Reach(source, Subject(address=address), port, "address", closed)))


def judged(tiny: Tiny, asked_: Requirement) -> Verdict:
    """The verdict alone."""
    return ask(tiny, asked_).verdict


# --- the algebra ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ("b", Verdict.PASS),
        ("w", Verdict.FAIL),
        ("bw", Verdict.DEPENDS),
        ("bv", Verdict.DEPENDS),
        ("bu", Verdict.UNKNOWN),
        ("wu", Verdict.DEPENDS),
        ("u", Verdict.UNKNOWN),
        ("", Verdict.FAIL),
    ],
)
def test_the_algebra_with_outcomes_exchanged(cells: str, verdict: Verdict) -> None:
    """Every cell blocked passes; one that works fails or depends; what varies and what is unknown stay so."""
    outcomes = {"b": Outcome.BLOCKED, "w": Outcome.WORKS, "v": Outcome.VARIES, "u": Outcome.UNKNOWN}
    assert fold([[inverted(outcomes[cell])] for cell in cells]).verdict is verdict


def test_open_and_closed_are_opposites() -> None:
    """What passes as closed fails as reach and the other way about, where nothing varies and all is known."""
    for tiny in (cluster(), cluster(options=STRICT), policy(cluster(), "p", EXCEPT), policy(cluster(), "p", [{}])):
        there, not_there = judged(tiny, asked(closed=False)), judged(tiny, asked())
        assert {there, not_there} == {Verdict.PASS, Verdict.FAIL}


def test_words_of_a_closed_requirement() -> None:
    """Summary and matrix say what gets through and what lets it, and count the pair as broken."""
    found = ask(cluster(enforced=False), asked())
    assert found.summary == (
        "deploy/app/client reaches 169.254.169.254:80 (instance metadata service) from every node: no policy stops it: "
        "not enforced: nothing in this cluster enforces NetworkPolicies"
    )
    assert found.matrix is not None
    (cell,) = found.matrix.cells
    assert (cell.outcome, cell.felt, words.cell(cell)) == (Outcome.WORKS, Outcome.BLOCKED, "OPEN")
    assert broken(found) == {("a", IMDS.partition("/")[0]): 2}
    shut = ask(policy(cluster(), "p", EXCEPT), asked())
    assert (
        shut.summary == "deploy/app/client cannot reach 169.254.169.254:80 (instance metadata service) from every node"
    )
    assert shut.matrix is not None
    assert [words.cell(one) for one in shut.matrix.cells] == ["closed"]
    assert (broken(shut), shut.unknowns) == ({}, ())


def test_groups_that_differ() -> None:
    """Where one group is open and another closed it depends on where the pod comes to be; a DaemonSet is on both."""
    tiny = cluster()
    tiny.managed("b", ["sg-a"], template={"SecurityGroupIds": ["sg-a"], "MetadataOptions": STRICT})
    tiny.objects[kinds.INSTANCES.name][-1]["MetadataOptions"] = STRICT
    found = ask(tiny, asked())
    assert found.verdict is Verdict.DEPENDS
    assert found.summary.startswith(
        "deploy/app/client to 169.254.169.254:80 (instance metadata service): open from a, closed from b"
    )
    assert found.cause == "the scheduler's choice of the client's node"
    spread = tiny.controller("DaemonSet", "app/agent")
    everywhere = Subject(workload="ds/app/agent")
    assert ask(spread, asked(client=everywhere)).verdict is Verdict.FAIL


# --- link-local addresses --------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "port"), [(AGENT, "80/TCP"), (AGENT, "2703/TCP"), (IMDS, "80/TCP")])
def test_no_route_group_or_acl_decides(address: str, port: str) -> None:
    """Packets to link-local addresses never leave the node (rule 7.7)."""
    tiny = cluster()
    tiny.objects[kinds.SECURITY_GROUPS.name][0]["IpPermissionsEgress"] = []
    tiny.objects[kinds.NETWORK_ACLS.name][0]["Entries"] = []
    found = ask(tiny, asked(address, port, closed=False))
    assert found.verdict is Verdict.PASS
    assert found.matrix is not None
    assert {hop.layer.value for hop in found.matrix.cells[0].path} == {"policy egress", "same node"}


@pytest.mark.parametrize(
    ("egress", "imds", "agent"),
    [
        ([], Verdict.FAIL, Verdict.FAIL),
        ([{}], Verdict.PASS, Verdict.PASS),
        (EXCEPT, Verdict.FAIL, Verdict.PASS),
        ([{"to": [{"ipBlock": {"cidr": AGENT}}], "ports": [{"port": 80}]}], Verdict.FAIL, Verdict.PASS),
        ([{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}], Verdict.FAIL, Verdict.FAIL),
        ([{"to": [{"podSelector": {}}]}], Verdict.FAIL, Verdict.FAIL),
    ],
)
def test_policies_decide(egress: list[Any], imds: Verdict, agent: Verdict) -> None:
    """The egress policies of the pod decide, by address (rule 7.7)."""
    tiny = policy(cluster(), "p", egress)
    assert (judged(tiny, asked(closed=False)), judged(tiny, asked(AGENT, closed=False))) == (imds, agent)


def test_any_second_policy_that_admits_it_wins() -> None:
    """Policies add up: one that blocks the metadata service closes nothing that another admits, and that one is named."""
    inside = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]
    found = ask(policy(policy(cluster(), "block", inside), "web", [{}, {"ports": [{"port": 80}]}]), asked())
    assert found.verdict is Verdict.FAIL
    assert "app/web, spec.egress[0], admits it" in found.summary
    # What the agent of the VPC CNI makes of an exception beside a wider block depends on its version: not closed.
    shadowed = ask(policy(policy(cluster(), "block", EXCEPT), "web", [{"ports": [{"port": 80}]}]), asked())
    assert (shadowed.verdict, "spec.egress[0]" in shadowed.cause) == (Verdict.UNKNOWN, True)


def test_policies_that_nothing_enforces() -> None:
    """Objects without an engine stop nothing; on the host network nor do any."""
    assert judged(policy(cluster(enforced=False), "p", EXCEPT), asked()) is Verdict.FAIL
    assert judged(policy(cluster(spec={"hostNetwork": True}), "p", []), asked()) is Verdict.FAIL


def test_policies_that_were_not_read() -> None:
    """What may be refused by a policy nobody read is unknown; what the node refuses is closed all the same."""
    assert judged(cluster().drop(kinds.NETWORK_POLICIES), asked()) is Verdict.UNKNOWN
    assert judged(cluster(options=STRICT).drop(kinds.NETWORK_POLICIES), asked()) is Verdict.PASS


# --- the metadata service by node --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "pods", "host"),
    [
        (OPTIONAL, Verdict.FAIL, Verdict.FAIL),
        ({**OPTIONAL, "HttpPutResponseHopLimit": 1}, Verdict.FAIL, Verdict.FAIL),
        ({**STRICT, "HttpPutResponseHopLimit": 2}, Verdict.FAIL, Verdict.FAIL),
        (STRICT, Verdict.PASS, Verdict.FAIL),
        ({**OPTIONAL, "HttpEndpoint": "disabled"}, Verdict.PASS, Verdict.PASS),
    ],
)
def test_metadata_options_of_nodes(options: dict[str, Any], pods: Verdict, host: Verdict) -> None:
    """A token at hop limit 1 stays on the node; the host network has it; without tokens the limit is nothing (rule 7.7)."""
    assert judged(cluster(options=options), asked()) is pods
    assert judged(cluster(options=options, spec={"hostNetwork": True}), asked()) is host
    assert judged(cluster(options=options), asked(client=Subject(hosts="all"))) is host


def test_todays_nodes_and_tomorrows() -> None:
    """A launch template that differs from what runs makes it depend, however many nodes run."""
    assert judged(cluster(options=STRICT, template=OPTIONAL), asked()) is Verdict.DEPENDS
    assert judged(cluster(options=OPTIONAL, template=STRICT), asked()) is Verdict.DEPENDS
    found = ask(cluster(options=STRICT, template={"HttpTokens": "required"}), asked())
    assert found.verdict is Verdict.UNKNOWN
    assert "launch-template-versions lt-a/1 leaves HttpPutResponseHopLimit to the AMI" in found.cause


def test_one_node_of_a_group() -> None:
    """One open node among closed ones is seen, and named by the path."""
    tiny = cluster(options=STRICT, nodes=3)
    tiny.objects[kinds.INSTANCES.name][1]["MetadataOptions"] = OPTIONAL
    found = ask(tiny, asked())
    assert found.verdict is Verdict.DEPENDS
    assert found.matrix is not None
    assert "a-1" in found.matrix.cells[0].client_place
    assert found.matrix.clients[0].nodes == 3


def test_unread_options_are_unknown_only_where_policies_leave_it_open() -> None:
    """Unread instances are unknown, not open and not closed; behind a policy they do not matter."""
    found = ask(cluster(options=None), asked())
    assert found.verdict is Verdict.UNKNOWN
    assert any("describe-instances" in unknown.remedy for unknown in found.unknowns)
    assert judged(policy(cluster(options=None), "p", EXCEPT), asked()) is Verdict.PASS
    denied = Unknown(Cause.DENIED, "instances were refused (ec2:DescribeInstances)")
    tiny = cluster().partly(kinds.INSTANCES, denied)
    tiny.objects[kinds.INSTANCES.name].clear()
    assert judged(tiny, asked()) in (Verdict.UNKNOWN, Verdict.DEPENDS)


@pytest.mark.parametrize(("ami", "verdict"), [("AL2023_x86_64_NVIDIA", Verdict.PASS), ("AL2_x86_64", Verdict.FAIL)])
def test_managed_groups_without_a_launch_template(ami: str, verdict: Verdict) -> None:
    """EKS makes Amazon Linux 2023 nodes with hop limit 1, and made those of Amazon Linux 2 with 2 and no token."""
    tiny = Tiny().cni(agent_args=ENFORCED).managed("a", nodes=0, size=(0, 0, 3)).deployment("app/client")
    tiny.sg("sg-cluster").objects[kinds.NODEGROUPS.name][0]["amiType"] = ami
    assert judged(tiny, asked()) is verdict


def test_a_custom_image_gets_two_hops() -> None:
    """A launch template with an image and no hop limit gets 2 (EKS User Guide, Amazon Linux 2023)."""
    tiny = cluster(options=OPTIONAL, template={"HttpTokens": "required"}, nodes=0)
    tiny.objects[kinds.LAUNCH_TEMPLATE_VERSIONS.name][0]["LaunchTemplateData"]["ImageId"] = "ami-1"
    tiny.objects[kinds.NODEGROUPS.name][0] |= {"amiType": "CUSTOM"}
    tiny.objects[kinds.NODEGROUPS.name][0]["scalingConfig"] = {"minSize": 0, "maxSize": 3, "desiredSize": 0}
    assert judged(tiny, asked()) is Verdict.FAIL


def test_over_ipv6() -> None:
    """Pods of an IPv4 cluster have no IPv6 address; the metadata service has a switch for IPv6 that is off."""
    assert judged(cluster(), asked(IMDS6)) is Verdict.PASS
    assert judged(cluster(spec={"hostNetwork": True}), asked(IMDS6)) is Verdict.PASS
    on_ = {**OPTIONAL, "HttpProtocolIpv6": "enabled"}
    assert judged(cluster(options=on_, spec={"hostNetwork": True}), asked(IMDS6)) is Verdict.FAIL
    egress = cluster(options=on_).cni({"ENABLE_V6_EGRESS": "true"}, agent_args=ENFORCED)
    assert judged(egress, asked(IMDS6)) is Verdict.UNKNOWN


# --- what runs on each node -----------------------------------------------------------------------------


def test_nodelocal_dnscache() -> None:
    """An address that nobody has is not reached; that of a NodeLocal DNSCache is, as its arguments say."""
    assert judged(cluster(), asked(CACHE, "53/UDP", closed=False)) is Verdict.FAIL
    tiny = cluster().dns()
    ports = [{"port": 53, "protocol": protocol, "name": protocol.lower()} for protocol in ("UDP", "TCP")]
    tiny.service("kube-system/kube-dns-upstream", 53, {"k8s-app": "kube-dns"}, ports=ports)
    container = {"name": "node-cache", "image": "k8s-dns-node-cache:1", "args": ["-localip", "169.254.20.10"]}
    tiny.controller("DaemonSet", "kube-system/node-local-dns", {"containers": [container], "hostNetwork": True})
    assert judged(tiny, asked(CACHE, "53/UDP", closed=False)) is Verdict.PASS
    assert judged(policy(tiny, "p", EXCEPT), asked(CACHE, "53/UDP", closed=False)) is Verdict.PASS
    assert judged(tiny, asked("169.254.20.11/32", "53/UDP", closed=False)) is Verdict.FAIL
    assert judged(cluster().drop(kinds.DAEMON_SETS), asked(CACHE, "53/UDP", closed=False)) is Verdict.UNKNOWN


def test_closed_between_pods() -> None:
    """Pods that nothing keeps apart reach one another; on one node no security group counts, so that it depends."""
    tiny = Tiny().sg("sg-a").cni(agent_args=ENFORCED).managed("a", ["sg-a"], nodes=2)
    tiny.deployment("app/client", on("a")).deployment("app/server", on("a"))
    ends = Subject(workload=CLIENT), Subject(workload="deploy/app/server")
    between = requirement(Check(reach=Reach(*ends, "80/TCP", closed=True)))
    assert judged(tiny, between) is Verdict.DEPENDS
    deny = {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"name": "deny", "namespace": "app"}, "spec": deny})
    assert judged(tiny, between) is Verdict.PASS


def test_absent_clients() -> None:
    """A set without groups is unknown, and a client that nothing can run fails as everywhere: no cell, no proof."""
    sets = {"gpu": NodeSet("gpu", (Evidence(group=("none",)),))}
    missing = ask(cluster(), asked(client=Subject(workload=CLIENT, on="gpu")), node_sets=sets)
    assert missing.verdict is Verdict.UNKNOWN
    nowhere = ask(cluster(spec=on("elsewhere")), asked())
    assert (nowhere.verdict, "cannot be scheduled" in nowhere.summary) == (Verdict.FAIL, True)


# --- other nodes, other engines ---------------------------------------------------------------------------


def test_other_engines_and_the_own_node() -> None:
    """What Kubernetes calls the pod's own node is open or not by the engine: a refusal is unknown there (rule 7.7)."""
    tiny = policy(cluster(enforced=False), "p", [])
    labels = {"containers": [{"name": "calico-node", "image": "calico/node:v3"}], "hostNetwork": True}
    tiny.controller("DaemonSet", "kube-system/calico-node", labels, labels={"k8s-app": "calico-node"})
    assert tiny.world().plane.policy_engine == "Calico"
    assert judged(tiny, asked(AGENT)) is Verdict.UNKNOWN
    assert judged(tiny, asked(IMDS)) is Verdict.PASS


def test_fargate_has_neither() -> None:
    """On Fargate there is no metadata service and no Pod Identity Agent (rule 7.7)."""
    tiny = Tiny()
    profile_ = {
        "fargateProfileName": "fp",
        "subnets": ["subnet-a"],
        "selectors": [{"namespace": "app"}],
        "status": "ACTIVE",
    }
    tiny.put(kinds.FARGATE_PROFILES, profile_).put(kinds.FARGATE_PROFILE_NAMES, {"name": "fp"})
    tiny.deployment("app/client")
    assert judged(tiny, asked(IMDS)) is Verdict.PASS
    assert judged(tiny, asked(AGENT)) is Verdict.PASS


def karpenter(options: Mapping[str, Any] | None, *, auto: bool = False) -> Tiny:
    """A NodePool without nodes, of Karpenter or of EKS Auto Mode."""
    group, kind, table = (
        ("eks.amazonaws.com", "NodeClass", kinds.NODE_CLASSES)
        if auto
        else ("karpenter.k8s.aws", "EC2NodeClass", kinds.EC2_NODE_CLASSES)
    )
    terms = {"subnetSelectorTerms": [{"id": "subnet-a"}], "securityGroupSelectorTerms": [{"id": "sg-a"}]}
    spec: dict[str, Any] = {**terms, **({"metadataOptions": dict(options)} if options is not None else {})}
    tiny = Tiny().sg("sg-a").put(table, {"apiVersion": f"{group}/v1", "metadata": {"name": "default"}, "spec": spec})
    template = {"spec": {"nodeClassRef": {"group": group, "kind": kind, "name": "default"}, "requirements": []}}
    tiny.put(kinds.NODE_POOLS, {"metadata": {"name": "pool"}, "spec": {"template": template}})
    return tiny.deployment("app/client")


def test_karpenter_and_auto_mode() -> None:
    """An EC2NodeClass that says nothing asks for tokens at hop limit 1, Auto Mode always does (rule 7.7)."""
    assert judged(karpenter(None), asked()) is Verdict.PASS
    assert judged(karpenter({"httpTokens": "required", "httpPutResponseHopLimit": 2}), asked()) is Verdict.FAIL
    assert judged(karpenter({"httpTokens": "optional"}), asked()) is Verdict.FAIL
    assert judged(karpenter({"httpEndpoint": "disabled", "httpTokens": "optional"}), asked()) is Verdict.PASS
    assert judged(karpenter(None, auto=True), asked()) is Verdict.PASS


def test_pods_of_an_ipv6_cluster() -> None:
    """They reach IPv6 addresses as policies say; over IPv4 the VPC CNI enforces none, so that a refusal is unknown."""
    deny = policy(cluster(), "p", [{"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}]}])
    open_ = cluster()
    for tiny in (open_, deny):
        tiny.objects[kinds.CLUSTERS.name][0]["kubernetesNetworkConfig"] = {"ipFamily": "ipv6"}
        for raw in tiny.objects[kinds.SUBNETS.name]:
            raw["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": "2001:db8:1::/64"}]
    agent6 = "fd00:ec2::23/128"
    assert (judged(open_, asked(agent6, closed=False)), judged(deny, asked(agent6, closed=False))) == (
        Verdict.PASS,
        Verdict.FAIL,
    )
    assert judged(open_, asked()) is Verdict.FAIL
    assert judged(deny, asked()) is Verdict.UNKNOWN
