"""Reading one cluster's AWS side: who am I, which cluster, which networks, and then everything in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from clusterproof.errors import InputError, UsageError
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import ALL, CLUSTERS, Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage
from clusterproof.sources.answers import Answer
from clusterproof.sources.aws_api import requests, workers
from clusterproof.sources.aws_api.calls import Request, Result, call_for, too_late
from clusterproof.sources.aws_api.failures import code_of, credentials_failed, explain
from clusterproof.sources.aws_api.merge import merged, unread
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.records import AccountOptions, AccountRead, Identity, Needed, Needs
from clusterproof.sources.aws_api.requested import read_requested
from clusterproof.sources.aws_api.session import Source, check_options
from clusterproof.sources.aws_api.steps import read_networks, read_own
from clusterproof.sources.aws_api.workers import Call

Observer = Callable[[str], None]
AnyKind = Kind[Any]


def read_account(
    options: AccountOptions,
    *,
    needed: Needs | None = None,
    kinds: Collection[AnyKind] | None = None,
    observer: Observer | None = None,
    greet: Callable[[str, tuple[Identity, ...]], None] | None = None,
    environ: Mapping[str, str] | None = None,
    given_up: Callable[[], bool] = lambda: False,
) -> AccountRead:
    """Everything of AWS that a check reads, from the account of an EKS cluster and from others that share its network.

    Nothing is written. What cannot be read is an Unknown in its kind's coverage; the call does not fail for it.

    Args:
        options: where and how to read.
        needed: what the cluster is known to use already.
        kinds: the kinds to read; None for all that AWS gives. Only their calls are made.
        observer: is told progress, on this thread.
        greet: is given the region and who reads, before anything is read.
        environ: the environment in which regions are looked up; None for the process's.
        given_up: asked while waiting; once it says yes, all calls are given up.

    Raises:
        Expired: it was given up.
        UsageError: a profile or region does not exist, or several clusters are there and none was named.
        InputError: the cluster that was named is not in the account and region.
    """
    check_options(options)
    wanted = tuple(kind for kind in ALL if kind.origin == "aws" and (kinds is None or kind in kinds))
    first = Source(options.profiles[0] if options.profiles else "", options, environ)
    fixed = msgspec.structs.replace(options, region=first.region)
    sources = [first, *(Source(name, fixed, environ) for name in options.profiles[1:])]

    def run(calls: list[Call]) -> None:
        workers.run(calls, workers=options.workers, deadline=options.deadline, observer=observer, given_up=given_up)

    accounts = _identified(sources, options, run)
    if greet is not None:
        greet(first.region, tuple(account.identity for account in accounts))
    usable = [account for account in accounts if account.identity.usable]
    if observer is not None:
        for account in accounts:
            observer(f"AWS {first.region}: {account.identity.text}")
    if not usable:
        problem = accounts[0].identity.problem or Unknown(Cause.ERROR, "AWS could not be read")
        answers = tuple(Answer(kind, (), (Coverage(EVERYWHERE, unread(kind, problem)),)) for kind in wanted)
        return AccountRead(answers, tuple(a.identity for a in accounts), first.region, options.cluster)
    home, name = usable[0], options.cluster
    if CLUSTERS in wanted:
        home, name = _find_cluster(usable, options, run)
    elif options.account:
        home = next((account for account in usable if account.identity.account == options.account), home)
    ordered = [home, *(account for account in usable if account is not home)]
    read_own(home, name, wanted, needed or Needed(), run)
    notes = read_networks(ordered, name, wanted, needed or Needed(), run)
    read_requested(ordered, name, wanted, needed or Needed(), run)
    for account in accounts:
        if not account.identity.usable and account.identity.problem is not None:
            notes.append(str(account.identity.problem))
    endpoint = next((found.endpoint for found in home.typed(CLUSTERS)), "")
    return AccountRead(
        answers=tuple(merged(kind, ordered, accounts) for kind in wanted),
        identities=tuple(account.identity for account in accounts),
        region=first.region,
        cluster=name,
        endpoint=endpoint,
        account=home.identity.account if home.results.get(CLUSTERS.name) else "",
        notes=tuple(notes),
    )


def _identified(sources: Iterable[Source], options: AccountOptions, run: Callable[[list[Call]], None]) -> list[Account]:
    """Whose credentials each profile holds; AWS lets everybody ask that."""
    found: dict[str, Identity] = {}

    def asking(source: Source) -> Call:
        def ask(_: Call) -> None:
            source.credentials()
            answer = source.client("sts").get_caller_identity()
            identity = Identity(source.profile, str(answer.get("Account", "")), str(answer.get("Arn", "")))
            found[source.profile] = identity

        return Call(f"identity of {source.profile or 'the default credentials'}", ask)

    sources = list(sources)
    calls = [asking(source) for source in sources]
    run(calls)
    accounts = []
    for source, call in zip(sources, calls, strict=True):
        identity = found.get(source.profile, Identity(source.profile))
        whose = "AWS"
        if isinstance(call.failure, UsageError):
            raise call.failure
        if call.failure is not None:
            problem = explain(call.failure, whose, "sts:GetCallerIdentity", identity, source.region)
            usable = not credentials_failed(call.failure)
            identity = Identity(source.profile, problem=problem, usable=usable)
        elif call.expired:
            late = too_late(call, whose, "sts:GetCallerIdentity", source.region)
            identity = Identity(source.profile, problem=late)
        accounts.append(Account(source, identity, options.page_size))
    return accounts


def _find_cluster(
    accounts: list[Account], options: AccountOptions, run: Callable[[list[Call]], None]
) -> tuple[Account, str]:
    """The account that has the cluster; its name, where none was given and there is only one."""
    name = options.cluster or _only_cluster(accounts, run)
    if not name:
        for account in accounts:
            account.results[CLUSTERS.name] = [_unnamed(account)]
        return accounts[0], ""
    asked = requests.cluster(name)
    results = _each(asked, accounts, run)
    having = [account for account, result in zip(accounts, results, strict=True) if result.items]
    owners = {account.identity.account for account in having}
    if len(owners) > 1 and options.account:
        having = [account for account in having if account.identity.account == options.account]
    elif len(owners) > 1:
        there = ", ".join(sorted(owners))
        raise UsageError(f"cluster {name} is in accounts {there}; name the one meant by --aws-profile alone")
    if not having:
        gone = [code_of(result.error) == "ResourceNotFoundException" for result in results if result.error]
        if len(gone) == len(accounts) and all(gone):
            raise InputError(_not_there(name, accounts, run))
        home = next((a for a in accounts if options.account and a.identity.account == options.account), accounts[0])
    else:
        home = having[0]
    home.results[CLUSTERS.name] = [results[accounts.index(home)]]
    return home, name


def _only_cluster(accounts: list[Account], run: Callable[[list[Call]], None]) -> str:
    listed = _each(requests.cluster_list(), accounts, run)
    names = sorted({str(name) for result in listed for name in result.values()})
    region = accounts[0].source.region
    if len(names) > 1:
        raise UsageError(f"there are clusters {', '.join(names)} in {region}; choose one with --cluster")
    if not names and not any(result.missing for result in listed):
        raise InputError(f"there is no EKS cluster {_where(accounts)}; add --region, or another --aws-profile")
    return names[0] if names and not any(result.missing for result in listed) else ""


def _not_there(name: str, accounts: list[Account], run: Callable[[list[Call]], None]) -> str:
    listed = _each(requests.cluster_list(), accounts, run)
    names = sorted({str(found) for result in listed for found in result.values()})
    here = f"there is no EKS cluster {name} {_where(accounts)}"
    if names:
        return f"{here}; there are {', '.join(names)}: name one of these after --cluster, or another --region"
    if any(result.missing for result in listed):
        return f"{here}; name another after --cluster, or another --region (to list them, grant eks:ListClusters)"
    return f"{here}, nor any other; add --region, or another --aws-profile"


def _where(accounts: list[Account]) -> str:
    ids = [account.identity.account or account.identity.text for account in accounts]
    return f"in {accounts[0].source.region} of account {' or '.join(dict.fromkeys(ids))}"


def _each(request: Request, accounts: list[Account], run: Callable[[list[Call]], None]) -> list[Result]:
    calls = [call_for(request, account.source, account.page_size) for account in accounts]
    run(calls)
    return [account.result(request, call) for account, call in zip(accounts, calls, strict=True)]


def _unnamed(account: Account) -> Result:
    """No cluster was named and the list could not be read."""
    asked = requests.cluster_list()
    result = Result(asked, Call(asked.what, lambda _: None), account.identity, account.source.region)
    result.missing = Unknown(
        Cause.NOT_COLLECTED,
        "which EKS cluster is meant is not known",
        "name it with --cluster (or grant eks:ListClusters)",
    )
    return result
