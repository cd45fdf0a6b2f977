"""The kinds of check that a requirement may have, as data. What decides each is a module of ``checks/``."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import field

from clusterproof.profiles.record import Record


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
        closed: true: the requirement is that nothing gets through, from any place; the addresses themselves are asked,
            whatever ``by`` says, and pairs on one node count.
    """

    from_: Subject = field(name="from")
    to: Subject = field(name="to")
    port: str = ""
    by: str = "name"
    closed: bool = False


class Isolated(Record, frozen=True):
    """Whether every pod of a workload is selected by a policy of one direction that something enforces.

    Such a pod sends (or gets) nothing but what a policy admits; what that is, ``reach`` asks.

    Attributes:
        workload: a workload of this profile, or ``kind/namespace/name`` in the cluster.
        direction: ``egress`` or ``ingress``.
    """

    workload: str
    direction: str = "egress"


class LetsOut(Record, frozen=True):
    """Whether NetworkPolicies let every pod of a workload ask services of AWS; the way beyond is asked by ``subnets``.

    Attributes:
        workload: a workload of this profile.
        services: names of services as in a VPC endpoint's (``sqs``, ``s3``): asked at the endpoints of the VPC where it
            has some with private DNS, else at public addresses.
        port: as for ``reach``.
    """

    workload: str
    services: tuple[str, ...]
    port: str = "443/TCP"


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


class Each(Record, frozen=True):
    """A condition that every object of a kind must meet, of those that are meant.

    Attributes:
        of: the kind, by its name in a snapshot.
        that: CEL over ``it`` (the raw object), the kinds of ``using`` as lists, ``cluster`` and the parameters; must be
            true for every object. An error or a missing field is unknown.
        where: CEL over the same that says which objects are meant; empty: all.
        on: a node set: of nodes, node groups, Auto Scaling groups and node pools only those of its groups are meant.
        using: further kinds, each bound as a list of raw objects under its own name (``-`` becomes ``_``).
        show: paths inside the object that are shown as evidence (``scalingConfig.minSize``).
        none: the verdict where no object is meant: ``fail``, ``pass``, ``not-applicable`` or ``unknown``.
        none_says: what there is none of, in a clause with ``${...}`` without ``it``; empty: the kind.
        says: what is wrong with one that does not meet it, in a clause; ``${...}`` holds CEL over the same.
        remark: what is to be noted of one that meets it, in a clause, ``${...}`` as in ``says``; empty: nothing.
    """

    of: str
    that: str
    where: str = ""
    on: str = ""
    using: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    none: str = "not-applicable"
    none_says: str = ""
    says: str = ""
    remark: str = ""


class Installed(Record, frozen=True):
    """Whether a component is there, whole and new enough.

    Its version is that of the Helm release, else of the label ``helm.sh/chart``, else of the EKS add-on, else the tag of
    its image; which one was used is evidence.

    Attributes:
        workload: the component's controllers, a workload of this profile.
        namespace: where it is expected; elsewhere is told, and changes nothing.
        at_least: the least version; empty: any. It is compared with what ``version`` says.
        version: which version is meant: ``chart``, ``app`` (of Helm, else of the image's tag) or ``addon``.
        chart: the Helm chart's name.
        addon: the EKS add-on's name; a built-in of EKS Auto Mode where ``built_in``.
        image: regular expression whose first group is the version in an image's name.
        ready: whether all its replicas must be available (a DaemonSet's pods on all its nodes) and an add-on active.
        definitions: CustomResourceDefinitions that belong to it, each of which must be established.
        instead: CEL over kinds as for ``using`` and the parameters: true where something else stands for it.
        using: kinds that ``instead`` reads.
        instead_says: what stands for it, in a clause.
        built_in: whether EKS Auto Mode brings it.
    """

    workload: str
    namespace: str = ""
    at_least: str = ""
    version: str = "chart"
    chart: str = ""
    addon: str = ""
    image: str = ""
    ready: bool = True
    definitions: tuple[str, ...] = ()
    instead: str = ""
    using: tuple[str, ...] = ()
    instead_says: str = ""
    built_in: bool = False


class Covers(Record, frozen=True):
    """Whether a DaemonSet runs on every node of a set, tomorrow's too, as the scheduler decides it.

    Attributes:
        workload: a workload of this profile: DaemonSets.
        on: the node set that it must cover; every node of it.
        once: true: it is asked instead that no node gets two of them; one that has none is the other question.
    """

    workload: str
    on: str
    once: bool = False


