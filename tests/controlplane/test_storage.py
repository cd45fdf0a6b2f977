"""Volumes, attach limits and preemption: our words for a pod that fits nowhere are those of the real scheduler.

Every pod also asks for a neighbour that is not there. The plugin that refuses it for that comes after those of volumes,
so that no pod is ever bound, and the scheduler's sentence says of each node what the volume plugins said of it.
"""

from __future__ import annotations

import re
import time
from random import Random
from typing import Any

import msgspec
import pytest

from clusterproof.placement.filters import feasible_now
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.node import Cluster, node_views
from clusterproof.placement.preemption import preemption
from clusterproof.placement.storage import storage_from
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.kubernetes import (
    CSINode,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    StorageClass,
    VolumeAttachment,
)
from tests.conftest import Oracle
from tests.controlplane.client import Raw
from tests.controlplane.objects import node, plain, pod
from tests.controlplane.ours import tail, version_of
from tests.controlplane.plane import ControlPlane
from tests.controlplane.scheduling import Arena

pytestmark = pytest.mark.controlplane

CASES = 150
EBS = "ebs.csi.aws.com"
ZONE = "topology.kubernetes.io/zone"
NAMES = ("x", "y", "z")
ALONE = {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "nowhere"}}}
NEAR_NOBODY = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [ALONE]}}


