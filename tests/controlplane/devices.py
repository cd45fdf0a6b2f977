"""Generated clusters of dynamic resource allocation: nodes, slices, classes, claims and the pods that use them."""

from __future__ import annotations

import random
from typing import Any

from tests.controlplane.client import Raw
from tests.controlplane.objects import namespace, node, plain, pod

API = "resource.k8s.io/v1"
DRIVERS = ("gpu.example.com", "net.example.com")
MODELS = ("A100", "H100", "L4")
SELECTORS = (
    'device.attributes["gpu.example.com"].model == "A100"',
    'device.attributes["gpu.example.com"].model in ["H100", "L4"]',
    'device.driver == "gpu.example.com"',
    'device.driver == "net.example.com"',
    'device.capacity["gpu.example.com"].memory.compareTo(quantity("40Gi")) >= 0',
    'device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("24Gi"))',
    'device.attributes["gpu.example.com"].driverVersion.isGreaterThan(semver("1.5.0"))',
    'device.attributes["gpu.example.com"].index < 2',
    'has(device.attributes["gpu.example.com"].shiny) && device.attributes["gpu.example.com"].shiny',
    'device.attributes["gpu.example.com"].?model.orValue("") == "L4"',
    'cel.bind(gpu, device.attributes["gpu.example.com"], gpu.index == 0 || gpu.model == "H100")',
    '"gpu.example.com" in device.attributes',
    '!("gpu.example.com" in device.attributes)',
    'device.attributes["other.example.com"].rack == "r1"',
    'device.attributes["gpu.example.com"].shiny',
    'device.attributes["gpu.example.com"].model.lowerAscii() == "h100"',
)
"""Some end in an error for some devices: an attribute is missing, a domain is empty."""
SAFE = SELECTORS[:9]
SPACE = "dra"
GATES = ("DRAPartitionableDevices", "DRADeviceTaints")


