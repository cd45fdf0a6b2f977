"""The stub answers as an API server does, also where our reader does not look."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sources.kubernetes_api.stub import FAULTS, TOKEN, Stub
from tests.sources.kubernetes_api.wire import RESOURCE_VERSION


@pytest.fixture
def http(stub: Stub) -> Iterator[httpx.Client]:
    """A plain HTTP client of the stub."""
    context = ssl.create_default_context(cadata=stub.ca_pem.decode())
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=stub.url, verify=context, headers=headers, trust_env=False, timeout=0.5) as client:
        yield client


def test_discovery_names_every_list(http: httpx.Client) -> None:
    """Every resource that discovery names with the verb list can be listed."""
    groups = http.get("/apis").json()["groups"]
    roots = ["/api/v1"] + [f"/apis/{v['groupVersion']}" for group in groups for v in group["versions"]]
    listed = 0
    for root in roots:
        for resource in http.get(root).json()["resources"]:
            if "list" in resource["verbs"]:
                answer = http.get(f"{root}/{resource['name']}").json()
                assert answer["kind"] == f"{resource['kind']}List"
                listed += 1
    assert listed >= 20


def test_built_in_items_carry_no_kind(http: httpx.Client) -> None:
    """As in the API server's typed lists; managed fields are there."""
    items = http.get("/api/v1/pods", params={"limit": "3"}).json()["items"]
    assert len(items) == 3
    assert all(item.keys().isdisjoint({"kind", "apiVersion"}) for item in items)
    assert all(item["metadata"]["managedFields"] for item in items)


def test_pages_count_what_remains(http: httpx.Client) -> None:
    """``remainingItemCount`` falls to nothing; the token leads on."""
    first: dict[str, Any] = http.get("/api/v1/pods", params={"limit": "40"}).json()["metadata"]
    assert first["remainingItemCount"] == 24
    last = http.get("/api/v1/pods", params={"limit": "40", "continue": first["continue"]}).json()
    assert len(last["items"]) == 24
    assert last["metadata"] == {"resourceVersion": RESOURCE_VERSION}


def test_watch_ends_with_a_bookmark(http: httpx.Client) -> None:
    """Objects, then a bookmark, then the end after ``timeoutSeconds``."""
    query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "0"}
    events = [json.loads(line) for line in http.get("/api/v1/nodes", params=query).text.splitlines()]
    assert [event["type"] for event in events] == ["ADDED"] * 12 + ["BOOKMARK"]
    assert events[-1]["object"]["metadata"]["resourceVersion"] == RESOURCE_VERSION
    resumed = http.get("/api/v1/nodes", params=query | {"resourceVersion": RESOURCE_VERSION}).text
    assert [json.loads(line)["type"] for line in resumed.splitlines()] == ["BOOKMARK"]


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("slow", "circle")])
def test_every_fault_is_felt(stub: Stub, http: httpx.Client, fault: str) -> None:
    """A plain client never gets a whole good answer from a struck path, and gets one from others."""
    stub.fault("/api/v1/pods", fault)
    try:
        answer = http.get("/api/v1/pods")
        good = answer.status_code == 200 and answer.json()["kind"] == "PodList"
    except (httpx.TransportError, ValueError):
        good = False
    assert not good
    assert http.get("/api/v1/nodes").json()["kind"] == "NodeList"


def test_a_circle_never_ends(stub: Stub, http: httpx.Client) -> None:
    """The third page leads to the second; no page leads to itself."""
    stub.fault("/api/v1/nodes", "circle")
    tokens: list[str] = []
    for _ in range(5):
        given = http.get("/api/v1/nodes", params={"limit": "1"} | ({"continue": tokens[-1]} if tokens else {}))
        tokens.append(given.json()["metadata"]["continue"])
    assert tokens == [tokens[0], tokens[1]] * 2 + [tokens[0]]
    assert tokens[0] != tokens[1]


def test_faults_are_counted_down(stub: Stub, http: httpx.Client) -> None:
    """``after`` lets some pass, ``times`` strikes some, the rest passes."""
    stub.fault("/version", "503", times=2, after=1, retry_after=7)
    answers = [http.get("/version") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200, 200]
    assert answers[1].headers["retry-after"] == "7"
    assert [request.status for request in stub.requests] == [200, 503, 503, 200, 200]
