"""Which role pods of a service account get, and by which way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.identities import TAGS, Way, of_service_account, of_workload
from tests.world.build import CLUSTER, Raw
from tests.world.identity import ACCOUNT, NODE, Cloud, arn, container, variable

DENIED = Unknown(Cause.DENIED, "eks:ListPodIdentityAssociations was denied", "allow eks:ListPodIdentityAssociations")


def test_an_association_gives_its_role_with_session_tags() -> None:
    """EKS Pod Identity: the role, the association's id, six tags of which the pod's are not known before."""
    found = Cloud().associated().worker().only()
    assert (found.way, found.role, found.association) == (Way.POD_IDENTITY, arn("actor"), "a-1")
    assert (found.through, found.broken, found.doubt) == ("", "", None)
    tags = dict(found.tags)
    assert tuple(tags) == TAGS
    assert tags["eks-cluster-arn"] == f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{CLUSTER}"
    assert (tags["kubernetes-namespace"], tags["kubernetes-service-account"]) == ("app", "worker")
    assert isinstance(tags["kubernetes-pod-name"], Unknown)


def test_a_target_role_is_whose_rights_count() -> None:
    """With a target role the association's own one only assumes it."""
    target = arn("data", "222233334444")
    found = Cloud().associated(targetRoleArn=target, externalId="e-1").worker().only()
    assert (found.role, found.through, found.external_id) == (target, arn("actor"), "e-1")


def test_session_tags_may_be_switched_off_and_a_policy_asks_for_that() -> None:
    """EKS API: with a policy, disableSessionTags must be true."""
    document = '{"Version":"2012-10-17","Statement":[]}'
    found = Cloud().associated(policy=document, disableSessionTags=True).worker().only()
    assert (found.tags, found.policy, found.broken) == ((), document, "")
    assert "session tags are not switched off" in Cloud().associated(policy=document).worker().only().broken


def test_an_association_of_another_cluster_does_not_count() -> None:
    """Associations are a cluster's own."""
    found = Cloud().associated(clusterName="other").worker().found()
    assert found.found == ()
    assert found.unknowns == ()


def test_a_role_of_another_account_cannot_be_associated() -> None:
    """EKS User Guide: only roles of the cluster's account."""
    found = Cloud().associated(roleArn=arn("actor", "444455556666")).worker().only()
    assert "not in the cluster's account" in found.broken


def test_an_annotation_gives_its_role() -> None:
    """IRSA: the ARN of the annotation, and the audience of another one."""
    cloud = Cloud().worker().account("app/worker", role_arn=arn("irsa"))
    found = cloud.only()
    assert (found.way, found.role, found.audience, found.tags) == (Way.IRSA, arn("irsa"), "sts.amazonaws.com", ())
    assert found.refs[0].field == "metadata.annotations.eks.amazonaws.com/role-arn"
    assert cloud.account("app/worker", role_arn=arn("irsa"), audience="mine").only().audience == "mine"


@pytest.mark.parametrize("text", ["asya-actor", "arn:aws:iam::111122223333:user/x", "arn:aws:sqs:a:1:q"])
def test_an_annotation_that_names_no_role_is_broken(text: str) -> None:
    """The webhook takes it as it is, and STS refuses it."""
    assert "is not the ARN of a role" in Cloud().worker().account("app/worker", role_arn=text).only().broken


def test_both_ways_at_once_are_both_told_with_the_reason() -> None:
    """The chain takes the token first, the webhook gives new pods none: every role counts."""
    found = Cloud().associated().worker().account("app/worker", role_arn=arn("irsa")).found()
    assert [(item.way, item.role) for item in found.found] == [
        (Way.IRSA, arn("irsa")),
        (Way.POD_IDENTITY, arn("actor")),
    ]
    assert "has both an annotation" in found.choice
    assert "when it was made" in found.choice


