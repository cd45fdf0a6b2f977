from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.model import DataPlane
from tests.world.build import Tiny


def plane(tiny: Tiny) -> DataPlane:
    """The data plane of a cluster."""
    return tiny.world().plane


def test_defaults_of_the_vpc_cni() -> None:
    """Without environment variables the VPC CNI's documented defaults hold, and nothing enforces policies."""
    found = plane(Tiny())
    assert (found.name, found.modelled, found.policies) == ("VPC CNI", None, False)
    assert not found.custom_networking
    assert not found.external_snat
    assert not found.pod_groups
    assert found.strict
    assert found.random_ports
    assert found.subnet_discovery


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "true", "custom_networking", True),
        ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "true", "external_snat", True),
        (
            "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
            "10.1.0.0/16, 10.2.0.0/16",
            "exclude_snat",
            ("10.1.0.0/16", "10.2.0.0/16"),
        ),
        ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "none", "random_ports", False),
        ("ENABLE_POD_ENI", "true", "pod_groups", True),
        ("POD_SECURITY_GROUP_ENFORCING_MODE", "standard", "strict", False),
        ("ENABLE_SUBNET_DISCOVERY", "false", "subnet_discovery", False),
        ("ENI_CONFIG_LABEL_DEF", "topology.kubernetes.io/zone", "eni_config_label", "topology.kubernetes.io/zone"),
        ("ENI_CONFIG_ANNOTATION_DEF", "mine", "eni_config_annotation", "mine"),
    ],
)
def test_environment_variables(name: str, value: str, field: str, expected: object) -> None:
    """Each environment variable of aws-node changes what it is for."""
    assert getattr(plane(Tiny().cni({name: value})), field) == expected


def test_a_setting_from_another_object_is_unknown() -> None:
    """A variable whose value stands in a ConfigMap is not silently its default."""
    tiny = Tiny()
    spec = tiny.objects["daemonsets"][0]["spec"]["template"]["spec"]
    spec["containers"][0]["env"] = [{"name": "ENABLE_POD_ENI", "valueFrom": {"configMapKeyRef": {"name": "x"}}}]
    found = plane(tiny).modelled
    assert isinstance(found, Unknown)
    assert "ENABLE_POD_ENI" in found.detail


