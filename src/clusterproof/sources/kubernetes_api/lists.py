"""One kind in one scope: its pages, each taken into the table and dropped before the next is asked for.

Kubernetes API Concepts, "Retrieving large results sets in chunks": ``limit`` and ``continue``; a token that has
expired answers 410, and the list is begun again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.answers import gather
from clusterproof.sources.gather import Gathered
from clusterproof.sources.kubernetes_api.client import Client, Stopped
from clusterproof.sources.kubernetes_api.discovery import resource_of
from clusterproof.sources.kubernetes_api.pool import Ahead

_LARGE: dict[str, int] = {"customresourcedefinitions": 50, "secrets": 25, "configmaps": 100}
"""Objects per page of kinds whose objects are large: a page must fit into memory with ease."""
_HELM = (("fieldSelector", "type=helm.sh/release.v1"), ("labelSelector", "status!=superseded"))
"""Only Helm's own Secrets, and of these no old revision: other Secrets are never asked for."""


class _Meta(msgspec.Struct, rename="camel"):
    continue_: str | None = msgspec.field(name="continue", default=None)
    remaining_item_count: int | None = None


class _Page(msgspec.Struct):
    kind: str
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    metadata: _Meta | None = None


class Listing:
    """Reads one kind, scope after scope, into one table."""

    def __init__(
        self, client: Client, kind: Kind[Any], api_version: str, *, page: int, told: Callable[[int], None]
    ) -> None:
        self._client = client
        self._kind = kind
        self._api_version = api_version
        self._page = min(page, _LARGE.get(resource_of(kind), page))
        self._told = told
        self.gathered = Gathered(kind)
        self.answered = False

    def read(self, namespace: str, until: float) -> Unknown | None:
        """Every page of one scope; what stopped it, or None when it is complete.

        Args:
            namespace: the namespace, or empty for everywhere.
            until: the deadline, on ``time.monotonic``.

        Raises:
            Stopped: the first page was refused; nothing of this scope was read.
        """
        for attempt in (1, 2):
            before = _held(self.gathered)
            try:
                return self._pages(namespace, until)
            except Stopped as stopped:
                if stopped.status == 410 and attempt == 1:
                    _restore(self.gathered, before)
                    continue
                if len(self.gathered.lines) == len(before):
                    raise
                return unknown(self._kind, namespace, stopped, held=len(self.gathered.lines) - len(before))
        raise AssertionError  # pragma: no cover - the second attempt returns or raises

    def _pages(self, namespace: str, until: float) -> Unknown | None:
        odd: Unknown | None = None
        tokens: set[str] = set()
        page = self._page_of(namespace, "", until)
        while True:
            meta = page.metadata or _Meta()
            following = meta.continue_ or ""
            if following in tokens:
                raise Stopped(Cause.INCOMPLETE, "the API server gave the same page twice")
            # The server makes the next page while this one is taken: at most these two are held.
            ahead = Ahead(partial(self._page_of, namespace, following, until)) if following else None
            strange = self._take(page)
            odd = odd or strange
            if ahead is None:
                if meta.remaining_item_count:
                    lost = f"{meta.remaining_item_count:,} more were announced and no way to them"
                    raise Stopped(Cause.INCOMPLETE, lost)
                return odd
            del page
            tokens.add(following)
            page = ahead.result()

    def _page_of(self, namespace: str, token: str, until: float) -> _Page:
        """One page, asked for and judged, its objects still text."""
        params = [("limit", str(self._page))]
        if self._kind is kinds.HELM_RELEASES:
            params += _HELM
        if token:
            params.append(("continue", token))
        page = self._client.ask(self._path(namespace), _Page, until=until, params=params)
        wire = "Secret" if self._kind is kinds.HELM_RELEASES else self._kind.wire
        if page.kind not in (f"{wire}List", "List"):
            answered = f"the API server answered with a {page.kind[:60]}, not with a {wire}List"
            raise Stopped(Cause.NOT_ANSWERABLE, answered)
        if page.items is msgspec.UNSET or (page.items is None and page.metadata and page.metadata.continue_):
            raise Stopped(Cause.NOT_ANSWERABLE, f"the API server's {page.kind} has no items")
        self.answered = True
        return page

    def _take(self, page: _Page) -> Unknown | None:
        """Takes a page's objects; why one of them could not be taken, or None."""
        items: list[Any] = page.items or []
        odd = gather(self.gathered, items)
        self._told(len(self.gathered.lines))
        return odd

    def _path(self, namespace: str) -> str:
        root = f"/apis/{self._api_version}" if "/" in self._api_version else f"/api/{self._api_version}"
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{inside}/{resource_of(self._kind)}"


REMEDIES = {
    Cause.DENIED: "sign in again, then run it again",
    Cause.THROTTLED: "wait a minute, then run it again",
    Cause.TIMED_OUT: "run it again when the API server answers faster",
    Cause.INCOMPLETE: "run it again",
    Cause.ERROR: "run it again",
    Cause.NOT_ANSWERABLE: "see which server the kubeconfig names, and which proxy answers",
}
"""What to do about a request that was stopped; nothing is known of what is not here."""


def unknown(kind: Kind[Any], namespace: str, stopped: Stopped, *, held: int = 0) -> Unknown:
    """Why a kind is not known in a scope, with what makes it known."""
    where = f" in namespace {namespace}" if namespace else ""
    part = f" (of {held:,} read so far)" if held else ""
    if stopped.status == 403:
        return Unknown(
            Cause.DENIED, f"{kind.name}{where} could not be listed: RBAC refused it", f"grant {kind.permission}"
        )
    detail = f"{kind.name}{where} could not be listed{part}: {stopped.clause}"
    return Unknown(stopped.cause, detail, REMEDIES.get(stopped.cause, ""))


def _held(gathered: Gathered) -> set[str]:
    return set(gathered.lines)


def _restore(gathered: Gathered, keys: set[str]) -> None:
    for key in [key for key in gathered.lines if key not in keys]:
        gathered.drop(key)