class Case:
    """One cluster and its pods.

    Args:
        seed: of the case.
        gates: also what feature gates of alpha stage bring (:data:`GATES`).

    Attributes:
        objects: all but the pods to place.
        allocations: statuses of claims that are allocated before.
        pods: to place, one after another.
    """

    def __init__(self, seed: int, *, gates: bool = False) -> None:
        self._gates = gates
        self._random = random.Random(seed)
        # Only such a namespace may ask for admin access.
        space = namespace(SPACE, **{"resource.kubernetes.io/admin-access": "true"})
        self.objects: list[Raw] = [space]
        self.allocations: list[tuple[Raw, Raw]] = []
        self.pods: list[Raw] = []
        self._nodes = [f"n{index}" for index in range(self._random.randint(1, 4))]
        for name in self._nodes:
            labels = {"rack": self._random.choice(("r1", "r2"))}
            self.objects.append(node(name, labels=labels, cpu=self._random.choice(("8", "8", "1"))))
        self._devices: list[tuple[str, str, str]] = []
        self._slices()
        self._classes()
        self._claims()
        self._pods()

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def _slices(self) -> None:
        for name in self._nodes:
            for driver in DRIVERS:
                if self._chance(80 if driver == DRIVERS[0] else 30):
                    self._pool(driver, f"{name}-pool", {"nodeName": name})
        if self._chance(25):
            self._pool(DRIVERS[1], "fabric", {"allNodes": True})
        if self._chance(25):
            term = {"matchExpressions": [{"key": "rack", "operator": "In", "values": ["r1"]}]}
            self._pool(DRIVERS[0], "rack-1", {"nodeSelector": {"nodeSelectorTerms": [term]}})

    def _pool(self, driver: str, pool: str, where: Raw) -> None:
        """A pool of one slice or two, at times incomplete, outdated in part, or with a name that is there twice."""
        count = 2 if self._chance(25) else 1
        promised = count + (1 if self._chance(5) else 0)
        devices = 0
        for index in range(count):
            generation = 1 if index and self._chance(15) else 2
            offered = []
            for _ in range(self._random.randint(1, 3)):
                name = f"dev-{devices}"
                if not (devices and self._chance(3)):
                    devices += 1
                offered.append(self._device(driver, name, devices - 1))
                self._devices.append((driver, pool, name))
            names = {item["name"]: item for item in offered}  # within one slice the API refuses a name twice
            spec = {
                "driver": driver,
                "pool": {"name": pool, "generation": generation, "resourceSliceCount": promised},
                "devices": list(names.values()),
                **where,
            }
            if self._gates:
                self._with_gates(spec)
            slice_name = f"{pool}-{driver.partition('.')[0]}-{index}"
            self.objects.append(plain(API, "ResourceSlice", slice_name, spec=spec))

    def _with_gates(self, spec: Raw) -> None:
        """Shared counters, devices bound to nodes one by one, and taints."""
        if self._chance(50):
            amount = self._random.choice((2, 3, 4))
            counters = {"slices": {"value": str(amount)}, "memory": {"value": "80Gi"}}
            spec["sharedCounters"] = [{"name": "whole", "counters": counters}]
            for item in spec["devices"]:
                if self._chance(80):
                    taken = {
                        "slices": {"value": str(self._random.randint(1, 3))},
                        "memory": {"value": self._random.choice(("10Gi", "40Gi"))},
                    }
                    item["consumesCounters"] = [{"counterSet": "whole", "counters": taken}]
        if "allNodes" in spec:
            del spec["allNodes"]
            spec["perDeviceNodeSelection"] = True
            for item in spec["devices"]:
                item.update({"nodeName": self._random.choice(self._nodes)} if self._chance(60) else {"allNodes": True})
        for item in spec["devices"]:
            if self._chance(15):
                effect = self._random.choice(("NoSchedule", "NoExecute"))
                item["taints"] = [{"key": "sick", "value": self._random.choice(("a", "b")), "effect": effect}]

    def _device(self, driver: str, name: str, index: int) -> Raw:
        if driver == DRIVERS[1]:
            attributes: Raw = {"gpu.example.com/root": {"string": self._random.choice(("pci-0", "pci-1"))}}
            return {"name": name, "attributes": attributes if self._chance(70) else {}}
        attributes = {
            "model": {"string": self._random.choice(MODELS)},
            "index": {"int": index},
            "driverVersion": {"version": self._random.choice(("1.4.0", "1.5.0", "2.0.0-rc.1"))},
            "root": {"string": self._random.choice(("pci-0", "pci-1"))},
        }
        if self._chance(50):
            attributes["shiny"] = {"bool": self._chance(50)}
        if self._chance(6):
            del attributes["model"]
        return {
            "name": name,
            "attributes": attributes,
            "capacity": {"memory": {"value": self._random.choice(("24Gi", "40Gi", "80Gi"))}},
        }

    def _classes(self) -> None:
        all_gpu = [{"cel": {"expression": 'device.driver == "gpu.example.com"'}}]
        all_net = [{"cel": {"expression": 'device.driver == "net.example.com"'}}]
        self.objects += [
            plain(API, "DeviceClass", "gpu", spec={"selectors": all_gpu}),
            plain(API, "DeviceClass", "net", spec={"selectors": all_net}),
            plain(API, "DeviceClass", "any", spec={}),
        ]

    def _exact(self, *, nested: bool = False) -> Raw:
        wanted = self._random.choice(("gpu", "gpu", "gpu", "net", "any", "gone" if self._chance(15) else "gpu"))
        made: Raw = {"deviceClassName": wanted}
        if wanted == "gpu" or (wanted == "any" and self._chance(50)):
            of = SELECTORS if self._chance(25) else SAFE
            count = self._random.choice((0, 1, 1, 2))
            made["selectors"] = [{"cel": {"expression": one}} for one in self._random.sample(of, count)]
        if self._chance(20) and not nested:
            made["allocationMode"] = "All"
        elif self._chance(40):
            made["count"] = self._random.choice((1, 2, 2, 3))
        if self._chance(5) and not nested:
            made["adminAccess"] = True
        if self._gates and self._chance(30):
            made["tolerations"] = [
                self._random.choice(
                    (
                        {"key": "sick", "operator": "Exists"},
                        {"key": "sick", "operator": "Equal", "value": "a"},
                        {"operator": "Exists", "effect": "NoSchedule"},
                    )
                )
            ]
        return made

    def _spec(self) -> Raw:
        requests: list[Raw] = []
        for index in range(self._random.choice((1, 1, 2, 3))):
            name = f"r{index}"
            if self._chance(20):
                choices = [
                    {"name": f"c{at}", **self._exact(nested=True)} for at in range(self._random.choice((1, 2, 3)))
                ]
                requests.append({"name": name, "firstAvailable": choices})
            else:
                requests.append({"name": name, "exactly": self._exact()})
        devices: Raw = {"requests": requests}
        if self._chance(35):
            attribute = self._random.choice(("gpu.example.com/root", "gpu.example.com/model", "gpu.example.com/index"))
            some = [one["name"] for one in requests if self._chance(50)]
            devices["constraints"] = [{"matchAttribute": attribute, "requests": some}]
        return {"devices": devices}

    def _claims(self) -> None:
        self._names = [f"claim-{index}" for index in range(self._random.randint(2, 5))]
        free = list(dict.fromkeys(self._devices))
        self._random.shuffle(free)
        for name in self._names:
            claim = plain(API, "ResourceClaim", name, namespace=SPACE, spec=self._spec())
            self.objects.append(claim)
        for index in range(self._random.randint(0, 3)):
            if not free:
                break
            driver, pool, device = free.pop()
            request = {"name": "r", "exactly": {"deviceClassName": "any"}}
            spec = {"devices": {"requests": [request]}}
            claim = plain(API, "ResourceClaim", f"held-{index}", namespace=SPACE, spec=spec)
            result = {"request": "r", "driver": driver, "pool": pool, "device": device}
            allocation: Raw = {"devices": {"results": [result]}}
            if self._chance(70):
                where = {"key": "metadata.name", "operator": "In", "values": [self._random.choice(self._nodes)]}
                allocation["nodeSelector"] = {"nodeSelectorTerms": [{"matchFields": [where]}]}
            self.objects.append(claim)
            self.allocations.append((claim, {"allocation": allocation}))

    def _pods(self) -> None:
        names = [*self._names, *(claim["metadata"]["name"] for claim, _ in self.allocations)]
        for index in range(self._random.randint(2, 4)):
            count = min(len(names), self._random.choice((1, 1, 2)))
            used = self._random.sample(names, count)
            if self._chance(2):
                used = ["gone"]
            claims = [{"name": f"c{at}", "resourceClaimName": name} for at, name in enumerate(used)]
            more: dict[str, Any] = {}
            if self._chance(15):
                more["nodeSelector"] = {"rack": "r1"}
            if self._chance(15):
                more["requests"] = {"cpu": "2"}
            self.pods.append(pod(f"p{index}", namespace=SPACE, resourceClaims=claims, **more))
