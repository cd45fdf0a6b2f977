"""A cluster and its AWS account, read at the same time: first who asks, then everything, then one snapshot.

What one of the two cannot give is unknown, with its cause, and the other is read all the same; only where neither
gives anything is there an error. The two are refused where they are not of one cluster.
"""

from __future__ import annotations

import os
import queue
import threading
import time as clock
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from clusterproof.errors import InputError, UnreadableClusterError, UsageError
from clusterproof.snapshot.collector import paused
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage, Snapshot
from clusterproof.sources.answers import Answer, assemble
from clusterproof.sources.aws_api.match import check_match
from clusterproof.sources.aws_api.records import AccountOptions, AccountRead
from clusterproof.sources.greeting import Greeting, of_aws
from clusterproof.sources.kubernetes_api.options import ClusterOptions, ClusterRead
from clusterproof.sources.kubernetes_api.options import Identity as ClusterIdentity
from clusterproof.sources.permissions import needed_kinds
from clusterproof.sources.together import GivenUp, NodesNeed, Resolve, check_same

Observer = Callable[[str], None]

_CLUSTER, _ACCOUNT = "cluster", "account"
_TICK = 0.2
"""How long one wait for an event lasts, in seconds."""
_ENDING = 3.0
"""Seconds that the two threads get to end when the reading is given up."""
_OWN_CREDENTIALS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID")


class LiveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster and which account, as whom, and how patiently. Everything may be left empty.

    Attributes:
        context, kubeconfig: as kubectl has them; empty: the current context of the usual files.
        as_user, as_groups: impersonation in the cluster.
        aws: whether the account is read at all.
        aws_profiles: AWS profiles; several where VPCs are shared or peered. Empty: the credentials of the environment,
            else those that the kubeconfig's credential plugin is told to use.
        region: empty: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile's, or the kubeconfig's.
        endpoint_url: stands for every AWS endpoint.
        cluster: the EKS cluster's name; empty: what the kubeconfig says, else the only one in the region.
        timeout: seconds for one kind of object, with all its pages and repetitions; 0 for each source's own.
    """

    context: str = ""
    kubeconfig: str = ""
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    aws: bool = True
    aws_profiles: tuple[str, ...] = ()
    region: str = ""
    endpoint_url: str = ""
    cluster: str = ""
    timeout: float = 0.0

    def of_cluster(self) -> ClusterOptions:
        """The part that reading the cluster takes."""
        found = ClusterOptions(
            kubeconfig=self.kubeconfig, context=self.context, as_user=self.as_user, as_groups=self.as_groups
        )
        return msgspec.structs.replace(found, deadline=self.timeout) if self.timeout else found


def read_live(
    options: LiveOptions,
    *,
    kinds: Collection[Kind[Any]] | None = None,
    resolve: Resolve | None = None,
    observer: Observer | None = None,
    greet: Callable[[Greeting], None] | None = None,
    time: str = "",
    environ: Mapping[str, str] | None = None,
) -> Snapshot:
    """Reads the cluster and its account; changes nothing in them.

    Args:
        options: which ones.
        kinds: what to read; everything that any check reads when None.
        resolve: says, from what the cluster gave, which queues, buckets and roles are meant besides; None: no others.
        observer: is told progress, one call at a time.
        greet: is given who reads before anything is read; what it raises ends the reading. Called once more, with the
            problem alone, where the cluster turns out to be unreadable after all.
        time: when this is, RFC 3339 in UTC.
        environ: the environment; the process's own when None.

    Raises:
        UnreadableClusterError: neither of the two could be read at all; or the context that was named is not there.
        InputError: the account or region is not that of the kubeconfig's cluster.
        UsageError: a profile, region or endpoint that was named cannot be used; several clusters and none named.
        KeyboardInterrupt: the user ended it; all requests are given up.
    """
    wanted = tuple(kinds) if kinds is not None else needed_kinds()
    reading = _Reading(options, wanted, observer, greet, os.environ if environ is None else environ, resolve)
    return reading.read(time)


class _Reading:
    """One reading: two threads that read, and the caller's, which waits and can be interrupted at any moment."""

    def __init__(
        self,
        options: LiveOptions,
        wanted: tuple[Kind[Any], ...],
        observer: Observer | None,
        greet: Callable[[Greeting], None] | None,
        environ: Mapping[str, str],
        resolve: Resolve | None,
    ) -> None:
        self._options = options
        self._wanted = wanted
        self._tell = observer
        self._telling = threading.Lock()
        self._greet = greet
        self._environ = environ
        self._events: queue.SimpleQueue[tuple[str, str, Any]] = queue.SimpleQueue()
        self._released = threading.Event()
        self._given_up = threading.Event()
        self._needs = NodesNeed(self._given_up, resolve)
        self._says: ClusterIdentity | None = None
        self._cluster: ClusterRead | None = None
        self._account: AccountRead | None = None
        self._problems: dict[str, str] = {}
        self._introduced_cluster = False
        self._lent = ""  # the profile that only the kubeconfig names

    def read(self, time: str) -> Snapshot:
        """Everything, as one snapshot."""
        self._connect()
        begun: list[tuple[str, Callable[[], Any]]] = []
        threads: list[threading.Thread] = []
        if _CLUSTER not in self._problems:
            begun.append((_CLUSTER, self._read_cluster))
        if self._options.aws:
            begun.append((_ACCOUNT, self._read_account))
        else:
            self._problems[_ACCOUNT] = "left out by --no-aws; read again without --no-aws"
        try:
            with paused():  # here, because the two threads begin and end at different times
                for name, work in begun:
                    thread = threading.Thread(target=self._guarded, args=(name, work), name=f"live {name}", daemon=True)
                    thread.start()
                    threads.append(thread)
                self._wait([name for name, _ in begun])
        finally:
            self._given_up.set()
            self._released.set()
            self._needs.ready.set()
            until = clock.monotonic() + _ENDING
            for thread in threads:  # each closes what it has open
                thread.join(max(0.0, until - clock.monotonic()))
        return self._joined(time)

    def _connect(self) -> None:
        """Which cluster is meant, before anything is asked."""
        from clusterproof.sources.kubernetes_api import eks
        from clusterproof.sources.kubernetes_api.kubeconfig import connection

        try:
            found = connection(self._options.of_cluster(), self._environ)
        except UnreadableClusterError as error:
            if self._options.context or self._options.kubeconfig:
                raise
            self._problems[_CLUSTER] = str(error)
            self._needs.ready.set()
            return
        guess = eks.of(found)
        self._says = ClusterIdentity(
            context=found.context,
            server=found.server,
            cluster=guess.cluster,
            region=guess.region,
            account=guess.account,
            aws_profile=guess.aws_profile,
            role_arn=guess.role_arn,
        )

    # --- the caller's thread ---

    def _wait(self, begun: list[str]) -> None:
        """Shows who reads when both have said it, and returns when both have ended.

        Raises:
            ClusterproofError: what ends the whole reading.
        """
        greetings: dict[str, Any] = {}
        running = set(begun)
        while True:
            if greetings.keys() | self._problems.keys() >= {_CLUSTER, _ACCOUNT} and not self._released.is_set():
                self._greeted(greetings)
                self._released.set()
            if not running:
                return
            name, what, value = self._next()
            if what == "greeting":
                greetings[name] = value
                continue
            running.discard(name)
            if what == "failed":
                self._failed(name, value)
            elif name == _CLUSTER:
                self._cluster = value
                self._needs.know(value)
            else:
                self._account = value

    def _next(self) -> tuple[str, str, Any]:
        """The next event; looked for in short waits: a signal that comes just before one wait is seen before the next."""
        while True:
            try:
                return self._events.get(timeout=_TICK)
            except queue.Empty:
                continue

    def _greeted(self, greetings: Mapping[str, Any]) -> None:
        region, accounts = greetings.get(_ACCOUNT, ("", ()))
        read = _CLUSTER in greetings or any(item.usable for item in accounts)
        self._introduced_cluster = _CLUSTER in greetings
        if self._greet is not None and read:  # else one error says both causes
            self._greet(
                Greeting(
                    greetings.get(_CLUSTER),
                    self._problems.get(_CLUSTER, ""),
                    region,
                    accounts,
                    self._problems.get(_ACCOUNT, ""),
                )
            )
        if self._says is not None and any(item.usable for item in accounts):
            check_match(AccountRead((), accounts, region, self._options.cluster), self._says)

    def _failed(self, name: str, error: BaseException) -> None:
        """Goes on without one of the two where it is only not to be had; else raises what it raised."""
        options = self._options
        named = options.aws_profiles or options.region or options.endpoint_url or options.cluster
        if name == _CLUSTER and isinstance(error, UnreadableClusterError):
            self._needs.ready.set()
        elif name == _ACCOUNT and isinstance(error, UsageError) and not named and "no AWS region" in str(error):
            pass
        elif name == _ACCOUNT and isinstance(error, UsageError) and self._lent:
            self._problems[name] = f"{error}; that profile is the one that the kubeconfig's credential plugin uses"
            return
        elif name == _ACCOUNT and isinstance(error, InputError):
            raise InputError(f"{error}, or leave AWS out with --no-aws")
        elif name == _ACCOUNT and isinstance(error, UsageError) and not named:
            raise UsageError(f"{error}; or leave AWS out with --no-aws")
        else:
            raise error
        self._problems[name] = str(error)

    # --- the two threads ---

    def _guarded(self, name: str, work: Callable[[], Any]) -> None:
        try:
            self._events.put((name, "done", work()))
        except BaseException as error:  # noqa: BLE001 - it is raised again, or told, on the caller's thread
            self._events.put((name, "failed", error))

    def _introduced(self, name: str, value: Any) -> None:
        """Tells who reads, and waits until the user has seen it."""
        self._events.put((name, "greeting", value))
        self._released.wait()
        self._go_on()

    def _go_on(self) -> None:
        if self._given_up.is_set():
            raise GivenUp

    def _told(self, source: str) -> Observer:
        def tell(text: str) -> None:
            self._go_on()
            if self._tell is not None and self._released.is_set():
                with self._telling:
                    self._tell(f"{source} {text}")

        return tell

    def _read_cluster(self) -> ClusterRead:
        from clusterproof.sources.kubernetes_api.reader import read_cluster

        return read_cluster(
            self._options.of_cluster(),
            kinds=[kind for kind in self._wanted if kind.origin == "kubernetes"],
            observer=self._told("cluster:"),
            greet=lambda identity: self._introduced(_CLUSTER, identity),
            environ=self._environ,
            given_up=self._given_up.is_set,
        )

    def _read_account(self) -> AccountRead:
        from clusterproof.sources.aws_api.account import read_account

        options, says = self._options, self._says or ClusterIdentity()
        profiles = options.aws_profiles
        if not profiles and says.aws_profile and not any(self._environ.get(name) for name in _OWN_CREDENTIALS):
            profiles, self._lent = (says.aws_profile,), says.aws_profile
        asked = AccountOptions(
            profiles=profiles,
            region=options.region,
            endpoint_url=options.endpoint_url,
            cluster=options.cluster or says.cluster,
            account=says.account,
            kubeconfig_region=says.region,
        )
        return read_account(
            msgspec.structs.replace(asked, deadline=options.timeout) if options.timeout else asked,
            needed=self._needs,
            kinds=[kind for kind in self._wanted if kind.origin == "aws"],
            observer=self._told("AWS:"),
            greet=lambda region, accounts: self._introduced(_ACCOUNT, (region, accounts)),
            environ=self._environ,
            given_up=self._given_up.is_set,
        )

    # --- one snapshot of both ---

    def _joined(self, time: str) -> Snapshot:
        cluster, account, says = self._cluster, self._account, self._says
        if cluster is None and (account is None or account.nothing_read):
            raise UnreadableClusterError(self._nothing())
        if cluster is None and self._introduced_cluster and self._greet is not None:
            self._greet(Greeting(cluster_problem=self._problems[_CLUSTER]))
        if account is not None and says is not None:
            check_match(account, says)
        if account is not None and cluster is not None:
            check_same(cluster, account)
        answers = list(cluster.answers) if cluster is not None else self._unread("kubernetes", _CLUSTER)
        answers += account.answers if account is not None else self._unread("aws", _ACCOUNT)
        sources: list[str] = []
        notes: list[str] = []
        if cluster is not None:
            sources.append(f"context {cluster.identity.context}")
            notes += cluster.notes
        if account is not None:
            for item in account.identities:
                profile = f", profile {item.profile}" if item.profile else ""
                if item.usable:
                    sources.append(f"AWS account {item.account or '(not known)'} in {account.region}{profile}")
            notes += account.notes
        return assemble(
            answers,
            cluster=(account.cluster if account is not None else "") or (says.cluster if says is not None else ""),
            time=time,
            sources=sources,
            kubernetes_version=cluster.identity.version if cluster is not None else "",
            notes=notes,
        )

    def _nothing(self) -> str:
        if not self._options.aws:
            return self._problems[_CLUSTER]
        problems = [item.problem for item in self._account.identities if item.problem] if self._account else []
        aws = self._problems.get(_ACCOUNT) or (str(problems[0]) if problems else "no call was answered")
        return (
            f"nothing could be read: {self._problems[_CLUSTER]}; AWS: {of_aws(aws)}; "
            "or name files to read instead: clusterproof check DIR, or try clusterproof demo"
        )

    def _unread(self, origin: str, name: str) -> list[Answer]:
        why = self._problems[name]
        return [
            Answer(kind, (), (Coverage(EVERYWHERE, _unread(kind, why, left_out=not self._options.aws)),))
            for kind in self._wanted
            if kind.origin == origin
        ]


def _unread(kind: Kind[Any], why: str, *, left_out: bool) -> Unknown:
    said, _, remedy = why.partition("; ")
    cause = Cause.NOT_COLLECTED if left_out and kind.origin == "aws" else Cause.ERROR
    return Unknown(cause, f"{kind.name} could not be read: {said}", remedy or f"mend this, then read again: {said}")