def test_both_ways_to_one_role_leave_no_choice() -> None:
    """One role by two ways is still one role."""
    found = Cloud().associated().worker().account("app/worker", role_arn=arn("actor")).found()
    assert len(found.found) == 2
    assert found.choice == ""


# --- the node's role ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "host", "gets"),
    [
        ({"HttpPutResponseHopLimit": 2}, False, True),
        ({"HttpPutResponseHopLimit": 1}, False, False),
        ({"HttpPutResponseHopLimit": 1, "HttpTokens": "optional"}, False, True),
        ({"HttpPutResponseHopLimit": 1}, True, True),
        ({"HttpEndpoint": "disabled"}, True, False),
        ({"HttpEndpoint": "disabled"}, False, False),
    ],
)
def test_pods_without_any_get_the_role_of_their_node_where_metadata_answers(
    options: Raw, host: bool, gets: bool
) -> None:
    """Hop limit 2, tokens optional, or the host network; never where the service is off."""
    cloud = Cloud().workers(**options).worker({"hostNetwork": host})
    cloud.objects["nodegroups"][-1]["scalingConfig"]["maxSize"] = 0
    found = cloud.found()
    assert [(item.way, item.role, item.groups) for item in found.found] == (
        [(Way.NODE, NODE, ("workers",))] if gets else []
    )
    assert found.unknowns == ()


def test_an_association_comes_before_the_node() -> None:
    """The chain stops at the first that gives credentials."""
    found = Cloud().workers().associated().worker().found()
    assert [item.way for item in found.found] == [Way.POD_IDENTITY]


def test_an_unread_instance_profile_is_unknown_with_the_command() -> None:
    """Which role a node has is not known without its profile."""
    cloud = Cloud().workers().worker()
    cloud.drop(kinds.INSTANCE_PROFILES)
    found = cloud.found()
    assert "instance profile eks-node" in found.unknowns[0].detail
    assert "list-instance-profiles" in found.unknowns[0].remedy


def test_only_the_nodes_that_pods_may_be_on_count() -> None:
    """The caller says where pods may be."""
    cloud = Cloud().workers().worker()
    cloud.managed("other")
    cloud.objects["nodegroups"][-1]["nodeRole"] = arn("other")
    cloud.objects["instances"][-1]["MetadataOptions"] = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1}
    ground = cloud.world().ground
    workload = ground.by_id["deploy/app/worker"]
    of_group = {name: [one for one in ground.classes if one.group == name] for name in ("workers", "other")}
    assert {one.role for one in of_workload(ground, workload, of_group["other"]).found} == {arn("other")}
    assert {one.role for one in of_workload(ground, workload).found} == {NODE, arn("other")}


# --- what stands in the way of Pod Identity -------------------------------------------------


def test_without_an_agent_an_association_does_nothing() -> None:
    """No DaemonSet of that name and no other with its image."""
    assert Cloud(agent=False).associated().worker().only().broken == (
        "no EKS Pod Identity agent runs: there is no DaemonSet eks-pod-identity-agent"
    )
    other = Cloud(agent=False).associated().worker()
    image = {"containers": [{"name": "a", "image": "602401143452.dkr.ecr/eks/eks-pod-identity-agent:v0.1.10"}]}
    other.controller("DaemonSet", "kube-system/renamed", image)
    assert other.only().broken == ""


def test_an_unread_agent_is_a_doubt() -> None:
    """DaemonSets were not read: whether the agent runs is not known."""
    cloud = Cloud().associated().worker()
    cloud.drop(kinds.DAEMON_SETS)
    found = cloud.only()
    assert (found.broken, found.doubt is not None) == ("", True)


def test_the_addon_stands_for_daemonsets_that_were_not_read() -> None:
    """EKS says itself that the agent is installed."""
    cloud = Cloud().associated().worker()
    cloud.drop(kinds.DAEMON_SETS)
    cloud.put(kinds.ADDONS, {"addonName": "eks-pod-identity-agent", "status": "ACTIVE"})
    assert cloud.only().doubt is None


