"""A profile's shape: requirements, node sets, workloads and parameters as data.

Built-in profiles and a user's own have the same shape (design rule 10). An
unknown key is an error. The published JSON Schema is made from these structs.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec
from msgspec import field


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base: immutable, unknown keys refused."""


class Level(enum.StrEnum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Document(Record, frozen=True):
    """The source document that a profile turns into requirements.

    Attributes:
        title: as its author calls it.
        url: where it can be read; empty when nowhere public.
        version: its version or date; empty when it has none.
    """

    title: str
    url: str = ""
    version: str = ""


class Source(Record, frozen=True):
    """Where a requirement stands.

    Attributes:
        document: as its author calls it.
        section: as its author calls it; empty for the document as a whole.
    """

    document: str
    section: str = ""

    @property
    def text(self) -> str:
        """``document, section``; a section that is called as the document is said once."""
        return ", ".join(dict.fromkeys(part for part in (self.document, self.section) if part))


class Evidence(Record, frozen=True):
    """One way to recognise node groups; exactly one member is set. A set holds every group that any way finds.

    Attributes:
        allocatable: groups whose nodes offer this resource, e.g. ``nvidia.com/gpu``.
        instance_type: regular expression that one of the group's instance types matches whole.
        label: ``key`` or ``key=value`` that the group's nodes carry.
        runs: names of workloads (of this profile); groups where any of them has a pod today.
        hosts: names of workloads; groups where any of them may be scheduled.
        every: true takes every node group.
        group: the node group's own name (what ``--nodes set=group`` writes).
    """

    allocatable: str = ""
    instance_type: str = ""
    label: str = ""
    runs: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    every: bool = False
    group: tuple[str, ...] = ()


class NodeSet(Record, frozen=True):
    """A named set of node groups, found by evidence, shown, and overridable.

    Attributes:
        title: what the set is, in a clause.
        find: ways to recognise it, in order.
    """

    title: str
    find: tuple[Evidence, ...]


class FindWorkload(Record, frozen=True):
    """One way to recognise a workload; all members that are set must hold. The first item that finds any counts.

    Attributes:
        kind: Deployment, StatefulSet, …; empty for any.
        namespace: regular expression matched whole; empty for any.
        name: regular expression matched whole; empty for any.
        labels: all must be on the pod template; the value ``*`` means any.
        image: regular expression searched in any container's image.
        service_labels: found through a Service that carries these labels and selects it.
        service_port: with ``service_labels``: the Service must publish this port.
        resource: a container requests this resource.
    """

    kind: str = ""
    namespace: str = ""
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    image: str = ""
    service_labels: dict[str, str] = field(default_factory=dict)
    service_port: int = 0
    resource: str = ""


class Template(Record, frozen=True):
    """A pod template for a workload that is not installed (or never stays, like a validator's Job).

    Attributes:
        kind: the controller it would have, e.g. Job.
        namespace: where it would run.
        name: the controller's name; empty for the workload's name in this profile.
        spec: the pod's spec, as Kubernetes writes it.
        metadata: the pod's metadata (labels, annotations), as Kubernetes writes it.
        image_bytes: size of its image on a node, in bytes, for the odds after caching; 0 when not known.
        note: where the template comes from.
    """

    kind: str
    namespace: str
    spec: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    image_bytes: int = 0
    note: str = ""


class WorkloadDefinition(Record, frozen=True):
    """A named workload: how to find it, and what it would be when it is not there.

    Attributes:
        title: what the workload is, in a clause.
        find: ways to recognise it in the cluster, in order; none: the template stands for it always.
        template: used when nothing was found.
        templates: alternatives by the value of the parameter named ``choose``.
        choose: the parameter that picks from ``templates``.
    """

    title: str
    find: tuple[FindWorkload, ...] = ()
    template: Template | None = None
    templates: dict[str, Template] = field(default_factory=dict)
    choose: str = ""


class Parameter(Record, frozen=True):
    """A value that a user may set with ``--set name=value``.

    Attributes:
        title: what the value is, in a clause.
        default: the value when nothing sets or finds it.
        values: the allowed values; empty for free text.
        helm: find it as the chart version of this installed Helm chart.
        unreadable: the sentence that is shown when ``helm`` was looked for and could not be read.
    """

    title: str
    default: str
    values: tuple[str, ...] = ()
    helm: str = ""
    unreadable: str = ""


class Subject(Record, frozen=True):
    """One end of a flow: a pod (``workload``), the host network (``hosts``), or what is neither.

    Attributes:
        workload: a workload of this profile, or ``kind/namespace/name`` in the cluster.
        on: a node set that limits where it is looked at.
        hosts: a node set whose nodes' host network is meant.
        control_plane: true: the API servers of the cluster; only as ``from``.
        services_of: kinds of objects for which the API servers call Services (``validatingwebhookconfigurations``,
            ``mutatingwebhookconfigurations``, ``apiservices``): all these Services, each at the port that the object
            names; only as ``to`` of the control plane, without ``port``.
        load_balancer: ``namespace/name`` of a Service of type LoadBalancer: what its balancer sends to its targets,
            health checks too; only as ``from``.
        address: an IPv4 or IPv6 CIDR block; beside ``load_balancer``: the balancer's clients.
    """

    workload: str = ""
    on: str = ""
    hosts: str = ""
    control_plane: bool = False
    services_of: tuple[str, ...] = ()
    load_balancer: str = ""
    address: str = ""


class Reach(Record, frozen=True):
    """Whether one end reaches another on a port.

    Attributes:
        from: the client's end.
        to: the server's end.
        port: ``2379/TCP``, ``53/UDP``, ``9899/SCTP`` or a range ``1024-65535/TCP``; left out with ``services_of``.
        by: ``name`` (DNS, then the Service: where none leads to the port, the requirement fails), ``address`` (the
            pods themselves), ``node-port`` (any node, at the node port of a Service that publishes the port) or
            ``load-balancer`` (the address of such a Service's load balancer, dialled in the cluster).
    """

    from_: Subject = field(name="from")
    to: Subject = field(name="to")
    port: str = ""
    by: str = "name"


class Schedulable(Record, frozen=True):
    """Whether a workload can be scheduled at all, and where.

    Attributes:
        workload: a workload of this profile, or ``kind/namespace/name`` in the cluster.
        on: a node set that limits where it is looked at.
    """

    workload: str
    on: str = ""


class Cel(Record, frozen=True):
    """An object check: a CEL expression over the raw objects of the kinds named.

    Attributes:
        kinds: the kinds that are bound, each as a list under its own name (``-`` becomes ``_``).
        that: must be true for the requirement to pass; an error or missing field is unknown.
    """

    kinds: tuple[str, ...]
    that: str


class Check(Record, frozen=True):
    """What decides a requirement; exactly one member is set.

    Attributes:
        reach: whether one end reaches another on a port.
        schedulable: whether a workload can be scheduled.
        cel: a CEL expression over raw objects.
    """

    reach: Reach | None = None
    schedulable: Schedulable | None = None
    cel: Cel | None = None


class Requirement(Record, frozen=True):
    """One requirement with its manual.

    Attributes:
        id: slug, unique in the profile; never changes meaning.
        title: one clause: what must be so.
        what: what it decides, in a sentence or two.
        why: what happens to the user when it does not hold.
        how: how the decision is made and over which cells.
        unknown_when: what makes the answer unknown.
        remedy: what to do in words (the proven fix is computed).
        level: how binding it is: MUST, SHOULD or MAY.
        category: the platform's own word beside the level (critical, cost, advice); changes nothing.
        source: where it stands in the document.
        check: what decides it.
        applies: CEL over the parameters; empty always applies.
        symptoms: texts in logs that point here.
        references: URLs or citations.
        absent: the verdict when a workload or set is not found: ``unknown`` or ``not-applicable``.
        notes: texts that stand on the finding and change no verdict.
    """

    id: str
    title: str
    level: Level
    source: Source
    check: Check
    what: str
    why: str
    how: str
    unknown_when: str
    remedy: str
    category: str = ""
    applies: str = ""
    symptoms: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    absent: str = "unknown"
    notes: tuple[str, ...] = ()


class Became(enum.StrEnum):
    """What a passage of the source document became in the profile."""

    REQUIREMENT = "requirement"
    SYMPTOM = "symptom"
    REMEDY = "remedy"
    NOTE = "note"
    WORKLOAD = "workload"
    NODE_SET = "node set"
    PARAMETER = "parameter"
    EXPLANATION = "explanation"


class Passage(Record, frozen=True):
    """Where one passage of the source document went, so that nothing of it is lost unseen.

    Attributes:
        says: a few words of the passage, as the document has them.
        became: what it became in this profile.
        at: ids of requirements or names of workloads, node sets or parameters that hold it; none for the profile itself.
    """

    says: str
    became: Became
    at: tuple[str, ...] = ()


class Profile(Record, frozen=True):
    """A platform's requirements as data.

    Attributes:
        name: slug; what ``--profile`` takes, and the first half of every finding's id.
        title: the platform and what is asked of the cluster, in a clause.
        document: where the requirements come from.
        requirements: in the order in which reports show them.
        description: what the profile is for, in a few sentences.
        applies: CEL over the parameters that must hold for any requirement to apply; empty always holds.
        parameters: values that conditions and templates depend on, by dotted name.
        node_sets: named sets of node groups.
        workloads: named workloads.
        passages: where each passage of the document went.
    """

    name: str
    title: str
    document: Document
    requirements: tuple[Requirement, ...]
    description: str = ""
    applies: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    node_sets: dict[str, NodeSet] = field(default_factory=dict)
    workloads: dict[str, WorkloadDefinition] = field(default_factory=dict)
    passages: tuple[Passage, ...] = ()
