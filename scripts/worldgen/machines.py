"""Instance types of the worlds.

Allocatable follows the EKS node bootstrap (nodeadm): CPU less 6 % of the first core, 1 % of the second, 0.5 % of
the next two and 0.25 % of the rest; memory less 255 MiB + 11 MiB per pod that may run and less 100 MiB for eviction.
The launch templates of these worlds set ``maxPods: 110``. GPU facts: describe-instance-types.
"""

from __future__ import annotations

from worldgen.spec import Machine


def machine(
    name: str,
    cpus: int,
    gib: int,
    capacity: int,
    interfaces: int,
    addresses: int,
    *,
    gpus: int = 0,
    gpu: str = "",
    gpu_mib: int = 0,
    pods: int = 110,
) -> Machine:
    """``capacity``: KiB that the kubelet finds (firmware and kernel keep the rest)."""
    reserved = 60 + 10 + 10 + (cpus - 4) * 2.5
    memory = capacity - (255 + 11 * pods + 100) * 1024
    return Machine(
        name,
        cpus,
        gib * 1024,
        f"{int(cpus * 1000 - reserved)}m",
        f"{memory}Ki",
        f"{capacity}Ki",
        str(pods),
        interfaces,
        addresses,
        gpus,
        gpu,
        gpu_mib,
    )


M5_12XLARGE = machine("m5.12xlarge", 48, 192, 194832044, 8, 30)
G5_12XLARGE = machine("g5.12xlarge", 48, 192, 194832044, 15, 50, gpus=4, gpu="A10G", gpu_mib=24576)
G6_12XLARGE = machine("g6.12xlarge", 48, 192, 194832044, 8, 30, gpus=4, gpu="L4", gpu_mib=22888)
M7I_XLARGE = machine("m7i.xlarge", 4, 16, 15896264, 4, 15)
P5_48XLARGE = machine("p5.48xlarge", 192, 2048, 2097152000, 64, 50, gpus=8, gpu="H100", gpu_mib=81920)
G5_XLARGE = machine("g5.xlarge", 4, 16, 15896264, 4, 15, gpus=1, gpu="A10G", gpu_mib=24576)
G4DN_XLARGE = machine("g4dn.xlarge", 4, 16, 15896264, 3, 10, gpus=1, gpu="T4", gpu_mib=16384)
