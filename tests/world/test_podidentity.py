"""The association of a service account, and whether anything serves it."""

from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.identities import Way, of_workload
from clusterproof.world.podidentity import association_of, cluster_of
from tests.world.build import CLUSTER, Raw
from tests.world.identity import ACCOUNT, Cloud, arn

PROFILE: Raw = {
    "fargateProfileName": "fp",
    "status": "ACTIVE",
    "subnets": ["subnet-a"],
    "selectors": [{"namespace": "other"}],
}


def test_the_cluster_says_its_name_arn_and_account() -> None:
    """From its description; without it the name may still be known."""
    cloud = Cloud()
    found = cluster_of(cloud.snapshot())
    assert (found.name, found.arn) == (CLUSTER, f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{CLUSTER}")
    assert found.account == ACCOUNT
    cloud.drop(kinds.CLUSTERS)
    assert cluster_of(cloud.snapshot()).name == CLUSTER
    assert isinstance(cluster_of(cloud.snapshot()).arn, Unknown)


def test_one_association_described_twice_is_one_and_two_roles_are_unknown() -> None:
    """EKS keeps one association for a service account: files that say otherwise are of several clusters or times."""
    cloud = Cloud().associated().associated()
    found = association_of(cloud.snapshot(), "app", "worker")
    assert found is not None
    assert not isinstance(found, Unknown)
    assert found.role_arn == arn("actor")
    two = association_of(cloud.associated("other").snapshot(), "app", "worker")
    assert isinstance(two, Unknown)
    assert "a-1, a-2, a-3" in two.detail


def test_a_denied_description_keeps_its_permission() -> None:
    """The list names it, the description was refused."""
    listed = {"associationId": "a-9", "clusterName": CLUSTER, "namespace": "app", "serviceAccount": "worker"}
    why = Unknown(Cause.DENIED, "eks:DescribePodIdentityAssociation was denied", "allow it")
    cloud = Cloud()
    cloud.partly(kinds.POD_IDENTITY_ASSOCIATIONS, why).put(kinds.POD_IDENTITY_ASSOCIATION_IDS, listed)
    found = association_of(cloud.snapshot(), "app", "worker")
    assert isinstance(found, Unknown)
    assert (found.cause, found.remedy) == (Cause.DENIED, "allow it")


def test_nodes_that_pods_may_be_on_and_that_have_no_pod_identity_are_a_note() -> None:
    """It works on some of the nodes."""
    cloud = Cloud().workers().associated().worker()
    cloud.managed("windows")
    cloud.objects["nodes"][-1]["metadata"]["labels"]["kubernetes.io/os"] = "windows"
    cloud.objects["nodegroups"][-1]["amiType"] = "WINDOWS_CORE_2022_x86_64"
    ground = cloud.world().ground
    found = of_workload(ground, ground.by_id["deploy/app/worker"], ground.classes)
    assert found.by(Way.POD_IDENTITY)[0].broken == ""
    assert found.notes == ("EKS Pod Identity does not work on nodes of windows, where the pods may be too",)


def test_a_fargate_profile_that_was_not_read_may_take_the_pods() -> None:
    """Whether an association works is not known then."""
    cloud = Cloud().associated().worker()
    cloud.drop(kinds.FARGATE_PROFILES).put(kinds.FARGATE_PROFILE_NAMES, {"name": "fp"})
    found = cloud.only()
    assert found.broken == ""
    assert found.doubt is not None
    assert "fp" in found.doubt.detail
    other = Cloud().associated().worker()
    other.put(kinds.FARGATE_PROFILES, PROFILE).put(kinds.FARGATE_PROFILE_NAMES, {"name": "fp"})
    assert other.only().doubt is None


def test_nodes_of_auto_mode_have_the_agent_built_in() -> None:
    """EKS User Guide, "Set up the Amazon EKS Pod Identity Agent": no DaemonSet there; other nodes still need one."""
    cloud = Cloud(agent=False).associated().worker()
    cloud.objects["clusters"][0]["computeConfig"] = {"enabled": True}
    found = cloud.found()
    assert found.found[0].broken == ""
    assert "nodes that are not of EKS Auto Mode" in found.notes[0]
    ref = {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"}
    chosen = {"subnetSelectorTerms": [{"id": "subnet-a"}], "securityGroupSelectorTerms": [{"id": "sg-1"}]}
    cloud.put(kinds.NODE_CLASSES, {"metadata": {"name": "default"}, "spec": {**chosen, "role": "auto"}})
    cloud.sg("sg-1")
    limits = [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["m5.xlarge"]}]
    template = {"spec": {"nodeClassRef": ref, "requirements": limits}}
    cloud.put(kinds.NODE_POOLS, {"metadata": {"name": "general-purpose"}, "spec": {"template": template}})
    ground = cloud.world().ground
    classes = [one for one in ground.classes if one.group == "general-purpose"]
    assert classes
    again = of_workload(ground, ground.by_id["deploy/app/worker"], classes)
    assert (again.found[0].broken, again.notes) == ("", ())


def test_nodes_of_fargate_alone_have_no_pod_identity() -> None:
    """Where a caller knows that pods can be nowhere else."""
    cloud = Cloud().associated().worker()
    cloud.put(kinds.FARGATE_PROFILES, PROFILE).put(kinds.FARGATE_PROFILE_NAMES, {"name": "fp"})
    ground = cloud.world().ground
    classes = [one for one in ground.classes if one.fargate]
    found = of_workload(ground, ground.by_id["deploy/app/worker"], classes)
    assert "nodes of fp, which is Fargate" in found.found[0].broken
