"""More ways in which a cluster fails although nearly everything says that it works, in what reach learned last.

Each was once a pass, or a failure that nothing proved. The rule that it breaks stands in docs/design.md.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from clusterproof.checks.cells import Asker
from clusterproof.checks.paths import why
from clusterproof.errors import UnknownNameError
from clusterproof.profiles.model import Subject
from clusterproof.snapshot import kinds
from clusterproof.snapshot.snapshot import Meta
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT, ask, reach, two_groups
from tests.world.build import Tiny, on, rule

ENFORCED = ["--enable-network-policy=true"]


def open_pair(cni: dict[str, str] | None = None) -> Tiny:
    """A client bound to ``front`` and a server bound to ``back``, nothing closed between them, policies enforced."""
    tiny = two_groups("all sg-front", "all sg-back", client="front", server="back")
    return tiny.cni(cni or {}, ENFORCED)


def policy(spec: dict[str, Any]) -> dict[str, Any]:
    """A NetworkPolicy of namespace ``app``."""
    return {"metadata": {"namespace": "app", "name": "policy"}, "spec": spec}


def with_pod(tiny: Tiny) -> Tiny:
    """The server runs at 10.0.1.77, a second address of its node's interface; a policy lets nothing in."""
    tiny.pod("app/server-1", "back-0", owner="Deployment/server", labels={"app": "server"})
    tiny.objects["pods"][-1]["status"]["podIP"] = "10.0.1.77"
    interface = {
        "NetworkInterfaceId": "eni-2",
        "SubnetId": "subnet-b",
        "PrivateIpAddress": "10.0.1.10",
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.10"}, {"PrivateIpAddress": "10.0.1.77"}],
        "Groups": [{"GroupId": "sg-back"}],
        "Attachment": {"InstanceId": "i-00000002", "DeviceIndex": 0},
    }
    tiny.put(kinds.NETWORK_INTERFACES, interface)
    return tiny.put(kinds.NETWORK_POLICIES, policy({"podSelector": {}, "policyTypes": ["Ingress"]}))


def test_an_address_may_be_that_of_a_pod_that_was_not_read() -> None:
    """An interface's second address may be a pod's: where pods were not read, so may its policies."""
    asked = reach(server=Subject(address="10.0.1.77/32"))
    assert ask(with_pod(open_pair()), asked).verdict is Verdict.FAIL
    assert ask(with_pod(open_pair()).drop(kinds.PODS), asked).verdict is Verdict.UNKNOWN
    # The interface's own address is no pod's; and without an engine no policy decides.
    own = reach(server=Subject(address="10.0.1.10/32"))
    assert ask(with_pod(open_pair()).drop(kinds.PODS), own).verdict is Verdict.PASS
    assert ask(with_pod(open_pair()).cni().drop(kinds.PODS), asked).verdict is Verdict.PASS


def written_down(*ports: int) -> Tiny:
    """A Service without selector, one EndpointSlice for each port, in this order; the groups admit 80 alone."""
    tiny = Tiny().sg("sg-front", "udp 53 sg-front").sg("sg-80", "tcp 80 sg-front").managed("front", ["sg-front"])
    tiny.deployment("app/client").dns().service("app/ext", 80, {})
    for port in ports:
        address = f"10.0.0.{port}"
        face = {"SubnetId": "subnet-a", "PrivateIpAddress": address, "Groups": [{"GroupId": "sg-80"}]}
        tiny.put(kinds.NETWORK_INTERFACES, {"NetworkInterfaceId": f"eni-{port}", **face})
        labels = {"kubernetes.io/service-name": "ext"}
        piece = {
            "metadata": {"namespace": "app", "name": f"ext-{port}", "labels": labels},
            "endpoints": [{"addresses": [address]}],
            "ports": [{"name": "main", "port": port, "protocol": "TCP"}],
        }
        tiny.put(kinds.ENDPOINT_SLICES, piece)
    return tiny


@pytest.mark.parametrize("ports", [(80, 81), (81, 80)])
def test_endpoints_at_different_ports(ports: tuple[int, ...]) -> None:
    """The port of the last EndpointSlice is not that of all endpoints."""
    assert why(written_down(80).snapshot(), CLIENT, "svc/app/ext:80").verdict is Verdict.PASS
    assert why(written_down(81).snapshot(), CLIENT, "svc/app/ext:80").verdict is Verdict.FAIL
    with pytest.raises(UnknownNameError, match="different ports of its endpoints: 80, 81"):
        why(written_down(*ports).snapshot(), CLIENT, "svc/app/ext:80")