class Case:
    """One seed's cluster.

    Attributes:
        objects: what is made first, with their status beside them.
        pod: to be placed.
    """

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.objects: list[Raw] = []
        self.states: list[Raw] = []
        for name in ("n0", "n1", "n2"):
            zone = self.dice.choice(["a", "b", ""])
            self.objects.append(node(name, cpu="4", labels={ZONE: zone} if zone else {}))
            count = self.dice.choice([None, None, 0, 1, 2, "absent"])
            if count != "absent":
                allocatable = {} if count is None else {"allocatable": {"count": count}}
                drivers = [{"name": EBS, "nodeID": name, **allocatable}]
                self.objects.append(plain("storage.k8s.io/v1", "CSINode", name, spec={"drivers": drivers}))
        self._classes()
        self._volumes()
        for name in NAMES:
            self._claim(name)
        once = {
            one["metadata"]["name"]
            for one in self.objects
            if "ReadWriteOncePod" in one.get("spec", {}).get("accessModes", [])
        }
        for number in range(self.dice.randint(0, 4)):
            where = self.dice.choice(["n0", "n1", "n2"])
            names = [name for name in NAMES if name not in once or number == 0]  # one pod at most can have those
            volumes = self._mounts(self.dice.sample(names, min(len(names), self.dice.randint(0, 2))))
            requests = {"cpu": self.dice.choice(["1", "2"])}
            low = pod(f"p{number}", requests=requests, nodeName=where, volumes=volumes, priority=None)
            del low["spec"]["priority"]
            self.objects.append(low)
        for number, volume in enumerate(self.dice.sample(["pv-x", "pv-y", "free"], self.dice.randint(0, 2))):
            spec = {
                "attacher": EBS,
                "nodeName": self.dice.choice(["n0", "n1"]),
                "source": {"persistentVolumeName": volume},
            }
            self.objects.append(plain("storage.k8s.io/v1", "VolumeAttachment", f"va-{number}", spec=spec))
        self.objects.append(plain("scheduling.k8s.io/v1", "PriorityClass", "above", value=1000))
        self.pod = self._wanted()

    def _wanted(self) -> Raw:
        volumes = self._mounts(self.dice.sample(NAMES, self.dice.choice([0, 1, 1, 2])))
        if self.dice.random() < 0.2:
            disk = {"volumeID": self.dice.choice(["vol-1", "vol-2"])}
            volumes.append({"name": "disk", "awsElasticBlockStore": disk})
        more: Raw = {"priorityClassName": "above"} if self.dice.random() < 0.5 else {}
        if self.dice.random() < 0.15:
            fields = [{"key": "metadata.name", "operator": "In", "values": [self.dice.choice(["n0", "n9"])]}]
            terms = {"nodeSelectorTerms": [{"matchFields": fields}]}
            more["affinity"] = {
                **NEAR_NOBODY,
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms},
            }
        if self.dice.random() < 0.3:
            init: Raw = {"name": "side", "image": "a", "restartPolicy": "Always"}
            init["ports"] = [{"containerPort": 80, "hostPort": 80}]
            more["initContainers"] = [init]
        requests = {"cpu": self.dice.choice(["1", "3", "5"])}
        return pod("me", requests=requests, volumes=volumes, **{"affinity": NEAR_NOBODY, **more})

    def _mounts(self, names: list[str]) -> list[Raw]:
        return [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]

    def _classes(self) -> None:
        mode = {"volumeBindingMode": "WaitForFirstConsumer"}
        gp3: Raw = {"provisioner": EBS, **mode}
        if self.dice.random() < 0.5:
            gp3["allowedTopologies"] = [{"matchLabelExpressions": [{"key": ZONE, "values": [self.dice.choice("ab")]}]}]
        self.objects.append(plain("storage.k8s.io/v1", "StorageClass", "gp3", **gp3))
        static: Raw = {"provisioner": "kubernetes.io/no-provisioner", **mode}
        self.objects.append(plain("storage.k8s.io/v1", "StorageClass", "local", **static))
        self.objects.append(
            plain("storage.k8s.io/v1", "StorageClass", "now", provisioner=EBS, volumeBindingMode="Immediate")
        )

    def _volumes(self) -> None:
        for name in ("pv-x", "pv-y", "pv-z", "free"):
            if self.dice.random() < 0.15:
                continue
            zone = self.dice.choice(["a", "b", ""])
            spec: Raw = {
                "capacity": {"storage": self.dice.choice(["1Gi", "2Gi"])},
                "accessModes": self.dice.choice(
                    [["ReadWriteOnce"], ["ReadWriteOnce", "ReadOnlyMany"], ["ReadWriteOncePod"]]
                ),
                "storageClassName": self.dice.choice(["gp3", "local", "local"]),
            }
            source: Raw = {"csi": {"driver": EBS, "volumeHandle": f"vol-{name}"}}
            if self.dice.random() < 0.2:
                source = {"awsElasticBlockStore": {"volumeID": f"aws://us-east-1a/vol-{name}"}}
            if zone and self.dice.random() < 0.7:
                expression = {"key": ZONE, "operator": "In", "values": [zone]}
                spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
                zone = ""
            made = plain("v1", "PersistentVolume", name, spec={**spec, **source})
            if zone:
                made["metadata"]["labels"] = {ZONE: zone}
            self.objects.append(made)
            made["status"] = {"phase": self.dice.choice(["Available", "Available", "Released"])}
            self.states.append(made)

    def _claim(self, name: str) -> None:
        state = self.dice.choice([*["bound", "free"] * 4, "once", "once", "absent", "lost", "wish"])
        if state == "absent":
            return
        modes = ["ReadWriteOncePod"] if state == "once" else ["ReadWriteOnce"]
        spec: Raw = {
            "accessModes": modes,
            "resources": {"requests": {"storage": self.dice.choice(["1Gi", "2Gi"])}},
            "storageClassName": self.dice.choice(
                ["gp3", "gp3", "gp3", "local", "local", "now", "gone", ""] if state == "free" else ["gp3"]
            ),
        }
        made = plain("v1", "PersistentVolumeClaim", name, namespace="default", spec=spec)
        if state in ("bound", "lost", "wish", "once"):
            spec["volumeName"] = f"pv-{name}"
        if state in ("bound", "lost", "once"):
            made["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
        if state == "free" and self.dice.random() < 0.2:
            made["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": self.dice.choice(["n0", "n1"])}
        self.objects.append(made)
        made["status"] = {"phase": {"lost": "Lost", "bound": "Bound", "once": "Bound"}.get(state, "Pending")}
        self.states.append(made)

    def typed(self, kind: str, type_: Any) -> Any:
        """The objects of a kind."""
        return msgspec.convert([one for one in self.objects if one["kind"] == kind], tuple[type_, ...], strict=False)


def ours(case: Case, version: SchedulerVersion) -> str:
    """Our sentence, with what preemption says."""
    me = msgspec.convert({**case.pod, "spec": {**case.pod["spec"], "priority": _priority(case.pod)}}, Pod)
    cluster = Cluster(
        node_views(case.typed("Node", Node), case.typed("Pod", Pod)),
        {"default": {"kubernetes.io/metadata.name": "default"}},
        storage=storage_from(
            case.typed("PersistentVolumeClaim", PersistentVolumeClaim),
            case.typed("PersistentVolume", PersistentVolume),
            case.typed("StorageClass", StorageClass),
            case.typed("CSINode", CSINode),
            case.typed("VolumeAttachment", VolumeAttachment),
        ),
        version=version,
    )
    answers = feasible_now(me, cluster)
    found = preemption(me, cluster, answers)
    assert not any(one.ok is True for one in found)
    return f"{unschedulable_message(answers, version=version)} preemption: {tail(found)}"


def _priority(raw: Raw) -> int:
    return 1000 if raw["spec"].get("priorityClassName") else 0


def test_generated_storage(control_plane: ControlPlane, arena: Arena, oracle: Oracle) -> None:
    """The whole sentence, with the part on preemption, over generated claims, volumes, classes, drivers and pods (rule 9.1)."""
    version = version_of(control_plane.version)
    plugins: dict[str, int] = {}
    wrong: list[str] = []
    for seed in range(CASES):
        case = Case(seed)
        attached = [one for one in case.objects if one["kind"] == "VolumeAttachment"]
        arena.create([one for one in case.objects if one not in attached])
        for one in attached:
            control_plane.admin.create(one)  # the scheduler does not count those
        for one in case.states:
            control_plane.admin.status(one, one["status"])
        time.sleep(0.1)
        outcome = arena.place([case.pod])["default/me"]
        for one in attached:
            control_plane.admin.delete(control_plane.admin.path(one))
        arena.reset()
        mine = ours(case, version)
        # DynamicResources has a word of its own to say before preemption, and where the pod is refused as a whole it
        # ends what comes after the filters.
        real = outcome.message.replace("no new claims to deallocate, ", "")
        if real.endswith(". not found"):
            real, mine = real.removesuffix(" not found"), mine.partition(" preemption:")[0]
        if real != mine:
            wrong.append(f"seed {seed}:\n  real {real}\n  ours {mine}")
        for reason in re.findall(r"\d+ ([^,.:]+)", mine):
            plugins[reason] = plugins.get(reason, 0) + 1
    counts = {"clusters": CASES, "differ": len(wrong), "reasons": len(plugins)}
    oracle("kube-scheduler: volumes and attach limits", counts, seeds=(0, CASES - 1))
    assert not wrong, f"{len(wrong)} of {CASES} differ\n" + "\n".join(wrong[:12])
    assert len(plugins) > 10
