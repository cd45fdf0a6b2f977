"""Whether a DaemonSet runs on every node of a set, today's and tomorrow's (sections 1 and 9 of the reference)."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.profiles.model import (
    Check,
    Covers,
    Evidence,
    FindWorkload,
    NodeSet,
    Requirement,
    WorkloadDefinition,
)
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, requirement
from tests.world.build import Tiny, on

PLUGIN = "ds/kube-system/plugin"
TAINT = "nvidia.com/gpu=true:NoSchedule"
TOLERATES = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]}
GPU = {"gpu": NodeSet("GPU nodes", (Evidence(group=("gpu", "gpu2")),))}


def cluster(spec: dict[str, Any] | None = None, *, nodes: int = 2, taint: str = TAINT, **more: Any) -> Tiny:
    """A tainted group, one without taints, and a plugin."""
    tiny = Tiny().managed("gpu", ["sg-a"], taints=(taint,), nodes=nodes, **more).managed("cpu", ["sg-a"])
    return tiny.controller("DaemonSet", "kube-system/plugin", spec)


def asked(workload: str = PLUGIN, set_: str = "gpu", *, once: bool = False, absent: str = "unknown") -> Requirement:
    """Whether the plugin covers the GPU nodes."""
    return requirement(Check(covers=Covers(workload, set_, once)), absent=absent)


def judged(tiny: Tiny, asked_: Requirement | None = None) -> Verdict:
    """The verdict alone."""
    return ask(tiny, asked_ or asked(), node_sets=GPU).verdict


@pytest.mark.parametrize(
    ("tolerations", "verdict"),
    [
        ([], Verdict.FAIL),
        ([{"key": "nvidia.com/gpu", "operator": "Exists"}], Verdict.PASS),
        ([{"key": "nvidia.com/gpu", "value": "true"}], Verdict.PASS),
        ([{"key": "nvidia.com/gpu", "value": "false"}], Verdict.FAIL),
        ([{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}], Verdict.FAIL),
        ([{"operator": "Exists"}], Verdict.PASS),
    ],
)
def test_taints(tolerations: list[dict[str, str]], verdict: Verdict) -> None:
    """A DaemonSet runs where it tolerates every taint (rule 9.1)."""
    assert judged(cluster({"tolerations": tolerations})) is verdict


def test_the_taint_is_evidence() -> None:
    """The taint that refuses is named, of nodes that run and of what makes the next ones."""
    found = ask(cluster(), asked(), node_sets=GPU)
    assert found.summary == (
        "gpu (gpu-0 and 1 more): ds/kube-system/plugin does not run there: it does not tolerate taint "
        "nvidia.com/gpu=true:NoSchedule"
    )
    assert ("nodes", "gpu-0", "spec.taints", TAINT) in [(r.kind, r.key, r.field, r.value) for r in found.evidence]
    next_ = ask(cluster(nodes=0, size=(0, 0, 3)), asked(), node_sets=GPU)
    assert next_.summary.startswith("gpu (next nodes)")
    assert ("nodegroups", "gpu", TAINT) in [(r.kind, r.key, r.value) for r in next_.evidence]


def test_next_nodes_count() -> None:
    """A group whose template got a taint later fails though all that runs is covered (rule 9.7)."""
    tiny = cluster({})
    for raw in tiny.objects[kinds.NODES.name]:
        raw["spec"]["taints"] = []
    assert judged(tiny) is Verdict.FAIL
    assert judged(cluster(TOLERATES, nodes=0, size=(0, 0, 3))) is Verdict.PASS


def test_every_group_of_the_set() -> None:
    """One group that is left out is enough to fail; other groups do not matter."""
    tiny = cluster({**TOLERATES, **on("gpu")}).managed("gpu2", ["sg-a"], taints=(TAINT,))
    found = ask(tiny, asked(), node_sets=GPU)
    assert found.verdict is Verdict.FAIL
    assert found.summary.startswith("gpu2 (gpu2-0)")
    assert judged(cluster({**TOLERATES, **on("gpu")})) is Verdict.PASS


def test_once() -> None:
    """Two plugins on one node fail where one is asked for, and pass where it is not; side by side each has its own."""
    find = {"plugins": WorkloadDefinition("plugins", (FindWorkload(name="plugin.*", kind="DaemonSet"),))}
    tiny = cluster(TOLERATES).controller("DaemonSet", "kube-system/plugin-two", TOLERATES)
    found = _with(tiny, find, once=True)
    assert (found.verdict, "both run there" in found.summary) == (Verdict.FAIL, True)
    assert _with(tiny, find, once=False).verdict is Verdict.PASS
    apart = cluster({**TOLERATES, **on("gpu")}).managed("gpu2", ["sg-a"], taints=(TAINT,))
    apart.controller("DaemonSet", "kube-system/plugin-two", {**TOLERATES, **on("gpu2")})
    assert _with(apart, find, once=True).verdict is Verdict.PASS
    none = _with(cluster(on("gpu")), find, once=True)  # whether one runs there is asked by itself
    assert (none.verdict, none.summary) == (Verdict.PASS, "no node of gpu gets two of ds/kube-system/plugin")


def _with(tiny: Tiny, workloads: dict[str, WorkloadDefinition], *, once: bool) -> Any:
    """The finding of a profile with named workloads."""
    import msgspec

    from clusterproof.checks.context import Context
    from clusterproof.checks.engine import findings
    from tests.checks.ask import profile

    made = msgspec.structs.replace(profile(asked("plugins", once=once), node_sets=GPU), workloads=workloads)
    (found,) = findings(Context(tiny.snapshot(), made))
    return found


def test_what_is_no_daemon_set() -> None:
    """A Deployment need not be on every node, whatever its replicas."""
    tiny = cluster().deployment("app/plugin", TOLERATES, replicas=9)
    assert judged(tiny, asked("deploy/app/plugin")) is Verdict.FAIL


def test_unknowns() -> None:
    """Nodes, templates and sets that were not read are unknown; a refusal that was read still fails."""
    denied = Unknown(Cause.DENIED, "nodes were refused")
    assert judged(cluster(TOLERATES).partly(kinds.NODES, denied)) is Verdict.UNKNOWN
    assert judged(cluster().partly(kinds.NODES, denied)) is Verdict.FAIL
    assert judged(cluster(TOLERATES, described=False)) is Verdict.UNKNOWN
    assert judged(cluster(described=False)) is Verdict.FAIL
    none = {"gpu": NodeSet("none", (Evidence(group=("none",)),))}
    assert ask(cluster(), asked(), node_sets=none).verdict is Verdict.UNKNOWN
    assert ask(cluster(), asked(absent="not-applicable"), node_sets=none).verdict is Verdict.NOT_APPLICABLE
