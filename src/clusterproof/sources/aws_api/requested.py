"""What is read only where a profile asks: identities and policies, OIDC providers, the organization, queues, buckets, keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources import pieces
from clusterproof.sources.aws_api import keys, roles, stores
from clusterproof.sources.aws_api.calls import Request, call_for, one
from clusterproof.sources.aws_api.making import Making, Question, Task, Told, make
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.records import Needs
from clusterproof.sources.aws_api.workers import Call

Run = Callable[[list[Call]], None]

OURS: tuple[Kind[Any], ...] = (
    *(kinds.ROLES, kinds.POLICIES, kinds.INSTANCE_PROFILES, kinds.OIDC_PROVIDERS, kinds.ORGANIZATIONS),
    *(kinds.QUEUES, kinds.QUEUE_URLS, kinds.BUCKETS, kinds.KEYS),
)
"""The kinds that are read here."""
_NOT_IN_ONE = frozenset({"AWSOrganizationsNotInUseException"})
_PROVIDER = re.compile(r"arn:[^:]+:iam::\d*:oidc-provider/(?P<url>.+)")


def read_requested(
    accounts: list[Account], cluster: str, wanted: Collection[Kind[Any]], needed: Needs, run: Run
) -> None:
    """Reads those of :data:`OURS` that are wanted, after what names them.

    Args:
        accounts: the cluster's own first.
        cluster: the EKS cluster's name; may be empty.
        wanted: the kinds to read.
        needed: what the cluster is known to use and the profile to name; asked for only where it is needed.
        run: makes calls and returns when all have ended.
    """
    if not any(kind in wanted for kind in OURS):
        return
    home = accounts[0]
    named = needed.named(cluster, home.identity.account, home.source.region)
    roles.read(accounts, wanted, named, run)
    _providers(home, wanted, run)
    _organization(home, wanted, run)
    stores.read_queues(home, wanted, named, run)
    stores.read_buckets(home, wanted, named, run)
    keys.read(accounts, wanted, run)


def _organization(home: Account, wanted: Collection[Kind[Any]], run: Run) -> None:
    """The organization; an account that is in none has none, and that is all that is to be known."""
    kind = kinds.ORGANIZATIONS
    if kind not in wanted:
        return
    asked = Request(kind, {}, one, about="the account's organization", absent=_NOT_IN_ONE)
    call = call_for(asked, home.source, home.page_size)
    run([call])
    home.results.setdefault(kind.name, []).append(home.result(asked, call))


def _providers(home: Account, wanted: Collection[Kind[Any]], run: Run) -> None:
    """Every OIDC provider of the account; one that cannot be described is known by its ARN, which ends in its URL."""
    kind = kinds.OIDC_PROVIDERS
    if kind not in wanted:
        return
    home.results.setdefault(kind.name, [])
    listing = Request(
        *(kind, {}, iter, "ListOpenIDConnectProviders", "OpenIDConnectProviderList"),
        about="the names of the OIDC providers",
    )
    call = call_for(listing, home.source, home.page_size)
    run([call])
    listed = home.result(listing, call)
    if listed.missing is not None:
        what = f"{kind.name} could not be read: which there are is not known, {listed.missing.detail}"
        home.limits[kind.name] = Unknown(listed.missing.cause, what, listed.missing.remedy)
    arns = sorted({str(item.get("Arn", "")) for item in listed.values()})
    found = [(arn, match["url"]) for arn in arns if (match := _PROVIDER.fullmatch(arn))]
    make([Task(kind, f"OIDC provider {url}", home, _provider(arn, url)) for arn, url in found], run)


def _provider(arn: str, url: str) -> Callable[[Making], None]:
    def work(making: Making) -> None:
        making.raw.update({"Url": url, "Arn": arn})
        which = {"OpenIDConnectProviderArn": arn}
        told = making.ask(Question("iam", "GetOpenIDConnectProvider", which, f"OIDC provider {url}", gone=roles.GONE))
        if isinstance(told.value, dict):
            making.raw.update({name: item for name, item in told.value.items() if name != "Url"})
        for member in pieces.of(kinds.OIDC_PROVIDERS)[0].members if told.missing is not None else ():
            making.put(member, Told(missing=told.missing))

    return work
