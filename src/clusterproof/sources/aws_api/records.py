"""What is asked of the AWS APIs, and what reading them gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from clusterproof.snapshot.fields import Unknown
from clusterproof.sources.answers import Answer


class AccountOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to read.

    Attributes:
        profiles: names of AWS profiles, in the order in which they count; empty for the default credentials.
        region: the region; empty to take AWS_REGION, AWS_DEFAULT_REGION, the profile's, or ``kubeconfig_region``.
        endpoint_url: stands for every service's endpoint; empty for AWS's own (or AWS_ENDPOINT_URL…).
        cluster: the EKS cluster's name; empty where the account has only one in the region.
        account: the account that the kubeconfig names, to choose among profiles; empty when it names none.
        kubeconfig_region: the region that the kubeconfig names; empty when it names none.
        workers: how many calls run at once.
        attempts: how often one request is tried at most, the first time included.
        deadline: seconds after which one call (with all its pages) is given up.
        page_size: objects per page; 0 for what suits each call.
    """

    profiles: tuple[str, ...] = ()
    region: str = ""
    endpoint_url: str = ""
    cluster: str = ""
    account: str = ""
    kubeconfig_region: str = ""
    workers: int = 8
    attempts: int = 6
    deadline: float = 60.0
    page_size: int = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile reads of an account beside what the cluster names.

    Attributes:
        queues: prefixes of the names of SQS queues; none: all queues.
        buckets: names of S3 buckets.
        roles: names or ARNs of IAM roles.
        unsettled: by kind's name: why it is not known which are meant.
    """

    queues: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    unsettled: Mapping[str, Unknown] = {}


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Identities and stores that the cluster's objects and the profile name.

    Attributes:
        asked: what the profile names.
        roles: names or ARNs of IAM roles that the cluster's objects name, in order.
        profiles: names or ARNs of instance profiles that the cluster's objects name, in order.
        instances: EC2 instance ids of the cluster's nodes, whose profiles are meant; None: of all instances read.
        values: values of variables of workloads; a bucket that is called as one of them is meant too.
    """

    asked: Asked = Asked()
    roles: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    instances: frozenset[str] | None = None
    values: frozenset[str] = frozenset()


class Needs(Protocol):
    """What :class:`Needed` tells; a reader of the cluster that goes on at the same time may tell it later.

    Each member is asked for only when it is needed: ``every_instance_type`` and ``instance_types`` last.
    """

    @property
    def instances(self) -> tuple[str, ...] | None:
        """See :class:`Needed`."""
        ...

    @property
    def instance_types(self) -> tuple[str, ...]:
        """See :class:`Needed`."""
        ...

    @property
    def every_instance_type(self) -> bool:
        """See :class:`Needed`."""
        ...

    def named(self, cluster: str, account: str, region: str, /) -> Named:
        """Identities and stores that are meant; of which cluster, account and region, as far as it is known."""
        ...


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """What the cluster is known to use already, from its Kubernetes API.

    Attributes:
        instances: EC2 instance ids of its nodes; None when the nodes were not read.
        instance_types: types whose description is needed beside those that node groups name.
        every_instance_type: read all types of the region (a Karpenter node pool may choose any).
        names: identities and stores that are meant.
    """

    instances: tuple[str, ...] | None = None
    instance_types: tuple[str, ...] = ()
    every_instance_type: bool = False
    names: Named = Named()

    def named(self, *_: str) -> Named:
        """See :class:`Needs`."""
        return self.names


class Identity(msgspec.Struct, frozen=True):
    """Who reads.

    Attributes:
        profile: the profile's name; empty for the default credentials.
        account: the account id; empty when it is not known.
        arn: the principal; empty when it is not known.
        problem: why the credentials cannot be used, or why it is not known whose they are; None when all is well.
        usable: whether calls can be made with these credentials at all.
    """

    profile: str
    account: str = ""
    arn: str = ""
    problem: Unknown | None = None
    usable: bool = True

    @property
    def text(self) -> str:
        """For a sentence: the principal, else the profile, else the default credentials."""
        return self.arn or (f"profile {self.profile}" if self.profile else "the default credentials")


class AccountRead(msgspec.Struct, frozen=True):
    """Everything that the accounts gave.

    Attributes:
        answers: one per kind that was asked for, the accounts' objects merged.
        identities: who read, in the order of the profiles.
        region: the region that was read.
        cluster: the EKS cluster's name; empty when it is not known.
        endpoint: the cluster's API endpoint as EKS gives it; empty when it was not read.
        account: the account that the cluster is in; empty when it is not known.
        notes: what was left aside and why, one plain sentence each.
    """

    answers: tuple[Answer, ...]
    identities: tuple[Identity, ...]
    region: str
    cluster: str
    endpoint: str = ""
    account: str = ""
    notes: tuple[str, ...] = ()

    @property
    def nothing_read(self) -> bool:
        """Whether no kind could be read, not even in part."""
        return all(
            not answer.items and all(item.missing is not None for item in answer.coverage) for answer in self.answers
        )
