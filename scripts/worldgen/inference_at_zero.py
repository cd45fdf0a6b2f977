"""World ``inference-at-zero``: the GPU cluster with a fourth group, which has no node today.

Somebody ran the three commands of the document's example (GPU to system), no more. The customer group still cannot
reach Prometheus, and the inference group, once it grows, reaches neither etcd nor NATS nor Prometheus.
"""

from __future__ import annotations

import dataclasses

from worldgen.files import Files
from worldgen.gpu_cluster import DEMO, GPU_TAINT, ZONES, build, guest_rules, node_rules, subnets_of
from worldgen.machines import G6_12XLARGE
from worldgen.spec import Group, Rule, SubnetSpec

INFERENCE_AT_ZERO = dataclasses.replace(
    DEMO,
    name="inference-at-zero",
    cluster="inference-gpu",
    subnets=(
        *DEMO.subnets,
        *(SubnetSpec(f"inference-{letter}", f"10.0.{48 + 4 * i}.0/22") for i, letter in enumerate(ZONES)),
    ),
    groups=(
        *DEMO.groups,
        Group("inference", "inference-worker", G6_12XLARGE, (0, 0, 8), "", subnets_of("inference"), GPU_TAINT),
    ),
    security_groups={**DEMO.security_groups, "inference": "inference nodes"},
    rules=(
        *DEMO.rules,
        Rule("system", "gpu", "tcp", 2379),
        Rule("system", "gpu", "tcp", 4222),
        Rule("system", "gpu", "tcp", 9090),
        *node_rules("inference"),
        *guest_rules("inference"),
    ),
)


def inference_at_zero() -> Files:
    """World ``inference-at-zero``."""
    return build(INFERENCE_AT_ZERO, ("gpu-worker", "inference-worker"))
