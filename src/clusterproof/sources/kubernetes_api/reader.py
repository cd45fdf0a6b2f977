"""The whole reading: who asks, what is served, every kind; what stopped a kind is recorded, and the rest goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from clusterproof.errors import UnreadableClusterError
from clusterproof.snapshot import kinds as registry
from clusterproof.snapshot.collector import paused
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage
from clusterproof.sources.answers import Answer
from clusterproof.sources.completeness import CUSTOM, LATER
from clusterproof.sources.kubernetes_api import access, discovery, eks, pool
from clusterproof.sources.kubernetes_api.client import Client, Stopped
from clusterproof.sources.kubernetes_api.kubeconfig import Connection, connection
from clusterproof.sources.kubernetes_api.lists import REMEDIES, Listing, unknown
from clusterproof.sources.kubernetes_api.options import READ, ClusterOptions, ClusterRead, Identity

Observer = Callable[[str], None]

_FIRST = (registry.NAMESPACES, registry.PODS)
"""Begun before the others: namespaces are needed where a kind may not be listed everywhere, pods take longest."""
_GREETING = 60.0
"""Seconds for the first questions, whatever a kind may take."""


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


def read_cluster(
    options: ClusterOptions,
    *,
    kinds: Sequence[Kind[Any]] | None = None,
    observer: Observer | None = None,
    greet: Callable[[Identity], None] | None = None,
    environ: Mapping[str, str] | None = None,
    given_up: Callable[[], bool] = lambda: False,
) -> ClusterRead:
    """Reads a cluster; changes nothing in it.

    Args:
        options: which cluster, as whom, how patiently.
        kinds: what to read; :data:`~.options.READ` when None. Kinds of AWS are passed over.
        observer: is told what has been read, from several threads, one call at a time.
        greet: is given who asks and what it may, before anything is read.
        environ: the environment; the process's own when None.
        given_up: asked all the time; once it says yes, all requests are given up.

    Raises:
        Cancelled: it was given up.
        UnreadableClusterError: nothing could be read at all; its text is the cause.
        KeyboardInterrupt: the user ended it; all requests are given up.
    """
    asked = [kind for kind in (READ if kinds is None else kinds) if kind.origin == "kubernetes"]
    found = connection(options, environ)
    client = Client(found, options, environ)
    try:
        with paused():
            reading = _Reading(client, found, options, observer, given_up)
            identity = reading.greeted(asked, may=greet is not None)
            if greet is not None:
                greet(identity)
            return reading.all(asked, identity)
    finally:
        client.close()


def who_am_i(options: ClusterOptions, *, environ: Mapping[str, str] | None = None) -> Identity:
    """Who asks which cluster and what it may list, without reading anything.

    Raises:
        UnreadableClusterError: the cluster cannot be asked; its text is the cause.
    """
    found = connection(options, environ)
    client = Client(found, options, environ)
    try:
        return _Reading(client, found, options, None).greeted(READ, may=True)
    finally:
        client.close()


class _Reading:
    """One reading while it goes on."""

    def __init__(
        self,
        client: Client,
        found: Connection,
        options: ClusterOptions,
        observer: Observer | None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._found = found
        self._options = options
        self._observer = observer
        self._given_up = given_up
        self._telling = threading.Lock()
        self._discovered = discovery.Discovery(None, {})
        self._namespaces: list[str] = []
        self._namespaces_known = threading.Event()
        self._rules: dict[str, access.Rules] = {}
        self._rules_lock = threading.Lock()
        self._answered = False
        self._stops: list[Stopped] = []
        self._notes: list[str] = []

    # --- who asks, what is served ---

    def greeted(self, asked: Sequence[Kind[Any]], *, may: bool) -> Identity:
        """Asks the first questions; what is served is remembered.

        Args:
            asked: the kinds that will be read.
            may: whether to ask already now which of them may be listed.

        Raises:
            UnreadableClusterError: none of them is answered by a Kubernetes API that takes the credentials.
        """
        until = time.monotonic() + min(_GREETING, self._options.deadline)
        first: list[Callable[[], Any]] = [
            partial(self._tried, lambda: self._client.ask("/version", _Version, until=until).git_version),
            partial(self._tried, lambda: access.who(self._client, until)),
            partial(discovery.groups, self._client, until),
        ]
        (version, no_version), (who, not_who), (groups, no_groups) = self._run(first)
        stops = [stopped for stopped in (no_version, not_who, no_groups) if stopped is not None]
        hopeless = [s for s in stops if s.status in (0, 401) or s.cause is Cause.NOT_ANSWERABLE]
        if len(hopeless) == len(first):
            worst = next((s for s in hopeless if s.status == 401 or s.unreachable), hopeless[0])
            raise UnreadableClusterError(f"the cluster of context {self._found.context}: {_advised(worst)}")
        until = time.monotonic() + min(_GREETING, self._options.deadline)
        documents = discovery.wanted(groups, asked)
        second: list[Callable[[], Any]] = [
            *(partial(discovery.resources, self._client, name, until) for name in documents),
            *(self._permissions(asked) if may else ()),
        ]
        answers = self._run(second)
        served = {name: names for name, names in zip(documents, answers, strict=False) if names is not None}
        self._discovered = discovery.Discovery(groups, served, str(no_groups) if no_groups else "")
        allowed = answers[len(documents) :]
        found = self._identity(version or "", who or ("", ()), _known(asked, allowed) if may else {})
        if not_who is None:
            return found
        why = f"the API server answered {not_who.status}" if not_who.status else not_who.clause
        return msgspec.structs.replace(found, unnamed=why)

    def _permissions(self, asked: Sequence[Kind[Any]]) -> list[Callable[[], bool | None]]:
        until = time.monotonic() + self._options.deadline
        return [partial(access.may_list, self._client, kind, until) for kind in asked]

    def _tried(self, call: Callable[[], Any]) -> tuple[Any, Stopped | None]:
        try:
            return call(), None
        except Stopped as stopped:
            return None, stopped

    def _identity(self, version: str, who: tuple[str, tuple[str, ...]], may: Mapping[str, bool]) -> Identity:
        found = self._found
        guess = eks.of(found)
        return Identity(
            user=who[0],
            groups=who[1],
            context=found.context,
            server=found.server,
            namespace=found.namespace,
            impersonated=dict(found.impersonate).get("Impersonate-User", ""),
            version=version,
            cluster=guess.cluster,
            region=guess.region,
            account=guess.account,
            aws_profile=guess.aws_profile,
            role_arn=guess.role_arn,
            may=may,
        )

    # --- the kinds ---

    def all(self, asked: Sequence[Kind[Any]], identity: Identity) -> ClusterRead:
        """Reads every kind.

        Raises:
            UnreadableClusterError: no list at all was answered.
        """
        order = [kind for kind in _FIRST if kind in asked] + [kind for kind in asked if kind not in _FIRST]
        if registry.NAMESPACES not in asked:
            order.insert(0, registry.NAMESPACES)
        tasks: list[Callable[[], Any]] = [partial(self._kind, kind) for kind in order]
        if not identity.may:
            tasks += self._permissions(asked)
        results = self._run(tasks)
        answers = dict(zip(order, results, strict=False))
        if not identity.may:
            identity = msgspec.structs.replace(identity, may=_known(asked, results[len(order) :]))
        if not self._answered and self._stops:
            raise UnreadableClusterError(self._nothing(identity))
        if self._discovered.stopped:
            self._notes.append(f"which API groups are served could not be read: {self._discovered.stopped}")
        return ClusterRead(tuple(answers[kind] for kind in asked), identity, tuple(sorted(set(self._notes))))

    def _nothing(self, identity: Identity) -> str:
        where = f"the cluster of context {self._found.context}"
        if all(stopped.status == 403 for stopped in self._stops):
            who = identity.impersonated or identity.user or "this user"
            return f"{where}: {who} may list nothing that was asked for; grant it the rights that clusterproof permissions prints"
        worst = next((s for s in self._stops if s.status == 401 or s.unreachable), None)
        worst = worst or next(s for s in self._stops if s.status != 403)
        return f"{where}: nothing could be read: {_advised(worst)}"

    def _run(self, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        return pool.run(tasks, self._options.workers, self._client.cancel, self._given_up)

    def _kind(self, kind: Kind[Any]) -> Answer:
        """One kind, everywhere or namespace by namespace."""
        try:
            return self._listed(kind)
        except UnreadableClusterError as error:  # a credential plugin that failed in the middle
            stopped = Stopped(Cause.ERROR, str(error), unreachable=True)
            self._stops.append(stopped)
            return Answer(kind, (), (Coverage(EVERYWHERE, unknown(kind, "", stopped)),))
        finally:
            if kind is registry.NAMESPACES:
                self._namespaces_known.set()

    def _listed(self, kind: Kind[Any]) -> Answer:
        place = discovery.place(self._discovered, kind)
        if not place.api_version:
            return self._absent(kind)
        if place.sure and kind not in registry.OTHER_POLICIES and place.api_version != discovery.usual(kind):
            self._notes.append(f"{kind.name} were read as {place.api_version}: the server has no other version")
        until = time.monotonic() + self._options.deadline
        listing = Listing(
            self._client, kind, place.api_version, page=self._options.page, told=partial(self._told, kind)
        )
        coverage = self._scopes(kind, listing, until)
        self._answered = self._answered or listing.answered
        if kind is registry.NAMESPACES:
            self._namespaces = list(listing.gathered.lines)
        return Answer(kind, (), coverage, listing.gathered)

    def _absent(self, kind: Kind[Any]) -> Answer:
        if kind in (*CUSTOM, *LATER):
            return Answer(kind, (), (Coverage(EVERYWHERE),))
        why = Unknown(
            Cause.NOT_ANSWERABLE,
            f"{kind.name} could not be listed: the API server serves no {discovery.resource_of(kind)} in "
            f"{discovery.group_of(kind)}",
            "see with kubectl api-resources what the API server serves",
        )
        return Answer(kind, (), (Coverage(EVERYWHERE, why),))

    def _scopes(self, kind: Kind[Any], listing: Listing, until: float) -> tuple[Coverage, ...]:
        try:
            return (Coverage(EVERYWHERE, listing.read(EVERYWHERE, until)),)
        except Stopped as stopped:
            self._stops.append(stopped)
            everywhere = Coverage(EVERYWHERE, unknown(kind, EVERYWHERE, stopped))
            if stopped.status != 403 or not kind.namespaced:
                return (everywhere,)
        inside = [self._inside(kind, listing, namespace, until) for namespace in self._candidates()]
        if not listing.answered:
            return (everywhere,)
        return (everywhere, *inside)

    def _inside(self, kind: Kind[Any], listing: Listing, namespace: str, until: float) -> Coverage:
        if self._refused(kind, namespace, until):
            return Coverage(namespace, unknown(kind, namespace, Stopped(Cause.DENIED, "", status=403)))
        try:
            return Coverage(namespace, listing.read(namespace, until))
        except Stopped as stopped:
            self._stops.append(stopped)
            return Coverage(namespace, unknown(kind, namespace, stopped))

    def _candidates(self) -> list[str]:
        """The namespaces in which something may be listable: those there are, else those that are named."""
        while not self._namespaces_known.wait(0.1):
            self._client.check_cancelled()
        named = [*self._options.namespaces, self._found.namespace]
        return sorted(self._namespaces) if self._namespaces else sorted(set(named))

    def _refused(self, kind: Kind[Any], namespace: str, until: float) -> bool:
        with self._rules_lock:
            if namespace not in self._rules:
                self._rules[namespace] = access.rules(self._client, namespace, until)
        return self._rules[namespace].refuses(kind)

    def _told(self, kind: Kind[Any], count: int) -> None:
        if self._observer is not None:
            with self._telling:
                self._observer(f"{kind.name}: {count:,} read")


def _advised(stopped: Stopped) -> str:
    """Why nothing could be read, and what to do: some clauses (credentials, certificates) say that themselves."""
    if stopped.unreachable:
        known = "cannot be reached" not in stopped.clause or stopped.clause.endswith("?)")
        advice = "" if known else "see that the address is right and that a VPN or proxy leads there"
    elif stopped.status == 401:
        advice = ""
    else:
        advice = REMEDIES.get(stopped.cause, "")
    return f"{stopped.clause}; {advice}" if advice else stopped.clause


def _known(asked: Sequence[Kind[Any]], allowed: Sequence[bool | None]) -> dict[str, bool]:
    return {kind.name: yes for kind, yes in zip(asked, allowed, strict=True) if yes is not None}
