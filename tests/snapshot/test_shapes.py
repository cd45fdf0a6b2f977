from __future__ import annotations

from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import Pod
from clusterproof.snapshot.kubernetes.outlines import PodOutline
from clusterproof.snapshot.overlay import Overlay, SetField, apply
from clusterproof.snapshot.snapshot import Meta, Snapshot, Table, table_of
from clusterproof.world.workloads import workloads


def _pod(name: str, owner: str = "", **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "shop", "labels": {"app": "cart"}}
    if owner:
        metadata["labels"]["pod-template-hash"] = owner.rpartition("-")[2]
        metadata["ownerReferences"] = [
            {"kind": "Node", "name": "no-controller", "uid": "1"},
            {"kind": "ReplicaSet", "name": owner, "uid": "2", "controller": True},
        ]
    return {"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


def _snapshot(*pods: dict[str, Any]) -> Snapshot:
    return Snapshot(Meta(), {"pods": table_of(kinds.PODS, pods), "namespaces": table_of(kinds.NAMESPACES, [])})


def _count(pods: Table[Pod]) -> list[int]:
    return [len(pods)]


def test_an_outline_says_what_the_whole_pod_says() -> None:
    """The fields that an outline names are the pod's."""
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}}
    table = _snapshot(_pod("a", "cart-7d9", nodeName="n1", volumes=[claim])).tables["pods"]
    (outline,), (pod,) = table.shaped(PodOutline), table.objects
    assert outline.metadata.name == pod.metadata.name
    assert outline.metadata.labels.pod_template_hash == pod.metadata.labels["pod-template-hash"]
    assert outline.metadata.owner_references[1].name == pod.metadata.owner_references[1].name
    assert outline.spec.node_name == pod.spec.node_name
    assert outline.spec.volumes[0].persistent_volume_claim == pod.spec.volumes[0].persistent_volume_claim
    assert outline.status.phase == pod.status.phase


def test_one_object_is_decoded_without_the_others() -> None:
    """``at`` gives what ``objects`` would, and leaves the rest undecoded."""
    table = _snapshot(_pod("a"), _pod("b")).tables["pods"]
    found = table.at(1)
    assert "objects" not in vars(table)
    assert found == table.objects[1] == table.at(1)


def test_what_is_derived_is_shared_until_the_table_is_edited() -> None:
    """An overlay shares tables that it does not edit with all that was derived; an edited one starts anew."""
    before = _snapshot(_pod("a"))
    made = before.tables["pods"].derived(_count)
    elsewhere = apply(before, Overlay((SetField("pods", "shop/a", "spec.nodeName", "n2"),)))
    assert before.tables["pods"].derived(_count) is made
    assert elsewhere.tables["pods"].derived(_count) is not made
    assert elsewhere.tables["namespaces"] is before.tables["namespaces"]


def test_pods_of_two_revisions_are_one_workload() -> None:
    """A Deployment that was not read: its revisions' pods come together by name, the first by name stands for all."""
    snapshot = _snapshot(
        _pod("cart-7d9-z", "cart-7d9", nodeName="n1", hostNetwork=False),
        _pod("cart-7d9-b", "cart-7d9", nodeName="n2"),
        _pod("cart-6c8-c", "cart-6c8", nodeName="n3"),
        _pod("cart-6c8-a", "cart-6c8", nodeName="n4", serviceAccountName="first"),
        _pod("alone", nodeName="n5"),
    )
    deployment, alone = workloads(snapshot)
    assert deployment.id == "deploy/shop/cart"
    assert deployment.pod_names == ("cart-6c8-a", "cart-6c8-c", "cart-7d9-b", "cart-7d9-z")
    assert deployment.pod_nodes == ("n4", "n3", "n2", "n1")
    assert deployment.spec.service_account_name == "first"
    assert alone.id == "pod/shop/alone"


def test_finished_pods_are_nobodys() -> None:
    """A pod that has ended is neither a place nor a workload."""
    ended = _pod("a", "cart-7d9", nodeName="n1")
    ended["status"]["phase"] = "Succeeded"
    assert workloads(_snapshot(ended)) == ()
