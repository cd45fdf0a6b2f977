from __future__ import annotations

from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import PodSpec
from clusterproof.world.model import Workload
from tests.world.build import Tiny


def of(tiny: Tiny) -> dict[str, Workload]:
    """The workloads of namespace app, by id."""
    return {w.id: w for w in tiny.world().workloads if w.namespace == "app"}


def replica_set(name: str, owner: str, replicas: int = 1) -> dict[str, Any]:
    """A Deployment's ReplicaSet."""
    reference = {"kind": "Deployment", "name": owner, "controller": True}
    metadata = {"namespace": "app", "name": name, "ownerReferences": [reference]}
    return {"metadata": metadata, "kind": "ReplicaSet", "spec": {"replicas": replicas}}


def test_deployment_through_its_replica_set() -> None:
    """Pods of a ReplicaSet belong to the Deployment that owns it; revisions are no workloads."""
    tiny = Tiny().deployment("app/web", replicas=2)
    tiny.put(kinds.REPLICA_SETS, replica_set("odd-name", "web", 2), replica_set("web-old", "web", 0))
    tiny.pod("app/p1", "n1", owner="ReplicaSet/odd-name").pod("app/p0", "n0", owner="ReplicaSet/odd-name")
    (found,) = of(tiny).values()
    assert (found.id, found.pod_names, found.pod_nodes, found.replicas) == (
        "deploy/app/web",
        ("p0", "p1"),
        ("n0", "n1"),
        2,
    )


def test_replica_set_not_read() -> None:
    """A ReplicaSet's name tells its Deployment, where it ends with the pods' template hash."""
    tiny = Tiny().drop(kinds.DEPLOYMENTS).drop(kinds.REPLICA_SETS)
    tiny.pod("app/p0", owner="ReplicaSet/web-5d9c", labels={"pod-template-hash": "5d9c", "app": "web"})
    tiny.pod("app/q0", owner="ReplicaSet/by-hand", labels={"app": "x"})
    found = of(tiny)
    assert set(found) == {"deploy/app/web", "rs/app/by-hand"}
    assert found["deploy/app/web"].labels == {"app": "web"}


def test_jobs_and_cron_jobs() -> None:
    """A CronJob's Jobs are its runs; a Job on its own is a workload, and replicas are its parallelism."""
    template = {"metadata": {"labels": {"app": "night"}}, "spec": {"containers": []}}
    cron = {
        "metadata": {"namespace": "app", "name": "night"},
        "spec": {"jobTemplate": {"spec": {"template": template, "parallelism": 3}}},
    }
    run = {
        "metadata": {
            "namespace": "app",
            "name": "night-1",
            "ownerReferences": [{"kind": "CronJob", "name": "night", "controller": True}],
        },
        "kind": "Job",
        "spec": {"template": template},
    }
    tiny = Tiny().put(kinds.CRON_JOBS, cron).put(kinds.JOBS, run).controller("Job", "app/once")
    tiny.pod("app/night-1-x", "n0", owner="Job/night-1")
    found = of(tiny)
    assert set(found) == {"cronjob/app/night", "job/app/once"}
    assert (found["cronjob/app/night"].replicas, found["cronjob/app/night"].pod_nodes) == (3, ("n0",))


def test_daemon_set_pinning_is_stripped() -> None:
    """The DaemonSet controller binds each pod to its node; the template that is told from a pod has no such term."""

    def pinned(node: str) -> dict[str, Any]:
        fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
        own = [{"key": "role", "operator": "In", "values": ["gpu"]}]
        terms = {"nodeSelectorTerms": [{"matchFields": fields, "matchExpressions": own}]}
        return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}

    tiny = Tiny().drop(kinds.DAEMON_SETS)
    for node in ("n0", "n1"):
        tiny.pod(f"app/agent-{node}", node, owner="DaemonSet/agent", spec=pinned(node))
    found = of(tiny)["ds/app/agent"]
    assert found.every_node
    assert found.replicas is None
    affinity = found.spec.affinity
    assert affinity is not None
    assert affinity.node_affinity is not None
    assert affinity.node_affinity.required is not None
    (term,) = affinity.node_affinity.required.node_selector_terms
    assert term.match_fields == ()
    assert [one.key for one in term.match_expressions] == ["role"]


def test_pinning_alone_leaves_no_term() -> None:
    """A DaemonSet without affinity of its own may run everywhere."""
    fields = [{"key": "metadata.name", "operator": "In", "values": ["n0"]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": fields}]}}
    tiny = Tiny().drop(kinds.DAEMON_SETS)
    tiny.pod("app/agent", "n0", owner="DaemonSet/agent", spec={"affinity": {"nodeAffinity": required}})
    affinity = of(tiny)["ds/app/agent"].spec.affinity
    assert affinity is not None
    assert affinity.node_affinity is not None
    assert affinity.node_affinity.required is None


def test_finished_pods_do_not_count() -> None:
    """Succeeded and Failed pods are nobody's."""
    tiny = Tiny().controller("Job", "app/once")
    for number, phase in enumerate(("Succeeded", "Failed", "Pending")):
        tiny.pod(f"app/once-{number}", f"n{number}", owner="Job/once", phase=phase)
    tiny.pod("app/done", phase="Succeeded")
    found = of(tiny)
    assert set(found) == {"job/app/once"}
    assert found["job/app/once"].pod_names == ("once-2",)


def test_bare_pods() -> None:
    """A pod without owner is a workload of its own that may be scheduled anywhere again."""
    tiny = Tiny().pod("app/alone", "n0", labels={"app": "x", "pod-template-hash": "1"})
    found = of(tiny)["pod/app/alone"]
    assert (found.pod_nodes, found.spec.node_name, found.replicas) == (("n0",), "", None)
    assert found.labels == {"app": "x", "pod-template-hash": "1"}


def test_stateful_set_claims() -> None:
    """Each pod of a StatefulSet has claims of its own; all sets of claims are kept."""
    tiny = Tiny().controller("StatefulSet", "app/db", replicas=2)
    for number in (1, 0):
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-db-{number}"}}
        tiny.pod(f"app/db-{number}", f"n{number}", owner="StatefulSet/db", spec={"volumes": [volume]})
    assert of(tiny)["sts/app/db"].claims == (("data-db-0",), ("data-db-1",))


def test_a_foreign_owner_makes_a_workload() -> None:
    """Pods of a controller of another kind are that controller's workload."""
    tiny = Tiny().pod("app/p0", owner="PodClique/x").pod("app/p1", owner="PodClique/x")
    found = of(tiny)
    assert set(found) == {"podclique/app/x"}
    assert found["podclique/app/x"].pod_names == ("p0", "p1")


def test_profile_templates_come_last() -> None:
    """A profile's own templates are workloads that are not installed."""
    from clusterproof.world.world import World

    extra = Workload("Job", "app", "check", {}, PodSpec(), installed=False)
    found = World(Tiny().deployment("app/web").snapshot(), [extra]).workloads
    assert found[-1] is extra
    assert [w.id for w in found[:-1]] == sorted(w.id for w in found[:-1])
