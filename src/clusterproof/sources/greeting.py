"""Who reads a cluster and an account, what it may not read and what could not be read, in lines for the user."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from clusterproof.snapshot import kinds as registry
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.aws_api.records import Identity as AwsIdentity
from clusterproof.sources.kubernetes_api.options import Identity as ClusterIdentity

_NAMED = 3
"""How many kinds are named in one line."""


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
        """For the user: one line for the cluster, one for each AWS identity, one for all kinds that are refused."""
        found: list[str] = []
        who = self.cluster
        if who is not None:
            nobody = f"a user that is not known ({who.unnamed})" if who.unnamed else "a user that has no name"
            user = who.impersonated or who.user or nobody
            asked = f" asked for by {who.user}" if who.impersonated and who.user != who.impersonated else ""
            found.append(f"cluster: context {who.context}, {who.server}, as {user}{asked}")
            found += _refused(self.refused)
        elif self.cluster_problem:
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

    @property
    def refused(self) -> tuple[str, ...]:
        """The names of the kinds that may not be listed everywhere, in the registry's order."""
        may = self.cluster.may if self.cluster is not None else {}
        return tuple(name for name in registry.BY_NAME if not may.get(name, True))

    @property
    def unread(self) -> frozenset[str]:
        """The sides (``kubernetes``, ``aws``) of which these lines say that they are not read at all."""
        sides = {"kubernetes"} if self.cluster_problem else set()
        if self.account_problem or (self.accounts and not any(item.usable for item in self.accounts)):
            sides.add("aws")
        return frozenset(sides)


def _refused(names: tuple[str, ...]) -> list[str]:
    """One line, however many kinds may not be listed."""
    if not names:
        return []
    if len(names) == 1:
        return [f"cluster: may not list {names[0]} everywhere; grant {registry.BY_NAME[names[0]].permission}"]
    shown = _few(names, every=False)
    return [f"cluster: may not list {len(names)} kinds everywhere: {shown}; see clusterproof permissions"]


def unread(snapshot: Snapshot, told: Collection[Greeting], *, every: bool = False) -> tuple[str, ...]:
    """What could not be read after all and was not told before: one line for the user, or none.

    Args:
        snapshot: what was read.
        told: the greetings of this reading.
        every: name all of the kinds, and not only the first.
    """
    sides = {side for greeting in told for side in greeting.unread}
    refused = {name for greeting in told for name in greeting.refused}
    by_cause: dict[str, list[str]] = {}
    whole = True
    for name in registry.BY_NAME:
        if name not in snapshot.tables:
            continue
        table = snapshot.tables[name]
        missing = snapshot.missing(table.kind)
        if missing is not None and table.kind.origin not in sides and name not in refused:
            by_cause.setdefault(_clause(missing), []).append(name)
            whole = whole and not len(table)
    count = sum(len(names) for names in by_cause.values())
    if not count:
        return ()
    shown: list[str] = []
    left = count if every else _NAMED
    for clause, names in by_cause.items():
        if left > 0:
            shown.append(f"{_few(names[:left], every=True)} ({clause})")
            left -= len(names)
    rest = 0 if every else max(0, count - _NAMED)
    more = f" and {rest} more" if rest else ""
    how = "could not be read" if whole else "could not be read, or not to the end"
    return (f"{count} kind{'' if count == 1 else 's'} {how}: {', '.join(shown)}{more}",)


def _few(names: Collection[str], *, every: bool) -> str:
    shown = list(names) if every else list(names)[:_NAMED]
    if len(names) > len(shown):
        return f"{', '.join(shown)} and {len(names) - len(shown)} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _clause(missing: Unknown) -> str:
    """Why, as short as it can be: without the kind, which stands before it, and without explanations."""
    lead, _, clause = missing.detail.partition(": ")
    return (clause or lead).partition(": ")[0].removeprefix("the API server answered ")


def of_aws(problem: str) -> str:
    """A problem of a whole profile, to be said after ``AWS:``."""
    return problem.removeprefix("AWS could not be read: ")