class Principal(Record, frozen=True):
    """Whose rights are asked about; exactly one member is set.

    Attributes:
        workload: a workload of this profile: the role that its pods get, whichever way they get it.
        service_account: ``namespace/name``; ``${...}`` holds CEL over the parameters.
        nodes: a node set: the roles of its nodes, those of its next nodes too.
        role: a role's ARN or name; ``${...}`` as above.
    """

    workload: str = ""
    service_account: str = ""
    nodes: str = ""
    role: str = ""


class Identity(Record, frozen=True):
    """Whether pods get a role of AWS, and in an orderly way.

    Attributes:
        who: whose; not ``nodes``.
        that: ``role`` (an association of EKS Pod Identity or an annotation of IRSA names one that exists), ``trust``
            (that role lets it be assumed so), ``one-way`` (not both ways at once), ``current-way`` (not IRSA where Pod
            Identity could be used) or ``injected`` (the pods that run have got what they need of it).
        by: which ways count: ``any``, ``pod-identity`` or ``irsa``.
    """

    who: Principal
    that: str = "role"
    by: str = "any"


class Access(Record, frozen=True):
    """Whether a principal may do something.

    Attributes:
        who: the principal; every role that it may have must be allowed.
        actions: what it must be allowed to do (``sqs:SendMessage``), each of them.
        resources: ARNs, each action on every one; ``*`` in them stands for all names that exist or may come, so that a
            grant must cover all of it. ``${...}`` holds CEL over the parameters and ``cluster``.
        given: condition keys that the request will have, with their values; others are as AWS sets them, else unknown. An
            expression may name kinds and give a list: where its values differ the key's is unknown, an empty list gives no key.
    """

    who: Principal
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    given: dict[str, str] = field(default_factory=dict)


class Scope(Record, frozen=True):
    """Whether what a principal may do in one service stays within some resources.

    Attributes:
        who: the principal.
        service: the service's prefix (``sqs``).
        within: ARN patterns; every resource that any statement grants must lie within one of them.
        except_actions: actions that AWS authorises on no resource, and which are judged by themselves.
    """

    who: Principal
    service: str
    within: tuple[str, ...]
    except_actions: tuple[str, ...] = ()


class Effective(Record, frozen=True):
    """Whether grants of some actions ever take effect, where a principal has them.

    Attributes:
        who: the principal.
        actions: the actions that are asked about.
    """

    who: Principal
    actions: tuple[str, ...]


class Subnets(Record, frozen=True):
    """What the subnets of the cluster or of its nodes must be.

    Attributes:
        of: ``cluster`` (those that EKS was given) or ``nodes`` (those in which nodes are made).
        on: a node set that limits ``nodes``.
        that: ``private`` (no route to an internet gateway), ``way-out`` (a default route through a working NAT gateway,
            or interface and gateway endpoints for all of ``services``), ``zones`` (in two or more), ``tags`` (those by
            which load balancers find them) or ``addresses`` (some are left).
        services: for ``way-out``: names of AWS services as in an endpoint's (``sqs``, ``ecr.api``).
    """

    of: str
    that: str
    on: str = ""
    services: tuple[str, ...] = ()


class PodSecurity(Record, frozen=True):
    """Whether pods would be admitted under a Pod Security Standard, and whether their namespaces enforce it.

    Attributes:
        workload: a workload of this profile: its pods.
        level: ``baseline`` or ``restricted``.
        that: ``enforced`` (the namespaces' labels) or ``admitted`` (the pods' own settings).
    """

    workload: str
    level: str = "restricted"
    that: str = "enforced"


class Mend(Record, frozen=True):
    """One way to mend, as data: the edit that stands for it and the commands that make it. ``${...}`` holds CEL.

    Attributes:
        text: what is changed, in a clause.
        set: fields of the object that does not meet an ``each``, by path, with what they become.
        put: objects that are made or replaced whole, as ``{kind: ..., object: ...}``; for what a command brings
            (a chart), the objects of it that the check reads.
        commands: what makes the change, by style: ``aws-cli``, ``kubectl``, ``helm``, ``terraform``.
        advice: what to know before.
    """

    text: str
    set: dict[str, Any] = field(default_factory=dict)
    put: tuple[dict[str, Any], ...] = ()
    commands: dict[str, str] = field(default_factory=dict)
    advice: str = ""


CHECKS: dict[str, type[msgspec.Struct]] = {
    "reach": Reach,
    "isolated": Isolated,
    "lets_out": LetsOut,
    "schedulable": Schedulable,
    "cel": Cel,
    "each": Each,
    "installed": Installed,
    "covers": Covers,
    "identity": Identity,
    "access": Access,
    "scope": Scope,
    "effective": Effective,
    "subnets": Subnets,
    "pod_security": PodSecurity,
}
"""Every kind of check by its key in a requirement."""
