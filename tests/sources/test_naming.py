from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import Answer, gather
from clusterproof.sources.aws_api.records import Asked, Named
from clusterproof.sources.gather import Gathered
from clusterproof.sources.kubernetes_api.options import ClusterRead, Identity
from clusterproof.sources.live import LiveOptions, read_live
from clusterproof.sources.together import GivenUp, NodesNeed
from tests.sources.aws_api.conftest import tenant, tenant_account  # noqa: F401 - fixtures
from tests.sources.aws_api.tenant import CLUSTER, Tenant, arn
from tests.sources.kubernetes_api.stub import Stub

Raw = dict[str, Any]
CONFIG = json.dumps({"transports": {"sqs": {"config": {"actorRoleArn": arn("path/actor")}}}})


def account(name: str, role: str = "") -> Raw:
    """A ServiceAccount, with the annotation of IRSA where a role is given."""
    annotations = {"eks.amazonaws.com/role-arn": role} if role else {}
    return {"metadata": {"name": name, "namespace": "asya", "annotations": annotations}}


def deployment(name: str, **env: str) -> Raw:
    """A Deployment with variables."""
    variables = [{"name": key, "value": value} for key, value in env.items()]
    pod = {"containers": [{"name": "c", "image": "i", "env": variables}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "asya"},
        "spec": {"selector": {}, "template": {"metadata": {}, "spec": pod}},
    }


def pod(name: str, value: str, *, owned: bool) -> Raw:
    """A pod with one variable, a controller's or nobody's."""
    owners = [{"kind": "ReplicaSet", "name": "r", "controller": True}] if owned else []
    metadata = {"name": name, "namespace": "asya", **({"ownerReferences": owners} if owners else {})}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c", "env": [{"name": "X", "value": value}]}]}}


OBJECTS: dict[Kind[Any], list[Raw]] = {
    kinds.SERVICE_ACCOUNTS: [account("plain"), account("irsa", arn("annotated"))],
    kinds.DEPLOYMENTS: [
        deployment("operator", ASYA_TRANSPORT_CONFIG=CONFIG),
        deployment("crew", BUCKET="results", URL="s3://archive/x", MODE="Not A Bucket", SMALL="ab"),
    ],
    kinds.PODS: [pod("owned", "of-a-controller", owned=True), pod("bare", "bare-bucket", owned=False)],
    kinds.TRIGGER_AUTHENTICATIONS: [
        {
            "metadata": {"name": "t", "namespace": "asya"},
            "spec": {"podIdentity": {"provider": "aws", "roleArn": arn("keda")}},
        }
    ],
    kinds.EC2_NODE_CLASSES: [
        {"metadata": {"name": "by-role"}, "spec": {"role": "KarpenterNodeRole"}},
        {"metadata": {"name": "by-profile"}, "spec": {"instanceProfile": "karpenter-nodes"}},
    ],
    kinds.NODES: [
        {"metadata": {"name": "a"}, "spec": {"providerID": "aws:///us-west-2a/i-0123456789abcdef0"}},
        {"metadata": {"name": "f"}, "spec": {"providerID": "aws:///us-west-2a/1234-abcd/fargate-ip-10-0-0-1"}},
    ],
}


def cluster(objects: dict[Kind[Any], list[Raw]]) -> ClusterRead:
    """A cluster as it was read."""
    answers = []
    for kind, raws in objects.items():
        gathered = Gathered(kind)
        assert gather(gathered, raws) is None
        answers.append(Answer(kind, (), gathered=gathered))
    return ClusterRead(tuple(answers), Identity())


def named(objects: dict[Kind[Any], list[Raw]], **options: Any) -> Named:
    """What the cluster's objects name."""
    needs = NodesNeed(threading.Event(), **options)
    needs.know(cluster(objects))
    return needs.named("prod", "111122223333", "us-west-2")


def test_roles_profiles_instances_and_values() -> None:
    """Annotations, variables that hold an ARN in a longer text, KEDA's objects, node classes; only pods of nobody."""
    found = named(OBJECTS)
    assert found.roles == ("KarpenterNodeRole", arn("annotated"), arn("keda"), arn("path/actor"))
    assert found.profiles == ("karpenter-nodes",)
    assert found.instances == frozenset({"i-0123456789abcdef0"})
    assert {"results", "archive", "bare-bucket"} <= found.values
    assert not found.values & {"of-a-controller", "Not A Bucket", "ab"}
    assert found.asked == Asked()


def test_nothing_was_read() -> None:
    """Without the cluster nothing is named, and which instances are nodes is not known."""
    assert named({}) == Named()
    assert named({kinds.NODES: []}).instances is None


def test_the_profile_is_asked_with_what_the_cluster_gave() -> None:
    """It sees the objects and which cluster it is; what it names comes beside what the objects name."""
    seen: list[Snapshot] = []

    def resolve(snapshot: Snapshot) -> Asked:
        seen.append(snapshot)
        return Asked(queues=("asya-",))

    assert named(OBJECTS, resolve=resolve).asked.queues == ("asya-",)
    (snapshot,) = seen
    assert (snapshot.meta.cluster, snapshot.meta.account, snapshot.meta.region) == ("prod", "111122223333", "us-west-2")
    assert {item.metadata.name for item in snapshot.objects(kinds.DEPLOYMENTS)} == {"operator", "crew"}
    assert snapshot.missing(kinds.DEPLOYMENTS) is None


def test_given_up_while_the_cluster_is_read() -> None:
    """A reading that is given up ends who waits for the cluster."""
    given_up = threading.Event()
    needs = NodesNeed(given_up)
    given_up.set()
    needs.ready.set()
    with pytest.raises(GivenUp):
        needs.named("", "", "")


@pytest.mark.slow
def test_cluster_and_account_read_together(tenant: Tenant, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    """Roles that ServiceAccounts annotate and buckets that variables name are read of the account, and nothing else."""
    objects = {
        "serviceaccounts": [account("irsa", arn("annotated"))],
        "deployments.apps": [deployment("crew", BUCKET="results")],
    }
    wanted: list[Kind[Any]] = [
        kinds.CLUSTERS,
        kinds.NODES,
        kinds.SERVICE_ACCOUNTS,
        kinds.DEPLOYMENTS,
        kinds.ROLES,
        kinds.BUCKETS,
        kinds.QUEUES,
        kinds.QUEUE_URLS,
    ]
    with Stub(objects).serve() as stub:
        kubeconfig = Path(stub.kubeconfig(tmp_path))
        kubeconfig.write_text(kubeconfig.read_text().replace("demo-gpu", CLUSTER))
        snapshot = read_live(
            LiveOptions(kubeconfig=str(kubeconfig)),
            kinds=wanted,
            resolve=lambda _: Asked(queues=("other",), buckets=("plain",)),
        )
    assert {role.role_name for role in snapshot.objects(kinds.ROLES)} == {"cluster", "annotated"}
    assert {bucket.name for bucket in snapshot.objects(kinds.BUCKETS)} == {"results", "plain"}
    assert [queue.name for queue in snapshot.objects(kinds.QUEUES)] == ["other"]
    for kind in (kinds.ROLES, kinds.BUCKETS, kinds.QUEUES):
        assert snapshot.missing(kind) is None
    assert "iam:GetPolicy" not in tenant.proxy.actions