def test_pods_on_fargate_get_nothing_from_an_association() -> None:
    """EKS User Guide, "EKS Pod Identity restrictions"; and they have no instance whose role they could get."""
    profile = {
        "fargateProfileName": "fp",
        "status": "ACTIVE",
        "subnets": ["subnet-a"],
        "selectors": [{"namespace": "app"}],
    }
    cloud = Cloud().workers().associated().worker()
    cloud.put(kinds.FARGATE_PROFILES, profile).put(kinds.FARGATE_PROFILE_NAMES, {"name": "fp"})
    assert "Fargate profile fp takes the pods" in cloud.only().broken
    cloud.objects["pod-identity-associations"] = []
    assert cloud.found().found == ()


def test_windows_pods_get_nothing_from_an_association() -> None:
    """By the pod's own selector, and by the nodes that it may be on."""
    selector = {"nodeSelector": {"kubernetes.io/os": "windows"}}
    assert "run on Windows" in Cloud().associated().worker(selector).only().broken
    cloud = Cloud().workers().associated().worker()
    cloud.objects["nodes"][-1]["metadata"]["labels"]["kubernetes.io/os"] = "windows"
    cloud.objects["nodegroups"][-1]["amiType"] = "WINDOWS_CORE_2022_x86_64"
    ground = cloud.world().ground
    (found,) = of_workload(ground, ground.by_id["deploy/app/worker"], ground.classes).found
    assert "nodes of workers, which are Windows" in found.broken


def test_pods_on_the_host_network_may_have_pod_identity() -> None:
    """Nothing in the User Guide excludes them."""
    assert Cloud().associated().worker({"hostNetwork": True}).only().broken == ""


# --- what containers bring themselves ----------------------------------------------------------


def test_access_keys_in_the_environment_come_before_every_role() -> None:
    """By value or from a Secret: then no role decides."""
    for given_ in (variable("AWS_ACCESS_KEY_ID", "REDACTED"), variable("AWS_ACCESS_KEY_ID", secret="keys")):
        cloud = Cloud().associated().worker({"containers": [container("main", given_)]})
        found = cloud.found()
        assert [(item.way, item.role) for item in found.found] == [(Way.STATIC, "")]
        assert "no role" in found.notes[0]


def test_an_empty_variable_is_none() -> None:
    """SDKs take an empty key for none."""
    cloud = Cloud().associated().worker({"containers": [container("main", variable("AWS_ACCESS_KEY_ID"))]})
    assert cloud.only().way is Way.POD_IDENTITY


def test_one_container_with_keys_leaves_the_others_their_role() -> None:
    """Each container goes through the chain by itself."""
    spec = {"containers": [container("main"), container("side", variable("AWS_ACCESS_KEY_ID", secret="keys"))]}
    found = Cloud().associated().worker(spec).found()
    assert [(item.way, item.containers) for item in found.found] == [
        (Way.STATIC, ("side",)),
        (Way.POD_IDENTITY, ("main",)),
    ]


