"""Who reads a cluster and an account, and what it may not read, in lines for the user."""

from __future__ import annotations

import msgspec

from clusterproof.snapshot import kinds as registry
from clusterproof.sources.aws_api.records import Identity as AwsIdentity
from clusterproof.sources.kubernetes_api.options import Identity as ClusterIdentity


class Greeting(msgspec.Struct, frozen=True):
    """Who reads, and what it may not read: shown before anything is read.

    Attributes:
        cluster: who asks the cluster; None when it cannot be asked.
        cluster_problem: why not.
        region: the AWS region.
        accounts: who asks AWS, one for each profile.
        account_problem: why AWS is not read; empty when it is.
    """

    cluster: ClusterIdentity | None = None
    cluster_problem: str = ""
    region: str = ""
    accounts: tuple[AwsIdentity, ...] = ()
    account_problem: str = ""

    def lines(self) -> tuple[str, ...]:
        """For the user: one line for the cluster, one for each AWS identity, one for each kind that is refused."""
        found: list[str] = []
        who = self.cluster
        if who is not None:
            user = who.impersonated or who.user or "a user that the API server does not name"
            asked = f" asked for by {who.user}" if who.impersonated and who.user != who.impersonated else ""
            found.append(f"cluster: context {who.context}, {who.server}, as {user}{asked}")
            for name in sorted(name for name, yes in who.may.items() if not yes):
                kind = registry.BY_NAME[name]
                found.append(f"cluster: may not list {name} everywhere; grant {kind.permission}")
        else:
            found.append(f"cluster: not read: {self.cluster_problem}")
        for item in self.accounts:
            if not item.usable and item.problem is not None:
                found.append(f"AWS: not read: {of_aws(str(item.problem))}")
            else:
                whose = f"account {item.account}, " if item.account else ""
                profile = f" (profile {item.profile})" if item.profile and item.arn else ""
                silent = f"; whose they are is not known: {of_aws(item.problem.detail)}" if item.problem else ""
                found.append(f"AWS: {whose}{self.region}, as {item.text}{profile}{silent}")
        if self.account_problem:
            found.append(f"AWS: not read: {self.account_problem}")
        return tuple(found)


def of_aws(problem: str) -> str:
    """A problem of a whole profile, to be said after ``AWS:``."""
    return problem.removeprefix("AWS could not be read: ")
