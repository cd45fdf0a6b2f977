"""A profile's shape: requirements, node sets, workloads and parameters as data.

Built-in profiles and a user's own have the same shape (design rule 10). An
unknown key is an error. The published JSON Schema is made from these structs.
"""

from __future__ import annotations

import enum
from typing import Any

from msgspec import field

from clusterproof.profiles.checktypes import (
    Access,
    Cel,
    Covers,
    Each,
    Effective,
    Identity,
    Installed,
    Isolated,
    LetsOut,
    Mend,
    PodSecurity,
    Principal,
    Reach,
    Schedulable,
    Scope,
    Subject,
    Subnets,
)
from clusterproof.profiles.documented import (
    Became,
    Box,
    ChecklistSection,
    Document,
    Passage,
    Source,
    ValidationCommand,
)
from clusterproof.profiles.record import Record


class Level(enum.StrEnum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


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
        unreadable: the sentence that is shown when ``helm`` or ``find`` was looked for and could not be read.
        find: otherwise: CEL over the kinds of ``using`` that gives its text; an error or an empty text finds nothing.
        using: kinds that ``find`` reads.
    """

    title: str
    default: str
    values: tuple[str, ...] = ()
    helm: str = ""
    unreadable: str = ""
    find: str = ""
    using: tuple[str, ...] = ()


class Check(Record, frozen=True):
    """What decides a requirement; exactly one member is set.

    Attributes:
        reach: whether one end reaches another on a port.
        isolated: whether every pod of a workload is selected by a policy of one direction.
        lets_out: whether policies let every pod of a workload ask services of AWS.
        schedulable: whether a workload can be scheduled.
        cel: a CEL expression over raw objects.
        each: a condition that every object of a kind must meet.
        installed: whether a component is there, whole and new enough.
        covers: whether a DaemonSet runs on every node of a set.
        identity: whether pods get a role of AWS.
        access: whether a principal may do something.
        scope: whether what a principal may do stays within some resources.
        effective: whether grants ever take effect.
        subnets: what subnets must be.
        pod_security: whether pods keep a Pod Security Standard.
    """

    reach: Reach | None = None
    isolated: Isolated | None = None
    lets_out: LetsOut | None = None
    schedulable: Schedulable | None = None
    cel: Cel | None = None
    each: Each | None = None
    installed: Installed | None = None
    covers: Covers | None = None
    identity: Identity | None = None
    access: Access | None = None
    scope: Scope | None = None
    effective: Effective | None = None
    subnets: Subnets | None = None
    pod_security: PodSecurity | None = None


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
        mends: what mends it, where no search finds that; in order, all of them together.
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
    mends: tuple[Mend, ...] = ()


class Reads(Record, frozen=True):
    """What of an account is read for this profile beyond what its cluster names. ``${...}`` holds CEL over parameters.

    Attributes:
        queues: prefixes of the names of SQS queues.
        buckets: names of S3 buckets; buckets that a variable of a workload names are read besides.
        roles: names or ARNs of IAM roles; roles that the cluster, its nodes and its service accounts name are read besides.
    """

    queues: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


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
        checklist: the document's own checklist.
        commands: the document's own validation commands.
        reads: what of an account is read besides.
        no_guardrails: CEL over the parameters: true where the user declares that no service control policy, resource
            control policy or session policy limits anybody here.
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
    checklist: tuple[ChecklistSection, ...] = ()
    commands: tuple[ValidationCommand, ...] = ()
    reads: Reads = Reads()
    no_guardrails: str = ""


__all__ = [
    "Access",
    "Became",
    "Box",
    "Cel",
    "Check",
    "ChecklistSection",
    "Covers",
    "Document",
    "Each",
    "Effective",
    "Evidence",
    "FindWorkload",
    "Identity",
    "Installed",
    "Isolated",
    "LetsOut",
    "Level",
    "Mend",
    "NodeSet",
    "Parameter",
    "Passage",
    "PodSecurity",
    "Principal",
    "Profile",
    "Reach",
    "Reads",
    "Record",
    "Requirement",
    "Schedulable",
    "Scope",
    "Source",
    "Subject",
    "Subnets",
    "Template",
    "ValidationCommand",
    "WorkloadDefinition",
]
