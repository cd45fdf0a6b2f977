"""Family: volumes. Where bound ones are, where those that wait for a pod can be, how many a node attaches, who may share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.controlplane.client import Raw
from tests.controlplane.generate import HOST, IMAGES, ZONE, ZONES, Case, Dice, bound, nodes
from tests.controlplane.objects import plain, pod

EBS = "ebs.csi.aws.com"
EBS_ZONE = "topology.ebs.csi.aws.com/zone"
BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


def volumes(seed: int) -> Case:
    """Claims of every kind, on nodes whose drivers attach few volumes."""
    dice = Dice(seed)
    made = nodes(dice, most=8, taints=0.1, bare=0.12)
    for one in made:
        if zone := one["metadata"]["labels"].get(ZONE):
            one["metadata"]["labels"][EBS_ZONE] = zone
    objects = [*_classes(dice), *(_csi_node(dice, one) for one in made if dice.hit(0.8))]
    claims: list[str] = []
    for number in range(dice.randint(3, 7)):
        found = _claim(dice, f"c{number}", [one["metadata"]["name"] for one in made])
        objects += found
        claims.append(f"c{number}")
    held = [
        one["metadata"]["name"]
        for one in objects
        if one["kind"] == "PersistentVolumeClaim" and one["metadata"].get("annotations") == BOUND
    ]
    there = bound(dice, made, dice.randint(0, 4), lambda name: _user(dice, name, dice.sample(held, min(len(held), 1))))
    wanted = [
        _user(dice, f"p{number}", dice.sample([*claims, *claims, "missing"], dice.one((1, 1, 2))))
        for number in range(dice.randint(3, 5))
    ]
    return Case("volumes", seed, (*made, *objects, *there), tuple(wanted))


def _user(dice: Dice, name: str, claims: Sequence[str]) -> Raw:
    used = [
        {"name": f"v{number}", "persistentVolumeClaim": {"claimName": claim}}
        for number, claim in enumerate(dict.fromkeys(claims))
    ]
    return pod(name, requests={"cpu": dice.one(("100m", "500m"))}, image=dice.one(IMAGES)[0], volumes=used)


def _classes(dice: Dice) -> list[Raw]:
    first = "WaitForFirstConsumer"
    terms = [
        {"matchLabelExpressions": [{"key": key, "values": dice.some(ZONES)}]} for key in dice.some((ZONE, EBS_ZONE))
    ]
    api = "storage.k8s.io/v1"
    return [
        plain(api, "StorageClass", "anywhere", provisioner=EBS, volumeBindingMode=first),
        plain(api, "StorageClass", "somewhere", provisioner=EBS, volumeBindingMode=first, allowedTopologies=terms),
        plain(api, "StorageClass", "local", provisioner="kubernetes.io/no-provisioner", volumeBindingMode=first),
        plain(api, "StorageClass", "at-once", provisioner=EBS, volumeBindingMode="Immediate"),
    ]


def _csi_node(dice: Dice, one: Raw) -> Raw:
    driver: Raw = {"name": EBS, "nodeID": one["metadata"]["name"], "topologyKeys": [EBS_ZONE]}
    if dice.hit(0.6):
        driver["allocatable"] = {"count": dice.one((1, 2, 3))}
    return plain("storage.k8s.io/v1", "CSINode", one["metadata"]["name"], spec={"drivers": [driver]})


def claim(name: str, storage_class: str, *, mode: str = "ReadWriteOnce", size: str = "1Gi", volume: str = "") -> Raw:
    """A claim; with a volume it is bound to it."""
    spec: Raw = {"accessModes": [mode], "resources": {"requests": {"storage": size}}, "storageClassName": storage_class}
    made = plain("v1", "PersistentVolumeClaim", name, namespace="default", spec=spec)
    if volume:
        spec["volumeName"] = volume
        made["metadata"]["annotations"] = dict(BOUND)
    return made


def persistent(
    name: str, storage_class: str, where: Raw | None, *, mode: str = "ReadWriteOnce", size: str = "5Gi", **more: Any
) -> Raw:
    """A volume of the EBS driver; ``where`` is a node selector requirement."""
    spec: Raw = {
        "capacity": {"storage": size},
        "accessModes": [mode],
        "storageClassName": storage_class,
        "csi": {"driver": EBS, "volumeHandle": f"vol-{name}"},
        **more,
    }
    if where:
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}}
    return plain("v1", "PersistentVolume", name, spec=spec)


def _claim(dice: Dice, name: str, hosts: Sequence[str]) -> list[Raw]:
    kind = dice.one(("bound", "bound", "bound", "anywhere", "somewhere", "local", "local", "at-once", "nothing"))
    mode = dice.one(("ReadWriteOnce", "ReadWriteOnce", "ReadWriteOncePod"))
    here = {"key": dice.one((ZONE, EBS_ZONE)), "operator": "In", "values": [dice.one(ZONES)]}
    if kind == "bound":
        ref = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "default", "name": name}
        volume = persistent(f"pv-{name}", "anywhere", here if dice.hit(0.7) else None, mode=mode, claimRef=ref)
        if dice.hit(0.3):
            volume["metadata"]["labels"] = {ZONE: dice.one((*ZONES, "za__zb"))}
        found = [claim(name, "anywhere", mode=mode, volume=f"pv-{name}")]
        return found if dice.hit(0.08) else [volume, *found]  # a volume that is gone
    if kind == "local":
        on = [
            {"key": HOST, "operator": "In", "values": [host]} for host in dice.sample(list(hosts), min(2, len(hosts)))
        ]
        sizes = ("1Gi", "2Gi", "20Gi")
        made = [persistent(f"pv-{name}-{n}", "local", one, size=dice.one(sizes)) for n, one in enumerate(on)]
        return [*made, claim(name, "local", size=dice.one(("1Gi", "2Gi")))]
    if kind == "nothing":
        return [claim(name, "local", size="100Gi")]
    return [claim(name, kind, mode=mode)]