def test_the_agents_list_is_short_for_policies_that_may_select_too() -> None:
    """Selected or not, a flow passes only if the agent holds the rule that admits it (rule 7.9)."""
    several = {"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]}
    ports = [{"port": number, "protocol": "TCP"} for number in (80, *range(2000, 2030))]
    for count, verdict in ((24, Verdict.PASS), (25, Verdict.UNKNOWN)):
        spec = {"podSelector": several, "policyTypes": ["Ingress"], "ingress": [{"ports": ports[:count]}]}
        assert ask(open_pair().put(kinds.NETWORK_POLICIES, policy(spec)), reach()).verdict is verdict


@pytest.mark.parametrize("own_first", [True, False])
def test_the_control_plane_is_that_of_the_own_cluster(own_first: bool) -> None:
    """Where several clusters were read, the order of reading does not decide whose control plane it is."""
    tiny = Tiny().sg("sg-cluster").sg("sg-other").sg("sg-back", "tcp 80 sg-other").managed("back", ["sg-back"])
    tiny.deployment("app/server")
    (own,) = tiny.objects["clusters"]
    own["resourcesVpcConfig"]["subnetIds"] = ["subnet-a"]
    other_vpc = {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-other", "subnetIds": ["subnet-a"]}
    other = {"name": "other", "version": "1.33", "resourcesVpcConfig": other_vpc}
    tiny.objects["clusters"] = [own, other] if own_first else [other, own]
    asked = reach(client=Subject(control_plane=True))
    assert ask(tiny, asked).verdict is Verdict.FAIL
    tiny.meta = Meta(time=tiny.meta.time)
    assert ask(tiny, asked).verdict is Verdict.UNKNOWN


def test_interfaces_of_a_time_with_custom_networking() -> None:
    """Where custom networking was switched off, a node's older interfaces go on giving addresses in their subnets."""
    tiny = Tiny().sg("sg-node").sg("sg-back", "tcp 80 sg-node").managed("back", ["sg-back"])
    tiny.subnet("subnet-c", "us-east-1a", "10.0.9.0/24").managed("front", ["sg-node"], nodes=0)
    labels = {"eks.amazonaws.com/nodegroup": "front"}
    tiny.node("front-0", ["sg-node"], labels=labels, pod_interfaces=[("subnet-c", ["sg-node"])])
    tiny.deployment("app/client", on("front")).deployment("app/server", on("back"))
    assert ask(tiny, reach()).verdict is Verdict.PASS
    deny = [
        {"RuleNumber": 10, "RuleAction": "deny", "Egress": way, "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}
        for way in (True, False)
    ]
    acl = {"NetworkAclId": "acl-c", "VpcId": "vpc-1", "Entries": deny, "Associations": [{"SubnetId": "subnet-c"}]}
    assert ask(tiny.put(kinds.NETWORK_ACLS, acl), reach()).verdict is Verdict.DEPENDS


@pytest.mark.parametrize("field", ["command", "args"])
def test_a_service_that_is_named_in_a_command(field: str) -> None:
    """A container's command names servers as its arguments do."""
    tiny = open_pair().dns(on("front")).service("app/server", 80, {"app": "server"})
    tiny.objects["security-groups"][0]["IpPermissions"] = [rule("udp 53 sg-front")]
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS
    tiny.objects["deployments"][0]["spec"]["template"]["spec"]["containers"][0][field] = ["dial", "server-x:80"]
    found = ask(tiny, reach(by="name"))
    assert found.verdict is Verdict.FAIL
    assert "there is no Service app/server-x" in found.summary


@pytest.mark.parametrize("mode", ["Strict", "enforce"])
def test_an_enforcing_mode_that_is_not_known(mode: str) -> None:
    """What is neither strict nor standard says nothing, least of all that everything passes (rule 1)."""
    assert ask(open_pair({"NETWORK_POLICY_ENFORCING_MODE": mode}), reach()).verdict is Verdict.UNKNOWN
    assert ask(open_pair({"NETWORK_POLICY_ENFORCING_MODE": ""}), reach()).verdict is Verdict.PASS


def test_auto_mode_is_not_forgotten_where_all_groups_are_at_zero() -> None:
    """A managed node group is of EKS, also without any node: whether Auto Mode makes others is in what was not read."""
    tiny = Tiny().sg("sg-a", "all sg-a").managed("g", ["sg-a"], nodes=0, size=(0, 0, 3))
    tiny.deployment("app/client").deployment("app/server")
    assert ask(tiny, reach()).verdict is Verdict.PASS
    assert ask(tiny.drop(kinds.CLUSTERS), reach()).verdict is Verdict.UNKNOWN


def test_folding_where_the_groups_of_a_client_are_not_known() -> None:
    """A rule that names a group nobody is known to carry tells servers apart while some client's groups are unknown."""
    tiny = Tiny().sg("sg-front").sg("sg-other").sg("sg-closed").sg("sg-maybe", "tcp 80 sg-other")
    tiny.managed("closed", ["sg-closed"], labels={"role": "back"}).managed(
        "maybe", ["sg-maybe"], labels={"role": "back"}
    )
    tiny.managed("front", ["sg-front"]).deployment("app/client", on("front"))
    tiny.deployment("app/server", {"nodeSelector": {"role": "back"}, "hostNetwork": True})
    tiny.cni({"ENABLE_POD_ENI": "true"}).drop(kinds.SECURITY_GROUP_POLICIES)
    folded = ask(tiny, reach())
    with patch.object(Asker, "_foldable", lambda *_: False):
        singly = ask(tiny, reach())
    assert (folded.verdict, folded.tally) == (singly.verdict, singly.tally)
    assert folded.tally is not None
    assert folded.tally.unknown
