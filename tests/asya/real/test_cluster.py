"""The Kubernetes side of world ``asya`` on a real API server: it takes every object, keeps all of it, and has opinions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import clusterproof
from clusterproof.snapshot import kinds
from clusterproof.sources.answers import assemble
from clusterproof.sources.kubernetes_api import ClusterOptions, read_cluster
from tests.asya.real import definitions
from tests.asya.real.world import World, objects
from tests.controlplane.client import ApiError
from tests.controlplane.objects import plain
from worldgen.asya_iam import NAMESPACE

pytestmark = pytest.mark.controlplane

Raw = dict[str, Any]
OWN = ("AsyncActor", "ScaledObject", "HorizontalPodAutoscaler", "NetworkPolicy", "Namespace", "ServiceAccount")
AVAILABLE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io"


def lost(wanted: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Members of what was sent that are not in what is there, or are others."""
    if isinstance(wanted, dict) and isinstance(kept, dict):
        for name, value in wanted.items():
            yield from lost(value, kept.get(name), f"{path}.{name}")
    elif isinstance(wanted, list) and isinstance(kept, list) and len(wanted) == len(kept):
        for number, (one, other) in enumerate(zip(wanted, kept, strict=True)):
            yield from lost(one, other, f"{path}[{number}]")
    elif wanted != kept:
        yield f"{path}: {wanted!r} became {kept!r}"


def test_the_server_keeps_all_of_every_object(world: World) -> None:
    """No schema drops a member that the world's objects have: spec and status are there as they were sent."""
    admin = world.plane.admin
    found = [obj for obj in objects(world.home / "made") if obj["kind"] in OWN]
    assert {obj["kind"] for obj in found} == set(OWN)
    for obj in found:
        kept = admin.get(admin.path(obj))
        assert [item for part in ("spec", "status") for item in lost(obj.get(part, {}), kept.get(part, {}), part)] == []


def test_every_definition_is_established(world: World) -> None:
    """The API server accepts each schema as structural and serves the kind."""
    for definition in definitions.ALL:
        status = world.plane.admin.get(world.plane.admin.path(definition))["status"]
        said = {item["type"]: item["status"] for item in status["conditions"]}
        assert (said["Established"], said["NamesAccepted"], said.get("NonStructuralSchema")) == ("True", "True", None)


def actor(**spec: Any) -> Raw:
    """An AsyncActor that is right but for what is named."""
    workload = {"kind": "Deployment", "template": {"spec": {"containers": [{"name": "asya-runtime"}]}}}
    return plain(
        *("asya.sh/v1alpha1", "AsyncActor", "tried"),
        namespace=NAMESPACE,
        spec={"transport": "sqs", "workload": workload, **spec},
    )


def scaled(trigger: Raw) -> Raw:
    """A ScaledObject with one trigger."""
    spec = {"scaleTargetRef": {"name": "llm"}, "triggers": [trigger]}
    return plain("keda.sh/v1alpha1", "ScaledObject", "tried", namespace=NAMESPACE, spec=spec)


REFUSED = [
    (actor(transport=None), "spec.transport"),
    (actor(workload={"kind": "Deployment"}), "spec.workload.template"),
    (actor(workload={"kind": "CronJob", "template": {}}), "spec.workload.kind"),
    (scaled({"type": "aws-sqs-queue"}), "spec.triggers[0].metadata"),
    (scaled({"type": "aws-sqs-queue", "metadata": {"queueLength": 5}}), "spec.triggers[0].metadata.queueLength"),
    (
        plain(
            *("keda.sh/v1alpha1", "TriggerAuthentication", "tried"),
            namespace=NAMESPACE,
            spec={"podIdentity": {"provider": "iam"}},
        ),
        "spec.podIdentity.provider",
    ),
]


@pytest.mark.parametrize(("obj", "where"), REFUSED, ids=[where for _, where in REFUSED])
def test_what_is_wrong_is_refused(world: World, obj: Raw, where: str) -> None:
    """The schemas decide: an object that Asya or KEDA would not take is not taken, and the server says where."""
    with pytest.raises(ApiError) as refused:
        world.plane.admin.create(obj)
    assert refused.value.status == 422
    assert where in refused.value.message


