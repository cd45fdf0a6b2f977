from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.controlplane import control_plane
from clusterproof.world.model import Attachment
from tests.world.build import Tiny


def tiny(**config: object) -> Tiny:
    """A cluster that says its subnets."""
    found = Tiny()
    found.objects[kinds.CLUSTERS.name][0]["resourcesVpcConfig"] |= {"subnetIds": ["subnet-b", "subnet-a"], **config}
    return found


def test_one_interface_for_each_subnet_of_the_cluster() -> None:
    """They carry the cluster security group and those that the cluster names besides (rule 11.6)."""
    found = control_plane(tiny(securityGroupIds=["sg-more"]).snapshot())
    assert not isinstance(found, Unknown)
    assert [(item.subnet, item.security_groups) for item in found] == [
        ("subnet-a", ("sg-cluster", "sg-more")),
        ("subnet-b", ("sg-cluster", "sg-more")),
    ]
    assert {item.attachment for item in found} == {Attachment.CONTROL_PLANE}


def test_todays_interfaces_count_too() -> None:
    """Interfaces that EKS made elsewhere, as its description says, stay until they are made anew (rule 11.6)."""
    raws = [
        {
            "NetworkInterfaceId": f"eni-{number}",
            "SubnetId": "subnet-c",
            "Description": text,
            "Groups": [{"GroupId": "sg"}],
        }
        for number, text in enumerate(("Amazon EKS tiny", "Amazon EKS other", "aws-K8S-i-1"))
    ]
    found = control_plane(tiny().put(kinds.NETWORK_INTERFACES, *raws).snapshot())
    assert not isinstance(found, Unknown)
    assert [item.subnet for item in found] == ["subnet-a", "subnet-b", "subnet-c"]
    assert found[-1].security_groups == ("sg",)


def test_what_the_cluster_does_not_say() -> None:
    """A description without subnets or group, or none at all, is unknown and says what to run (rule 11.6)."""
    for snapshot in (
        Tiny().snapshot(),
        tiny(clusterSecurityGroupId="").snapshot(),
        tiny().drop(kinds.CLUSTERS).snapshot(),
    ):
        found = control_plane(snapshot)
        assert isinstance(found, Unknown)
        assert "aws eks describe-cluster" in found.remedy
