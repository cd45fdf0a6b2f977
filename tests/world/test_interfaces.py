from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.interfaces import primary_groups
from clusterproof.world.model import Attachment, Interface
from tests.world.build import Tiny

CUSTOM = {"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true"}
PODS = {"ENABLE_POD_ENI": "true"}


def interfaces(tiny: Tiny, workload: str = "deploy/app/web") -> tuple[Interface, ...]:
    """What the workload's pods may have on the first node class."""
    world = tiny.world()
    return world.interfaces.of(world.by_id[workload], world.classes[0])


def web(env: dict[str, str] | None = None, spec: dict[str, Any] | None = None, **labels: str) -> Tiny:
    """One node, and a Deployment ``app/web``."""
    tiny = Tiny().cni(env or {}).deployment("app/web", spec, labels=labels)
    tiny.node("n0", ["sg-node"])
    return tiny


def sgp(name: str, groups: list[str], **selectors: Any) -> dict[str, Any]:
    """A SecurityGroupPolicy in namespace app."""
    return {
        "metadata": {"namespace": "app", "name": name},
        "spec": {"securityGroups": {"groupIds": groups}, **selectors},
    }


def eni(name: str, groups: list[str], subnet: str = "subnet-b") -> dict[str, Any]:
    """An ENIConfig."""
    return {"metadata": {"name": name}, "spec": {"subnet": subnet, "securityGroups": groups}}


def test_host_network_has_the_primary() -> None:
    """A host-network pod uses the node's own interface, whatever else is set."""
    tiny = web(CUSTOM | PODS, {"hostNetwork": True}).put(
        kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={})
    )
    (found,) = interfaces(tiny)
    assert (found.attachment, found.security_groups, found.subnet) == (Attachment.HOST, ("sg-node",), "subnet-a")


def test_pods_share_the_primary_groups() -> None:
    """By default a pod's interface has the primary interface's groups and subnet."""
    (found,) = interfaces(web())
    assert (found.attachment, found.security_groups, found.subnet) == (Attachment.SECONDARY, ("sg-node",), "subnet-a")


def test_subnet_discovery() -> None:
    """Subnets of the same zone and VPC tagged for the CNI are further places for a pod's interface."""
    tiny = web()
    tiny.subnet("subnet-c", "us-east-1a", "10.0.3.0/24", kubernetes__io__role__cni="1")
    tiny.objects["subnets"][-1]["Tags"] = [{"Key": "kubernetes.io/role/cni", "Value": "1"}]
    for name, zone, vpc, value in (
        ("subnet-d", "us-east-1b", "vpc-1", "1"),
        ("subnet-e", "us-east-1a", "vpc-2", "1"),
        ("subnet-f", "us-east-1a", "vpc-1", "0"),
    ):
        tiny.subnet(name, zone, "10.0.4.0/24", vpc=vpc)
        tiny.objects["subnets"][-1]["Tags"] = [{"Key": "kubernetes.io/role/cni", "Value": value}]
    assert [item.subnet for item in interfaces(tiny)] == ["subnet-a", "subnet-c"]
    assert [item.subnet for item in interfaces(tiny.cni({"ENABLE_SUBNET_DISCOVERY": "false"}))] == ["subnet-a"]


def test_custom_networking() -> None:
    """Under custom networking subnet and groups are the ENIConfig's; the node's own stay for source NAT."""
    (found,) = interfaces(web(CUSTOM).put(kinds.ENI_CONFIGS, eni("default", ["sg-pod", "sg-also"])))
    assert (found.attachment, found.security_groups, found.subnet) == (
        Attachment.CUSTOM,
        ("sg-also", "sg-pod"),
        "subnet-b",
    )
    assert (found.node_security_groups, found.node_subnet) == (("sg-node",), "subnet-a")


def test_custom_networking_without_groups() -> None:
    """An ENIConfig without groups takes the primary interface's."""
    (found,) = interfaces(web(CUSTOM).put(kinds.ENI_CONFIGS, eni("default", [])))
    assert (found.security_groups, found.subnet) == (("sg-node",), "subnet-b")


def test_missing_eni_config() -> None:
    """Without the ENIConfig a node's pods get no address: unknown, never allowed."""
    (found,) = interfaces(web(CUSTOM).put(kinds.ENI_CONFIGS, eni("other", ["sg-x"])))
    assert isinstance(found.security_groups, Unknown)
    assert found.security_groups.cause is Cause.ERROR
    assert "ENIConfig default" in found.security_groups.detail


def test_eni_configs_not_read() -> None:
    """ENIConfigs that were not read are unknown with their command."""
    (found,) = interfaces(web(CUSTOM).drop(kinds.ENI_CONFIGS))
    assert isinstance(found.subnet, Unknown)
    assert kinds.ENI_CONFIGS.command in found.subnet.remedy


