"""What follows from an instance type: labels, accelerators; and which types a NodePool may choose among.

Karpenter and EKS Auto Mode label nodes with the properties of their type; of a type that was not described, its name
tells category, family, generation and size.
Sources: aws/karpenter-provider-aws pkg/providers/instancetype/types.go (computeRequirements, the scheme of names);
Karpenter, "Instance Types"; EKS User Guide, "EKS Auto Mode Supported Labels"; Amazon EC2 instance type naming
conventions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import InstanceTypeInfo
from clusterproof.snapshot.kubernetes import Labels
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.pools import Requirements
from clusterproof.world.readable import ARCH, INSTANCE_TYPE

_SCHEME = re.compile(r"(^[a-z]+)(-[0-9]+tb)?([0-9]+).*\.")
_ACCELERATED = frozenset({"dl", "f", "g", "gr", "inf", "p", "trn", "vt"})
"""Categories whose instances have GPUs or other accelerators; those of the others have none."""
_NVIDIA = frozenset({"g", "gr", "p"})
_AMD_FAMILIES = frozenset({"g4ad"})
_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
_GPU_LABELS = ("name", "manufacturer", "count", "memory")
_DEVICE_LABELS = (
    *(f"gpu-{part}" for part in _GPU_LABELS),
    *(f"accelerator-{part}" for part in ("name", "manufacturer", "count")),
)
_EXAMPLES = (
    "c5.large",
    "c6a.large",
    "c6g.large",
    "c6i.large",
    "c7a.large",
    "c7g.large",
    "c7i.large",
    "c8g.large",
    "d3.xlarge",
    "dl1.24xlarge",
    "dl2q.24xlarge",
    "f1.2xlarge",
    "f2.6xlarge",
    "g4ad.xlarge",
    "g4dn.xlarge",
    "g5.xlarge",
    "g5g.xlarge",
    "g6.xlarge",
    "g6e.xlarge",
    "gr6.4xlarge",
    "hpc7a.12xlarge",
    "hpc7g.4xlarge",
    "i3.large",
    "i4i.large",
    "i7ie.large",
    "im4gn.large",
    "inf1.xlarge",
    "inf2.xlarge",
    "is4gen.large",
    "m5.large",
    "m6a.large",
    "m6g.large",
    "m6i.large",
    "m7a.medium",
    "m7g.medium",
    "m7i.large",
    "m8g.medium",
    "p3.2xlarge",
    "p3dn.24xlarge",
    "p4d.24xlarge",
    "p4de.24xlarge",
    "p5.48xlarge",
    "p5e.48xlarge",
    "p5en.48xlarge",
    "p6-b200.48xlarge",
    "r5.large",
    "r6a.large",
    "r6g.large",
    "r6i.large",
    "r7a.medium",
    "r7g.medium",
    "r7i.large",
    "r8g.medium",
    "t3.small",
    "t3a.small",
    "t4g.small",
    "trn1.2xlarge",
    "trn1n.32xlarge",
    "trn2.48xlarge",
    "u-6tb1.56xlarge",
    "vt1.3xlarge",
    "x1.16xlarge",
    "x2gd.medium",
    "x2idn.16xlarge",
    "z1d.large",
)
"""A type of each family: what a pool with an open choice may be recognised by where no types were described."""


def category(name: str) -> str:
    """The letters before the generation: ``g`` of ``g5.xlarge``; empty where the name is of another form."""
    match = _SCHEME.match(name if "." in name else f"{name}.")
    return match[1] if match else ""


def may_accelerate(name: str) -> bool:
    """Whether a type may have an accelerator, as far as its name tells."""
    return category(name) in (*_ACCELERATED, "")


def architecture(snapshot: Snapshot, name: str) -> str:
    """The architecture of a type that was described (``amd64``); empty where it is not known."""
    info = snapshot.get(kinds.INSTANCE_TYPES, name)
    known = info.processor_info.supported_architectures if info is not None else ()
    return next((_ARCHITECTURES[item] for item in known if item in _ARCHITECTURES), "")


def labels_of(snapshot: Snapshot, name: str, group: str) -> dict[str, str | None]:
    """Labels that follow from a type; None where nodes of the type certainly lack the label.

    Args:
        snapshot: may hold the type's description.
        name: ``g5.xlarge``.
        group: the provider's API group, under which its labels stand.
    """
    result: dict[str, str | None] = {INSTANCE_TYPE: name}
    match = _SCHEME.match(name)
    if match:
        result |= {f"{group}/instance-category": match[1], f"{group}/instance-generation": match[3]}
    family, _, size = name.partition(".")
    result |= {f"{group}/instance-family": family, f"{group}/instance-size": size}
    info = snapshot.get(kinds.INSTANCE_TYPES, name)
    if info is not None:
        result |= _described(info, group)
        if arch := architecture(snapshot, name):
            result[ARCH] = arch
    if match and match[1] not in _ACCELERATED:
        result |= dict.fromkeys(f"{group}/instance-{device}" for device in _DEVICE_LABELS)
    return result


def _described(info: InstanceTypeInfo, group: str) -> dict[str, str | None]:
    result: dict[str, str | None] = {
        f"{group}/instance-cpu": str(info.v_cpu_info.default_v_cpus),
        f"{group}/instance-memory": str(info.memory_info.size_in_mib),
    }
    maker = info.processor_info.manufacturer
    if maker:
        result[f"{group}/instance-cpu-manufacturer"] = _kebab(maker)
    gpus = info.gpu_info.gpus if info.gpu_info is not None else ()
    prefix = f"{group}/instance-gpu-"
    if len(gpus) == 1:
        gpu = gpus[0]
        result |= {f"{prefix}name": _kebab(gpu.name), f"{prefix}manufacturer": _kebab(gpu.manufacturer)}
        result[f"{prefix}count"] = str(gpu.count)
        if gpu.memory_info.size_in_mib:
            result[f"{prefix}memory"] = str(gpu.memory_info.size_in_mib)
    elif not gpus:
        result |= {f"{prefix}{part}": None for part in _GPU_LABELS}
    return result


def _kebab(text: str) -> str:
    return text.strip().lower().replace(" ", "-")


def may_be(snapshot: Snapshot, name: str, requirements: Requirements, group: str) -> bool:
    """Whether a pool may choose a type; what is not known of the type does not exclude it."""
    known = labels_of(snapshot, name, group)
    # The label came with Karpenter 1.7: it counts where a pool asks for it, and is not predicted.
    known[f"{group}/instance-capability-flex"] = "true" if "-flex" in name.partition(".")[0] else "false"
    return all(requirements.admits(key, value) for key, value in known.items())


def named_types(snapshot: Snapshot, requirements: Requirements, group: str) -> tuple[str, ...] | None:
    """The types that a pool names one by one (by type, or by family and size), of those it may choose; else None."""
    names = requirements.values(INSTANCE_TYPE)
    if names is None:
        families = requirements.values(f"{group}/instance-family")
        sizes = requirements.values(f"{group}/instance-size")
        if families is None or sizes is None:
            return None
        names = tuple(f"{family}.{size}" for family in families for size in sizes)
    return tuple(sorted(name for name in names if may_be(snapshot, name, requirements, group)))


def lacking_variety(snapshot: Snapshot, names: Iterable[str], requirements: Requirements, group: str) -> str:
    """Which of a pool's ``minValues`` types cannot meet, all of them together; empty where none is known to fail.

    Source: kubernetes-sigs/karpenter pkg/cloudprovider/types.go (SatisfiesMinValues).
    """
    types = [labels_of(snapshot, name, group) for name in names]
    for key, least in sorted(requirements.least.items()):
        found = {labels.get(key) for labels in types}
        if None not in found and len(found) < least:
            return f"{least} values of {key}, and the types that it admits have {len(found)}"
    return ""


def described_types(snapshot: Snapshot, requirements: Requirements, group: str) -> tuple[str, ...]:
    """Of the types that were described, those that a pool may choose, sorted."""
    names = (info.instance_type for info in snapshot.objects(kinds.INSTANCE_TYPES))
    return tuple(sorted(name for name in names if may_be(snapshot, name, requirements, group)))


def example_types(snapshot: Snapshot, requirements: Requirements, group: str) -> tuple[str, ...]:
    """Types by which an open choice may be recognised: those described, else one of each family that is admitted."""
    found = set(described_types(snapshot, requirements, group))
    families = {name.partition(".")[0] for name in found}
    size = f"{group}/instance-size"
    for name in _EXAMPLES:
        labels = labels_of(snapshot, name, group)
        # The size is the example's own: another size of the family may be what the pool asks for.
        if name.partition(".")[0] not in families and all(
            requirements.admits(key, value) for key, value in labels.items() if key != size
        ):
            found.add(name)
    return tuple(sorted(found))


def accelerated(names: Iterable[str], requirements: Requirements, group: str) -> bool:
    """Whether a type with an accelerator may be chosen; ``names``: examples of what the pool may choose."""
    return _open_family(requirements, group) or any(category(name) in _ACCELERATED for name in names)


def _open_family(requirements: Requirements, group: str) -> bool:
    """Whether types of a category that nobody knows yet may be chosen, and nothing says that they have no GPU."""
    parts = ("instance-category", "instance-family")
    return not any(requirements.values(f"{group}/{part}") is not None for part in parts)


def always_nvidia(names: Iterable[str], requirements: Requirements, group: str) -> str:
    """Why every node of a pool has NVIDIA GPUs; empty where that is not certain."""
    manufacturer = f"{group}/instance-gpu-manufacturer"
    if requirements.values(manufacturer) == ("nvidia",):
        return f"NodePool requires {manufacturer} nvidia"
    categories = requirements.values(f"{group}/instance-category")
    families = requirements.values(f"{group}/instance-family")
    chosen = categories if families is None else tuple({category(name) for name in families})
    if not chosen or not _NVIDIA.issuperset(chosen):
        return ""
    if families is None:
        could_be_amd = any(name.partition(".")[0] in _AMD_FAMILIES for name in names)
    else:
        could_be_amd = bool(_AMD_FAMILIES.intersection(families))
    if could_be_amd:
        return ""
    key = "instance-category" if families is None else "instance-family"
    wanted = categories if families is None else families
    return f"NodePool requires {group}/{key} {', '.join(wanted or ())}"


def clean(labels: dict[str, str | None]) -> Labels:
    """The labels that are there."""
    return {key: value for key, value in labels.items() if value is not None}
