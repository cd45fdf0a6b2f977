"""What a caller chooses and what it gets: plain records, cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.answers import Answer

READ: tuple[Kind[Any], ...] = tuple(
    kind
    for kind in kinds.ALL
    if kind.origin == "kubernetes"
    and kind not in (kinds.ENDPOINTS, kinds.CONFIG_MAPS, *kinds.CALLERS, *kinds.REQUESTED)
)
"""What is read unless kinds are named.

Endpoints say nothing that EndpointSlices do not (and are deprecated); ConfigMaps are read only where a rule asks, and what
makes the API server call Services, and the kinds that only some profile's requirements name, only where a profile does, or
no profile limits what is read.
"""


class ClusterOptions(msgspec.Struct, frozen=True):
    """Which cluster, as whom, and how patiently.

    Attributes:
        kubeconfig: the one file to read; empty: ``KUBECONFIG``, else ``~/.kube/config``, else in-cluster.
        context: the context to use; empty: the current one.
        as_user, as_groups: impersonation (``--as``, ``--as-group``).
        namespaces: where to look when a kind may not be listed everywhere and Namespaces may not be listed either;
            the context's own namespace is always tried.
        workers: how many lists are read at once.
        page: objects per page (``limit``).
        deadline: seconds for one kind, all pages, namespaces and retries together.
        connect_timeout, call_timeout: seconds for a connection, and for one silence of the server.
        exec_timeout: seconds for a credential plugin.
        attempts: how often one request is made at most.
        retries: how many requests may be repeated during one reading, all kinds together.
        backoff: seconds before the first repetition; doubled for each further one.
    """

    kubeconfig: str = ""
    context: str = ""
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    workers: int = 6
    page: int = 500
    deadline: float = 120.0
    connect_timeout: float = 10.0
    call_timeout: float = 30.0
    exec_timeout: float = 60.0
    attempts: int = 5
    retries: int = 60
    backoff: float = 0.25


class Identity(msgspec.Struct, frozen=True):
    """Who reads which cluster, as the kubeconfig and the API server say it.

    Attributes:
        user, groups: who the API server takes the caller for; empty when it does not say.
        unnamed: why it does not say, as one clause; empty when it does.
        context: the context's name; ``in-cluster`` inside a pod.
        server: the API server's URL.
        namespace: the context's namespace.
        impersonated: the ``--as`` user; empty when there is none.
        version: ``gitVersion`` of ``/version``; empty when not read.
        cluster, region, account: of the EKS cluster, guessed from the context's cluster ARN, the arguments of
            ``aws eks get-token``, eksctl's names and the server's host; empty when nothing tells.
        aws_profile, role_arn: what the credential plugin is told to use; empty when nothing.
        may: per kind whether it may be listed everywhere (SelfSubjectAccessReview); kinds that the server did not
            answer for are missing.
    """

    user: str = ""
    groups: tuple[str, ...] = ()
    context: str = ""
    server: str = ""
    namespace: str = "default"
    impersonated: str = ""
    version: str = ""
    cluster: str = ""
    region: str = ""
    account: str = ""
    aws_profile: str = ""
    role_arn: str = ""
    unnamed: str = ""
    may: Mapping[str, bool] = {}


class ClusterRead(msgspec.Struct, frozen=True):
    """What the Kubernetes API gave.

    Attributes:
        answers: one per kind, in the order of the registry.
        identity: who read what.
        notes: what a reader of the snapshot should know besides, one plain sentence each.
    """

    answers: tuple[Answer, ...]
    identity: Identity
    notes: tuple[str, ...] = ()
