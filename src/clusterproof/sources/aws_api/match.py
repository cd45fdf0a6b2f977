"""Whether the account, region and cluster that were read are those that the kubeconfig means."""

from __future__ import annotations

import re
from typing import Protocol

from clusterproof.errors import InputError
from clusterproof.sources.aws_api.records import AccountRead

_SERVER = re.compile(
    r"[0-9a-f]{16,64}\.[\w-]+\.(?P<region>[\w-]+)\.eks\.(amazonaws\.com(\.cn)?|api\.aws)", re.IGNORECASE
)


class KubeconfigSays(Protocol):
    """What a kubeconfig's context tells of the EKS cluster behind it; each is empty where it does not tell.

    :class:`clusterproof.sources.kubernetes_api.Identity` is one.
    """

    @property
    def context(self) -> str:
        """The context's name, for messages."""
        ...

    @property
    def server(self) -> str:
        """The API server's URL."""
        ...

    @property
    def cluster(self) -> str:
        """The EKS cluster's name."""
        ...

    @property
    def account(self) -> str:
        """The AWS account id."""
        ...

    @property
    def region(self) -> str:
        """The region."""
        ...


def check_match(read: AccountRead, says: KubeconfigSays) -> None:
    """Refuse when AWS was read for another cluster than the kubeconfig's.

    Raises:
        InputError: account, region, cluster or endpoint differ; the message names both and what to do.
    """
    whose = f"context {says.context}" if says.context else "the kubeconfig"
    if says.region and read.region and says.region != read.region:
        raise InputError(
            f"{whose} is of a cluster in {says.region}, AWS was asked in {read.region}; add --region {says.region}, "
            f"or name the other cluster's context with --context"
        )
    accounts = [identity.account for identity in read.identities if identity.account]
    account = read.account or (accounts[0] if len(set(accounts)) == 1 else "")
    if says.account and account and says.account != account and (read.account or says.account not in accounts):
        raise InputError(
            f"{whose} is of a cluster in account {says.account}, the AWS credentials are of account {account}; "
            f"name a profile of account {says.account} with --aws-profile"
        )
    if says.cluster and read.cluster and says.cluster != read.cluster:
        raise InputError(
            f"{whose} is of cluster {says.cluster}, AWS was read for cluster {read.cluster}; "
            f"leave out --cluster, or name the other cluster's context with --context"
        )
    server, endpoint = _host(says.server), _host(read.endpoint)
    if _SERVER.fullmatch(server) and endpoint and server != endpoint:
        raise InputError(
            f"{whose} leads to {server}, but the endpoint of EKS cluster {read.cluster} is {endpoint}; "
            f"name the cluster behind the kubeconfig with --cluster, or its account with --aws-profile"
        )


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition(":")[0].lower()
