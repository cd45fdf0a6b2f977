"""Workloads that want no pods: whatever the network admits, nobody answers for them.

What may raise them again (a HorizontalPodAutoscaler, KEDA, an operator) is not read; the refusal says what has to run.
Source: Kubernetes documentation, "Deployments" (Scaling a Deployment) and "Jobs" (Suspending a Job).
"""

from __future__ import annotations

from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.snapshot.fields import Ref
from clusterproof.world.model import Workload


def asleep_hop(workload: Workload) -> Hop:
    """The refusal of a workload that wants no pods: nobody answers, whatever the network admits."""
    job = workload.kind in ("Job", "CronJob")
    what = "suspended, or of parallelism 0" if job else "scaled to zero"
    text = f"{what}: nothing answers until {workload.id} runs"
    ref = workload.ref or Ref("workloads", workload.id)
    if not job:
        ref = Ref(ref.kind, ref.key, "spec.replicas", "0")
    return Hop(Layer.SERVICE, Outcome.BLOCKED, workload.id, text, (ref,))