def test_what_no_rule_reads_may_come_from_elsewhere() -> None:
    """MY_NODE_NAME comes from the pod itself on every cluster and changes nothing."""
    tiny = Tiny()
    spec = tiny.objects["daemonsets"][0]["spec"]["template"]["spec"]
    spec["containers"][0]["env"] = [{"name": "MY_NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    assert plane(tiny).modelled is None


@pytest.mark.parametrize(
    ("args", "enforced"),
    [
        ([], False),
        (["--enable-network-policy=false"], False),
        (["--enable-network-policy=true"], True),
        (["--enable-ipv6=false", "--enable-network-policy"], True),
    ],
)
def test_policy_agent(args: list[str], enforced: bool) -> None:
    """The node agent enforces policies only when its arguments say so."""
    found = plane(Tiny().cni(agent_args=args))
    assert found.policies is enforced
    assert found.policy_engine == ("VPC CNI" if enforced else "")


def daemon(tiny: Tiny, name: str) -> Tiny:
    """With one more DaemonSet."""
    return tiny.controller("DaemonSet", f"kube-system/{name}", {"hostNetwork": True})


@pytest.mark.parametrize(("name", "engine"), [("calico-node", "Calico"), ("cilium", "Cilium")])
def test_chained_engine_enforces(name: str, engine: str) -> None:
    """Calico or Cilium beside the VPC CNI enforces NetworkPolicies (rule 7.10)."""
    found = plane(daemon(Tiny(), name))
    assert (found.name, found.policies, found.policy_engine, found.modelled) == ("VPC CNI", True, engine, None)


@pytest.mark.parametrize(
    ("name", "definition", "read"),
    [
        ("calico-node", "globalnetworkpolicies.crd.projectcalico.org", True),
        ("calico-node", "globalnetworkpolicies.projectcalico.org", False),
        ("cilium", "ciliumnetworkpolicies.cilium.io", True),
    ],
)
def test_own_policy_kinds_matter_by_their_objects(name: str, definition: str, read: bool) -> None:
    """That an engine's own kinds are installed said nothing is known; their objects decide, where they are read (rule 7.10)."""
    tiny = daemon(Tiny(), name).put(kinds.CRDS, {"metadata": {"name": definition}})
    found = plane(tiny).modelled
    assert (found is None) is read
    if isinstance(found, Unknown):
        assert found.cause is Cause.NOT_MODELLED


@pytest.mark.parametrize("partly", [False, True])
def test_calico_may_keep_its_policies_elsewhere(partly: bool) -> None:
    """Which group Calico keeps its objects in must be known, also where a part of the definitions was read (rule 7.10)."""
    tiny = daemon(Tiny(), "calico-node")
    if partly:
        tiny.partly(kinds.CRDS, Unknown(Cause.DENIED, "denied", "needs list customresourcedefinitions"))
    else:
        tiny.drop(kinds.CRDS)
    found = plane(tiny).modelled
    assert isinstance(found, Unknown)
    assert "Calico" in found.detail
    assert "customresourcedefinitions" in str(found)


def test_strict_enforcing_mode() -> None:
    """NETWORK_POLICY_ENFORCING_MODE strict refuses by default where the agent enforces, and beside Auto Mode is mixed (rule 7.9)."""
    mode = {"NETWORK_POLICY_ENFORCING_MODE": "strict"}
    agent = ["--enable-network-policy=true"]
    assert plane(Tiny().cni(mode, agent)).default_deny
    assert plane(Tiny().cni(mode, agent)).modelled is None
    assert not plane(Tiny().cni(mode)).default_deny
    assert not plane(Tiny().cni({}, agent)).default_deny
    mixed = Tiny().cni(mode, agent)
    mixed.objects["clusters"][0]["computeConfig"] = {"enabled": True}
    assert isinstance(plane(mixed).modelled, Unknown)


def test_two_enforcers_are_not_modelled() -> None:
    """The VPC CNI's agent and Calico at once is nothing that is decided (rule 7.10)."""
    assert plane(daemon(Tiny().cni(agent_args=["--enable-network-policy=true"]), "calico-node")).modelled is not None


def test_ambient_mesh_is_not_modelled() -> None:
    """Ztunnel redirects pod traffic."""
    found = plane(daemon(Tiny(), "ztunnel")).modelled
    assert isinstance(found, Unknown)
    assert "ztunnel" in found.detail


@pytest.mark.parametrize("name", ["calico-node", "cilium"])
def test_engine_alone_is_not_modelled(name: str) -> None:
    """An overlay or another address management is said to be so."""
    tiny = daemon(Tiny().remove(kinds.DAEMON_SETS, "kube-system/aws-node"), name)
    assert plane(tiny).modelled is not None
    assert plane(tiny).name in ("Calico", "Cilium")


def test_auto_mode_without_its_node_classes_is_not_modelled() -> None:
    """EKS Auto Mode has no aws-node; the cluster's description tells, and its NodeClasses say the rest."""
    tiny = Tiny().remove(kinds.DAEMON_SETS, "kube-system/aws-node")
    tiny.objects["clusters"][0]["computeConfig"] = {"enabled": True}
    assert plane(tiny).name == "EKS Auto Mode"
    assert plane(tiny).modelled is None
    missing = plane(tiny.drop(kinds.NODE_CLASSES)).modelled
    assert missing is not None
    assert kinds.NODE_CLASSES.command in missing.remedy


def test_nothing_known_is_not_modelled() -> None:
    """Without any known network nothing is assumed."""
    tiny = Tiny().remove(kinds.DAEMON_SETS, "kube-system/aws-node")
    assert isinstance(plane(tiny).modelled, Unknown)


def cni_pod(tiny: Tiny, spec: dict[str, Any] | None = None) -> Tiny:
    """The VPC CNI seen by a pod alone; DaemonSets were not read."""
    tiny.drop(kinds.DAEMON_SETS)
    container = {"name": "aws-node", "env": []}
    return tiny.pod("kube-system/aws-node-x", owner="DaemonSet/aws-node", spec=spec or {"containers": [container]})


def test_daemonsets_not_read_leave_policies_unknown() -> None:
    """Another engine may be among the DaemonSets that were not read."""
    found = plane(cni_pod(Tiny())).policies
    assert isinstance(found, Unknown)
    assert "daemonsets" in found.detail


def test_daemonsets_not_read_leave_a_mesh_possible() -> None:
    """A policy agent that was seen says nothing of a mesh that was not."""
    agent = {"name": "aws-eks-nodeagent", "args": ["--enable-network-policy=true"]}
    found = plane(cni_pod(Tiny(), {"containers": [{"name": "aws-node"}, agent]}))
    assert found.policies is True
    assert isinstance(found.modelled, Unknown)


def test_nothing_read_names_the_daemonsets() -> None:
    """Neither DaemonSets nor pods of one: the remedy names the command."""
    found = plane(Tiny().drop(kinds.DAEMON_SETS)).modelled
    assert isinstance(found, Unknown)
    assert kinds.DAEMON_SETS.command in found.remedy