@pytest.mark.parametrize(
    ("env", "attachment"),
    [
        (PODS, Attachment.BRANCH_STRICT),
        (PODS | {"POD_SECURITY_GROUP_ENFORCING_MODE": "standard"}, Attachment.BRANCH_STANDARD),
        (PODS | CUSTOM, Attachment.BRANCH_STRICT),
    ],
)
def test_policy_by_pod(env: dict[str, str], attachment: Attachment) -> None:
    """A SecurityGroupPolicy that selects the pod gives a branch interface, over an ENIConfig's groups too."""
    tiny = web(env).put(kinds.ENI_CONFIGS, eni("default", ["sg-eni"]))
    tiny.put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={"matchLabels": {"app": "web"}}))
    (found,) = interfaces(tiny)
    assert (found.attachment, found.security_groups) == (attachment, ("sg-p",))
    assert found.subnet == ("subnet-b" if CUSTOM.items() <= env.items() else "subnet-a")
    assert found.node_security_groups == ("sg-node",)


def test_policies_add_up() -> None:
    """The groups of all matching policies are united; others and other namespaces do not count."""
    everyone: dict[str, Any] = {"podSelector": {}}
    elsewhere = sgp("other", ["sg-4"], **everyone)
    elsewhere["metadata"]["namespace"] = "kube-system"
    tiny = web(PODS).put(
        kinds.SECURITY_GROUP_POLICIES,
        sgp("a", ["sg-2", "sg-1"], **everyone),
        sgp("b", ["sg-2", "sg-3"], podSelector={"matchLabels": {"app": "web"}}),
        sgp("c", ["sg-5"], podSelector={"matchLabels": {"app": "no"}}),
        sgp("no-selector", ["sg-6"]),
        elsewhere,
    )
    assert interfaces(tiny)[0].security_groups == ("sg-1", "sg-2", "sg-3")


@pytest.mark.parametrize(
    ("pod", "account", "selected"),
    [("web", "gold", True), ("no", "gold", False), ("web", "tin", False), (None, "gold", True), (None, "tin", False)],
)
def test_both_selectors_must_match(pod: str | None, account: str, selected: bool) -> None:
    """With a pod and a service account selector both have to match; the account's labels are read."""
    selectors: dict[str, Any] = {"serviceAccountSelector": {"matchLabels": {"tier": account}}}
    if pod is not None:
        selectors["podSelector"] = {"matchLabels": {"app": pod}}
    tiny = web(PODS, {"serviceAccountName": "me"}).put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], **selectors))
    tiny.put(kinds.SERVICE_ACCOUNTS, {"metadata": {"namespace": "app", "name": "me", "labels": {"tier": "gold"}}})
    assert (interfaces(tiny)[0].security_groups == ("sg-p",)) is selected


def test_service_accounts_not_read() -> None:
    """A policy by service account cannot be decided without the accounts; it may be a branch interface."""
    account = sgp("p", ["sg-p"], serviceAccountSelector={"matchLabels": {"tier": "gold"}})
    (found,) = interfaces(web(PODS).put(kinds.SECURITY_GROUP_POLICIES, account).drop(kinds.SERVICE_ACCOUNTS))
    assert isinstance(found.security_groups, Unknown)
    assert kinds.SERVICE_ACCOUNTS.command in found.security_groups.remedy
    assert found.attachment is Attachment.BRANCH_STRICT


def test_policies_not_read() -> None:
    """SecurityGroupPolicies matter only where security groups for pods are on; then they must be known."""
    assert interfaces(web().drop(kinds.SECURITY_GROUP_POLICIES))[0].security_groups == ("sg-node",)
    unread = interfaces(web(PODS).drop(kinds.SECURITY_GROUP_POLICIES))[0].security_groups
    assert isinstance(unread, Unknown)


def test_policies_read_in_the_namespace() -> None:
    """A namespaced permission that covers the pod's namespace is enough."""
    tiny = web(PODS)
    snapshot = tiny.snapshot()
    table = snapshot.tables[kinds.SECURITY_GROUP_POLICIES.name]
    denied = Unknown(Cause.DENIED, "denied", "needs: list securitygrouppolicies")
    tiny.partly(kinds.SECURITY_GROUP_POLICIES, denied)
    assert interfaces(tiny)[0].security_groups == denied
    tiny.coverage[table.kind.name] = [*tiny.coverage[table.kind.name], type(tiny.coverage[table.kind.name][0])("app")]
    assert interfaces(tiny)[0].security_groups == ("sg-node",)


def test_union_for_display() -> None:
    """Groups are united for display, and an unknown one stays unknown."""
    one = interfaces(web())[0]
    unknown = interfaces(web(PODS).drop(kinds.SECURITY_GROUP_POLICIES))[0]
    assert primary_groups([one, one]) == ("sg-node",)
    assert isinstance(primary_groups([one, unknown]), Unknown)