def test_defaults_are_the_servers(world: World) -> None:
    """What an AsyncActor leaves out is filled in by its definition: no scaling, 300 seconds."""
    admin = world.plane.admin
    made = admin.create(actor(scaling={}, timeout={}))
    try:
        assert made["spec"]["scaling"]["enabled"] is False
        assert made["spec"]["timeout"] == {"processing": 300, "gracefulShutdown": 30}
    finally:
        admin.delete(admin.path(made))


def test_helm_keeps_its_releases_in_secrets(reading: World) -> None:
    """Each release is a Secret as Helm writes it; read live it is the row of ``helm list``, without its values."""
    asked = ClusterOptions(kubeconfig=reading.env["KUBECONFIG"])
    there = assemble(read_cluster(asked, kinds=[kinds.HELM_RELEASES]).answers).objects(kinds.HELM_RELEASES)
    files = clusterproof.load([reading.files]).objects(kinds.HELM_RELEASES)
    facts = [
        {item.metadata.name: (item.chart, item.version, item.app_version) for item in one} for one in (there, files)
    ]
    assert facts[0] == facts[1]
    assert facts[0]["keda"] == ("keda", "2.17.2", "2.17.2")
    secrets = reading.plane.admin.items("/api/v1/secrets?fieldSelector=type%3Dhelm.sh/release.v1")
    assert {item["metadata"]["labels"]["owner"] for item in secrets} == {"helm"}


def test_karpenters_objects_are_read(reading: World) -> None:
    """A NodePool and its EC2NodeClass, which the server takes, are read as the node set of a new node group."""
    admin = reading.plane.admin
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
    requirements = [{"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g5"]}]
    taint = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    template = {"spec": {"nodeClassRef": reference, "requirements": requirements, "taints": [taint]}}
    pool = plain("karpenter.sh/v1", "NodePool", "gpu", spec={"template": template, "limits": {"nvidia.com/gpu": 8}})
    tags = [{"tags": {"karpenter.sh/discovery": "asya-demo"}}]
    spec = {
        "amiSelectorTerms": [{"alias": "al2023@latest"}],
        "subnetSelectorTerms": tags,
        "securityGroupSelectorTerms": tags,
        "role": "asya-demo-node",
    }
    made = [admin.create(plain("karpenter.k8s.aws/v1", "EC2NodeClass", "gpu", spec=spec)), admin.create(pool)]
    try:
        asked = ClusterOptions(kubeconfig=reading.env["KUBECONFIG"])
        snapshot = assemble(read_cluster(asked, kinds=[kinds.NODE_POOLS, kinds.EC2_NODE_CLASSES]).answers)
        assert [item.metadata.name for item in snapshot.objects(kinds.NODE_POOLS)] == ["gpu"]
        (node_class,) = snapshot.objects(kinds.EC2_NODE_CLASSES)
        assert node_class.spec.role == "asya-demo-node"
        assert snapshot.raw(kinds.NODE_POOLS, "gpu")["spec"]["template"]["spec"]["expireAfter"] == "720h"  # type: ignore[index]
    finally:
        for obj in made:
            admin.delete(admin.path(obj))


def available(world: World, wanted: str) -> Raw:
    """Makes the API server look again and waits until its own check of KEDA's APIService says so; the condition."""
    admin = world.plane.admin
    until = time.monotonic() + 60
    while True:
        admin.patch(AVAILABLE, {"metadata": {"annotations": {"looked": str(time.monotonic())}}})
        (said,) = [item for item in admin.get(AVAILABLE)["status"]["conditions"] if item["type"] == "Available"]
        if said["status"] == wanted:
            return dict(said)
        assert time.monotonic() < until, said
        time.sleep(0.2)


def test_kedas_api_is_available_while_it_answers(world: World) -> None:
    """The API server asks the Service for its API by itself; when nothing answers, that requirement alone fails."""
    name = "asya/keda-metrics-api"
    assert available(world, "True")["reason"] == "Passed"
    (service,) = [
        item
        for item in world.plane.admin.items("/api/v1/namespaces/keda/services")
        if item["metadata"]["name"] == "keda-operator-metrics-apiserver"
    ]
    assert f"{service['spec']['clusterIP']}:443" in world.metrics.dialled
    world.metrics.works = False
    try:
        assert available(world, "False")["reason"] == "FailedDiscoveryCheck"
        found = {item["id"]: item["verdict"] for item in world.report()["findings"]}
    finally:
        world.metrics.works = True
        available(world, "True")
    assert {item for item, verdict in found.items() if verdict not in ("pass", "not-applicable")} == {name}
    assert found[name] == "fail"
