"""NetworkPolicies that admit what is refused: always one more policy, never a change of one that is there.

Policies only add up, so a further one opens what it says and nothing else, with one exception that is looked
for: a policy isolates every pod that it selects. Where it would select a pod that nothing isolated before, it
would close what is open now, and it is not proposed.
Source: Kubernetes documentation, "Network Policies", "The two sorts of pod isolation".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from clusterproof.checks.context import Context
from clusterproof.fixes.needs import PolicyNeed
from clusterproof.reach.networkpolicy import Peer, PolicyIndex, dialect_for
from clusterproof.reach.networkpolicy.rules import NAME_LABEL
from clusterproof.snapshot.kinds import NETWORK_POLICIES
from clusterproof.snapshot.kubernetes import Labels, Service
from clusterproof.snapshot.overlay import Put
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload
from clusterproof.world.world import World

PREFIX = "clusterproof-allow"
_MANAGED = {"app.kubernetes.io/managed-by": "clusterproof"}
_LONGEST = 63
_VOLATILE = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "app.kubernetes.io/version",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "helm.sh/chart",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""Labels that a controller or a chart writes anew with every pod, rollout, run or release."""


def policies(context: Context, needs: Sequence[PolicyNeed]) -> tuple[list[Put], list[str]]:
    """One policy per need, and a sentence for each need that no further policy can mend."""
    result: dict[str, Put] = {}
    problems: list[str] = []
    for need in needs:
        workload = need.subject.workload
        if workload is None:
            continue
        closed = _newly_isolated(context.world, workload, egress=need.egress)
        way = "egress" if need.egress else "ingress"
        if closed:
            named = ", ".join(closed[:3]) + (f" and {len(closed) - 3} more" if len(closed) > 3 else "")
            problems.append(
                f"a NetworkPolicy for {workload.id} would also isolate {named} for {way}, which nothing isolates "
                "now: give the pods a label of their own first"
            )
            continue
        peers = _peers(context.world, need)
        if not peers:
            problems.append(f"no NetworkPolicy peer names {need.peer.text or 'the other end'}: its subnet was not read")
            continue
        put = _put(context.world.snapshot, need, workload, peers, _ports(context.world, need))
        result[str(put.object["metadata"])] = put
    return list(result.values()), problems


def stable(labels: Labels) -> Labels:
    """The labels of a pod that stay with its template, sorted; all of them when none would be left."""
    kept = {key: labels[key] for key in sorted(labels) if key not in _VOLATILE}
    return kept or {key: labels[key] for key in sorted(labels)}


def _newly_isolated(world: World, subject: Workload, *, egress: bool) -> list[str]:
    """Other workloads that the policy would select and that no policy isolates in this direction today."""
    index = PolicyIndex(world.snapshot.objects(NETWORK_POLICIES), dialect_for(world.plane.policy_engine))
    return [
        other.id
        for other in selected(world.workloads, subject.namespace, stable(subject.labels))
        if other.id != subject.id
        and not other.spec.host_network
        and index.isolated(Peer(other.namespace, labels=other.labels), "egress" if egress else "ingress") is not True
    ]


def selected(workloads: Iterable[Workload], namespace: str, labels: Labels) -> list[Workload]:
    """The workloads of a namespace that carry all these labels."""
    wanted = labels.items()
    return [w for w in workloads if w.namespace == namespace and wanted <= w.labels.items()]


def _before_translation(world: World, need: PolicyNeed) -> Service | None:
    """The Service whose cluster address the egress hook sees, where the data plane judges before translation."""
    if need.via is None or not need.egress or not dialect_for(world.plane.policy_engine).cluster_ip_before_nat:
        return None
    return None if need.via.service.spec.cluster_ip in ("", "None") else need.via.service


def _peers(world: World, need: PolicyNeed) -> list[dict[str, Any]]:
    service = _before_translation(world, need)
    if service is not None and need.via is not None and need.via.port.port != need.low:
        # The hook sees the cluster address and the Service's own port; no selector leads there for certain.
        return [{"ipBlock": {"cidr": f"{service.spec.cluster_ip}/{128 if ':' in service.spec.cluster_ip else 32}"}}]
    if need.peer.host_network or need.peer.workload is None:
        return [{"ipBlock": {"cidr": cidr}} for cidr in need.cidrs]
    workload = need.peer.workload
    labels = stable(workload.labels) if service is None else dict(sorted(service.spec.selector.items()))
    return [
        {
            "namespaceSelector": {"matchLabels": {NAME_LABEL: workload.namespace}},
            "podSelector": {"matchLabels": labels} if labels else {},
        }
    ]


def _ports(world: World, need: PolicyNeed) -> list[dict[str, Any]]:
    low, high = need.low, need.high
    service = _before_translation(world, need)
    if service is not None and need.via is not None:
        low = high = need.via.port.port
    port: dict[str, Any] = {"protocol": need.protocol, "port": low}
    return [port if low == high else {**port, "endPort": high}]


def _put(
    snapshot: Snapshot, need: PolicyNeed, subject: Workload, peers: list[dict[str, Any]], ports: list[dict[str, Any]]
) -> Put:
    way, member, word = ("Egress", "to", "to") if need.egress else ("Ingress", "from", "from")
    labels = stable(subject.labels)
    other = need.peer.workload
    peer = other.name if other is not None else "nodes"
    if other is not None and other.namespace != subject.namespace:
        peer = f"{other.namespace}-{peer}"
    port = f"{need.low}" if need.low == need.high else f"{need.low}-{need.high}"
    name = policy_name(f"{PREFIX}-{subject.name}-{word}-{peer}-{need.protocol}-{port}")
    raw: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"labels": dict(_MANAGED), "name": name, "namespace": subject.namespace},
        "spec": {
            "podSelector": {"matchLabels": labels} if labels else {},
            "policyTypes": [way],
            way.lower(): [{member: peers, "ports": ports}],
        },
    }
    number = 2
    while (held := snapshot.raw(NETWORK_POLICIES, f"{subject.namespace}/{name}")) is not None and held != raw:
        # Somebody's policy has the name already; it is left alone.
        name = policy_name(f"{PREFIX}-{subject.name}-{word}-{peer}-{need.protocol}-{port}-{number}")
        raw["metadata"]["name"] = name
        number += 1
    return Put(NETWORK_POLICIES.name, raw)


def policy_name(text: str) -> str:
    """A DNS-1123 label of at most 63 characters; a long text is cut and ends in a digest of the whole."""
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9].rstrip('-')}-{digest}"