def test_a_token_of_the_templates_own_is_irsa_by_hand() -> None:
    """Both variables by value: the webhook leaves them as they are."""
    env = (variable("AWS_ROLE_ARN", arn("own")), variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"))
    found = Cloud().associated().worker({"containers": [container("main", *env)]}).found()
    assert [(item.way, item.role) for item in found.found] == [(Way.IRSA, arn("own"))]
    half = Cloud().associated().worker({"containers": [container("main", env[0])]}).found()
    assert half.found == ()
    assert "not both by value" in half.unknowns[0].detail


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
def test_files_and_endpoints_of_the_templates_own_are_not_known(name: str) -> None:
    """What a file or another endpoint gives is not read."""
    found = Cloud().associated().worker({"containers": [container("main", variable(name, "x"))]}).found()
    assert found.unknowns


def test_names_that_come_from_a_secret_are_not_known() -> None:
    """``envFrom`` of a Secret may bring keys, unless its prefix rules that out."""
    for prefix, known in (("", False), ("AWS_", False), ("DB_", True)):
        source = {"secretRef": {"name": "all"}, "prefix": prefix}
        spec = {"containers": [container("main", envFrom=[source])]}
        assert (Cloud().associated().worker(spec).found().unknowns == ()) is known


def test_names_that_come_from_a_configmap_are_read() -> None:
    """``envFrom`` of a ConfigMap that was read says whether there are keys."""
    spec = {"containers": [container("main", envFrom=[{"configMapRef": {"name": "all"}}])]}
    cloud = Cloud().associated().worker(spec)
    cloud.put(kinds.CONFIG_MAPS, {"metadata": {"namespace": "app", "name": "all"}, "data": {"A": "b"}})
    assert cloud.only().way is Way.POD_IDENTITY
    cloud.objects["configmaps"][-1]["data"]["AWS_ACCESS_KEY_ID"] = "REDACTED"
    assert cloud.only().way is Way.STATIC
    cloud.drop(kinds.CONFIG_MAPS)
    assert "ConfigMap app/all" in cloud.found().unknowns[0].detail


def test_containers_that_the_webhook_skips_get_the_nodes_role() -> None:
    """Annotation eks.amazonaws.com/skip-containers."""
    spec = {"containers": [container("main"), container("side")]}
    cloud = Cloud().workers().associated().worker(spec)
    cloud.objects["nodegroups"][-1]["scalingConfig"]["maxSize"] = 0
    metadata = cloud.objects["deployments"][-1]["spec"]["template"]["metadata"]
    metadata["annotations"] = {"eks.amazonaws.com/skip-containers": "side,other"}
    assert [(item.way, item.containers) for item in cloud.found().found] == [
        (Way.POD_IDENTITY, ("main",)),
        (Way.NODE, ("side",)),
    ]


def test_what_eks_put_into_a_pod_is_not_the_templates_own() -> None:
    """A workload that is read from its pods shows the webhook's variables, which are left out."""
    env = (
        variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        variable("AWS_ROLE_ARN", arn("irsa")),
        variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"),
    )
    cloud = Cloud().associated()
    cloud.pod("app/alone", spec={"serviceAccountName": "worker", "containers": [container("main", *env)]})
    found = cloud.found("pod/app/alone")
    assert [(item.way, item.role) for item in found.found] == [(Way.POD_IDENTITY, arn("actor"))]


# --- what was not read ------------------------------------------------------------------------------


def test_an_unread_service_account_may_name_a_role() -> None:
    """Unknown with the command; the association is still told."""
    cloud = Cloud().associated().worker()
    cloud.drop(kinds.SERVICE_ACCOUNTS)
    found = cloud.found()
    assert not found.absent
    assert "ServiceAccount app/worker" in found.unknowns[0].detail
    assert "kubectl get serviceaccounts" in found.unknowns[0].remedy
    assert [item.way for item in found.found] == [Way.POD_IDENTITY]


def test_a_missing_service_account_is_told_apart() -> None:
    """All were read and it is not among them: its pods cannot be made."""
    cloud = Cloud().worker({"serviceAccountName": "gone"})
    found = cloud.found()
    assert found.absent
    assert found.unknowns == ()


def test_unread_associations_are_unknown_with_the_reason() -> None:
    """Neither listed nor described; refused: the permission."""
    cloud = Cloud().worker()
    cloud.drop(kinds.POD_IDENTITY_ASSOCIATIONS).drop(kinds.POD_IDENTITY_ASSOCIATION_IDS)
    (unknown,) = cloud.found().unknowns
    assert "whether service account app/worker has an EKS Pod Identity association" in unknown.detail
    assert f"aws eks list-pod-identity-associations --cluster-name {CLUSTER}" in unknown.remedy
    refused = Cloud().worker()
    refused.partly(kinds.POD_IDENTITY_ASSOCIATIONS, DENIED).partly(kinds.POD_IDENTITY_ASSOCIATION_IDS, DENIED)
    assert (refused.found().unknowns[0].cause, refused.found().unknowns[0].remedy) == (Cause.DENIED, DENIED.remedy)


def test_a_listed_association_that_was_not_described_is_unknown_and_named() -> None:
    """The list names no role; one of another service account does not matter."""
    listed = {"associationId": "a-9", "clusterName": CLUSTER, "namespace": "app", "serviceAccount": "worker"}
    cloud = Cloud().worker()
    cloud.drop(kinds.POD_IDENTITY_ASSOCIATIONS)
    cloud.put(kinds.POD_IDENTITY_ASSOCIATION_IDS, {**listed, "serviceAccount": "other"})
    assert cloud.found().unknowns == ()
    cloud.put(kinds.POD_IDENTITY_ASSOCIATION_IDS, listed)
    (unknown,) = cloud.found().unknowns
    assert "association a-9 of service account app/worker" in unknown.detail
    assert f"describe-pod-identity-association --cluster-name {CLUSTER} --association-id a-9" in unknown.remedy


def test_the_clusters_arn_is_unknown_where_the_cluster_was_not_read() -> None:
    """A session tag whose value is not known stays one."""
    cloud = Cloud().associated().worker()
    cloud.drop(kinds.CLUSTERS)
    assert isinstance(dict(cloud.only().tags)["eks-cluster-arn"], Unknown)


# --- service accounts ----------------------------------------------------------------------------------


def test_a_service_account_has_what_any_of_its_workloads_gets() -> None:
    """One workload with keys, one without."""
    cloud = Cloud().associated().worker()
    keys = container("main", variable("AWS_ACCESS_KEY_ID", secret="keys"))
    cloud.deployment("app/other", {"serviceAccountName": "worker", "containers": [keys]})
    found = of_service_account(cloud.world().ground, "app", "worker")
    assert [item.way for item in found.found] == [Way.STATIC, Way.POD_IDENTITY]


def test_a_service_account_without_workloads_has_what_is_configured() -> None:
    """The association, else the nodes' roles; and a note that nobody uses it."""
    ground = Cloud().associated().world().ground
    assert [item.role for item in of_service_account(ground, "app", "worker").found] == [arn("actor")]
    none = of_service_account(Cloud().workers().world().ground, "app", "worker")
    assert {item.role for item in none.found} == {NODE}
    assert "no workload uses it" in none.notes
    assert of_service_account(ground, "app", "gone").absent


def test_a_template_without_a_name_uses_the_default_account() -> None:
    """Kubernetes: ``default``."""
    cloud = Cloud().associated(key="app/default").account("app/default")
    cloud.deployment("app/worker")
    assert cloud.found().service_account == "app/default"
    assert cloud.only().role == arn("actor")


@given(st.booleans(), st.booleans(), st.booleans(), st.sampled_from([1, 2]), st.booleans())
def test_the_chain_agrees_with_a_brute_force_twin(
    keys: bool, annotation: bool, association: bool, hops: int, host: bool
) -> None:
    """Every combination of the four links: the first that is there wins, but for annotation and association."""
    cloud = Cloud().workers(HttpPutResponseHopLimit=hops)
    cloud.objects["nodegroups"][-1]["scalingConfig"]["maxSize"] = 0
    if annotation:
        cloud.account("app/worker", role_arn=arn("irsa"))
    if association:
        cloud.associated()
    env = [variable("AWS_ACCESS_KEY_ID", secret="keys")] if keys else []
    found = cloud.worker({"hostNetwork": host, "containers": [container("main", *env)]}).found()
    expected = [Way.STATIC] if keys else [Way.IRSA] * annotation + [Way.POD_IDENTITY] * association
    if not expected and (host or hops == 2):
        expected = [Way.NODE]
    assert [item.way for item in found.found] == expected
    assert bool(found.choice) is (annotation and association and not keys)
    assert found.unknowns == ()
