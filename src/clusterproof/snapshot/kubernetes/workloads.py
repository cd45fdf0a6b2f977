"""Controllers: what makes pods."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import LabelSelector, Metadata, Obj
from clusterproof.snapshot.kubernetes.pods import PodTemplate
from clusterproof.snapshot.kubernetes.storage import ClaimTemplate


class Ordinals(Obj, frozen=True):
    """Where a StatefulSet starts to count its pods."""

    start: int = 0


class ControllerSpec(Obj, frozen=True):
    """The part that Deployment, StatefulSet, DaemonSet, ReplicaSet and Job share."""

    template: PodTemplate = field(default_factory=PodTemplate)
    replicas: int | None = None
    parallelism: int | None = None
    suspend: bool = False
    selector: LabelSelector | None = None
    service_name: str = ""
    volume_claim_templates: tuple[ClaimTemplate, ...] = ()
    ordinals: Ordinals = Ordinals()


class Controller(Obj, frozen=True):
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job; ``kind`` says which."""

    metadata: Metadata
    kind: str = ""
    spec: ControllerSpec = field(default_factory=ControllerSpec)


class JobTemplate(Obj, frozen=True):
    spec: ControllerSpec = field(default_factory=ControllerSpec)


class CronJobSpec(Obj, frozen=True):
    job_template: JobTemplate = field(default_factory=JobTemplate)


class CronJob(Obj, frozen=True):
    metadata: Metadata
    kind: str = ""
    spec: CronJobSpec = field(default_factory=CronJobSpec)
