"""What a cluster's objects name of the account: IAM roles, instance profiles, nodes' instances, names that buckets may have.

Roles stand in annotations of ServiceAccounts (IRSA; EKS User Guide, "Assign IAM roles to Kubernetes service accounts"), in
variables of workloads and in objects of KEDA and Asya, all as ARNs; roles and instance profiles also in node classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.aws_api.records import Named
from clusterproof.sources.gather import Gathered

_WORKLOADS: tuple[Kind[Any], ...] = (
    *(kinds.DEPLOYMENTS, kinds.STATEFUL_SETS, kinds.DAEMON_SETS, kinds.JOBS, kinds.CRON_JOBS, kinds.PODS),
    kinds.ASYNC_ACTORS,
)
"""Kinds whose variables may name a bucket."""
_NAMING: tuple[Kind[Any], ...] = (
    *(kinds.SERVICE_ACCOUNTS, *_WORKLOADS),
    *(kinds.TRIGGER_AUTHENTICATIONS, kinds.CLUSTER_TRIGGER_AUTHENTICATIONS),
)
"""Kinds whose objects may name a role."""
_ROLE = re.compile(rb"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}")
"""A role's ARN: path and name together (IAM User Guide, "IAM and AWS STS quotas")."""
_VALUE = re.compile(rb'"value"\s*:\s*"(?:s3://)?([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])["/]')
"""A value that may be a bucket's name (S3 User Guide, "General purpose bucket naming rules"), or its URL."""
_INSTANCE = re.compile(r"aws:///[^/]*/(?P<id>i-[0-9a-f]+)")
"""A node's provider id, as the AWS cloud provider writes it."""


def instance_ids(nodes: Iterable[Any]) -> frozenset[str]:
    """The EC2 instances that nodes are; nodes of other makers and of Fargate are none."""
    found = (_INSTANCE.fullmatch(node.spec.provider_id) for node in nodes)
    return frozenset(match["id"] for match in found if match)


def names(tables: Mapping[str, Gathered]) -> Named:
    """What the objects that were read name; pods only where no controller has made them.

    Args:
        tables: the cluster's objects by kind's name; kinds that were not read are missing.
    """
    roles: dict[str, None] = {}
    for line in _lines(tables, _NAMING):
        if b":role/" in line:
            roles.update(dict.fromkeys(text.decode() for text in _ROLE.findall(line)))
    profiles: dict[str, None] = {}
    for kind in (kinds.EC2_NODE_CLASSES, kinds.NODE_CLASSES):
        for node_class in tables[kind.name].typed.values() if kind.name in tables else ():
            roles[node_class.spec.role] = None
            profiles[node_class.spec.instance_profile] = None
    values = {text.decode() for line in _lines(tables, _WORKLOADS) for text in _VALUE.findall(line)}
    nodes = tables.get(kinds.NODES.name)
    return Named(
        roles=tuple(sorted(roles.keys() - {""})),
        profiles=tuple(sorted(profiles.keys() - {""})),
        instances=instance_ids(nodes.typed.values()) if nodes is not None and nodes.typed else None,
        values=frozenset(values),
    )


def _lines(tables: Mapping[str, Gathered], chosen: Iterable[Kind[Any]]) -> Iterator[bytes]:
    for kind in chosen:
        if kind.name not in tables:
            continue
        for line in tables[kind.name].lines.values():
            if kind is not kinds.PODS or b'"ownerReferences"' not in line:
                yield line
