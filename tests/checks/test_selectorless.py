from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.connections import connections
from clusterproof.checks.paths import Answer, why
from clusterproof.errors import NotFoundError, UnknownNameError
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT
from tests.world.build import Tiny, on

DB = "svc/app/db:5432"


def cluster(*addresses: str, rules: tuple[str, ...] = (), **spec: Any) -> Tiny:
    """A client on front; a Service without selector that leads to these addresses, port 5432 at 6432."""
    tiny = Tiny().sg("sg-front", "udp 53 sg-front").sg("sg-back", *rules)
    tiny.managed("front", ["sg-front"], nodes=2).managed("back", ["sg-back"], nodes=2, subnets=("subnet-b",))
    tiny.deployment("app/client", on("front")).dns(on("front"))
    tiny.service("app/db", 5432, {}, **spec)
    return tiny.put(kinds.ENDPOINT_SLICES, piece(*addresses)) if addresses else tiny


def piece(*addresses: str) -> dict[str, Any]:
    """The EndpointSlice that somebody wrote."""
    return {
        "metadata": {"namespace": "app", "name": "db-x", "labels": {"kubernetes.io/service-name": "db"}},
        "endpoints": [{"addresses": [address]} for address in addresses],
        "ports": [{"name": "main", "port": 6432, "protocol": "TCP"}],
    }


def ask(tiny: Tiny) -> Answer:
    """Why the client reaches the Service, or not."""
    return why(tiny.snapshot(), CLIENT, DB)


def server(tiny: Tiny) -> Tiny:
    """A pod of a workload, running on a node of back."""
    spec = on("back")
    tiny.deployment("app/pg", spec)
    tiny.pod("app/pg-1", "back-0", owner="Deployment/pg", labels={"app": "pg"}, spec=spec)
    tiny.objects["pods"][-1]["status"]["podIP"] = "10.0.1.77"
    return tiny


def test_the_address_of_a_pod_is_that_pod() -> None:
    """Had no rows, and ``why`` found nothing: the pod's groups decide, at the endpoint's own port (rule 6.12)."""
    assert ask(server(cluster("10.0.1.77"))).verdict is Verdict.FAIL
    assert ask(server(cluster("10.0.1.77", rules=("tcp 5432 sg-front",)))).verdict is Verdict.FAIL
    answer = ask(server(cluster("10.0.1.77", rules=("tcp 6432 sg-front",))))
    assert answer.verdict is Verdict.PASS
    assert {cell.server for cell in answer.cells} == {"back"}


def test_the_address_of_a_node_is_that_node() -> None:
    """A node's own address is its primary interface (rule 6.12)."""
    tiny = cluster("10.0.1.5", rules=("tcp 6432 sg-front",))
    node = next(raw for raw in tiny.objects["nodes"] if raw["metadata"]["name"] == "back-0")
    node["status"]["addresses"] = [{"type": "InternalIP", "address": "10.0.1.5"}]
    assert ask(tiny).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [((), Verdict.FAIL), (("tcp 6432 sg-front",), Verdict.PASS), (("tcp 5432 sg-front",), Verdict.FAIL)],
)
def test_the_address_of_an_interface_is_that_interface(rules: tuple[str, ...], verdict: Verdict) -> None:
    """A database's or the API server's interface has groups and a subnet, which decide (rule 6.12)."""
    tiny = cluster("10.0.1.200").sg("sg-db", *rules)
    raw = {"NetworkInterfaceId": "eni-db", "SubnetId": "subnet-b", "PrivateIpAddress": "10.0.1.200"}
    tiny.put(kinds.NETWORK_INTERFACES, {**raw, "Groups": [{"GroupId": "sg-db"}]})
    answer = ask(tiny)
    assert answer.verdict is verdict
    assert {cell.server for cell in answer.cells} == {"eni-db"}


def test_an_address_in_the_vpc_of_which_nothing_is_known() -> None:
    """A database's interface was not read: the client's own group may refuse, nothing says that it works (rule 6.12)."""
    answer = ask(cluster("10.0.1.200"))
    assert answer.verdict is Verdict.UNKNOWN
    assert "10.0.1.200" in answer.sentence
    shut = cluster("10.0.1.200")
    next(raw for raw in shut.objects["security-groups"] if raw["GroupId"] == "sg-front")["IpPermissionsEgress"] = [
        {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ]
    assert ask(shut).verdict is Verdict.FAIL


def test_an_address_without_a_route() -> None:
    """An address outside the VPC to which no route leads is not reached (rule 6.12)."""
    assert ask(cluster("203.0.113.7")).verdict is Verdict.FAIL


def test_each_address_is_an_endpoint() -> None:
    """The Service picks among its addresses: one that is not reached makes it depend (rules 6.3, 6.12)."""
    tiny = server(cluster("10.0.1.77", "203.0.113.7", rules=("tcp 6432 sg-front",)))
    assert ask(tiny).verdict is Verdict.DEPENDS


def test_a_headless_name_leads_to_the_port_that_is_dialled() -> None:
    """Nothing translates the port of a headless Service, with selector or without (rule 6.7)."""
    headless = {"clusterIP": "None"}
    assert ask(server(cluster("10.0.1.77", rules=("tcp 5432 sg-front",), **headless))).verdict is Verdict.PASS
    assert ask(server(cluster("10.0.1.77", rules=("tcp 6432 sg-front",), **headless))).verdict is Verdict.FAIL


def test_rows() -> None:
    """Connections name the address, and whose it is (rule 6.12)."""
    tiny = server(cluster("10.0.1.77", "203.0.113.7", rules=("tcp 6432 sg-front",)))
    found = {
        (row.server, row.server_group): row.outcome
        for row in connections(tiny.world())
        if row.service == "app/db" and row.client == CLIENT
    }
    assert found == {
        ("10.0.1.77 (app/pg-1)", "back"): Outcome.WORKS,
        ("203.0.113.7", "203.0.113.7"): Outcome.BLOCKED,
    }


def test_without_endpoints_it_is_unknown() -> None:
    """Where it will lead is whoever's who writes its endpoints; where they were not read, the permission's (rule 6.12)."""
    tiny = cluster()
    with pytest.raises(UnknownNameError, match="no selector and no ready endpoint"):
        ask(tiny)
    rows = [row for row in connections(tiny.world()) if row.service == "app/db" and row.client == CLIENT]
    assert {(row.client_group, row.outcome) for row in rows} == {("front", Outcome.UNKNOWN)}
    denied = Unknown(Cause.DENIED, "endpointslices: denied", "list endpointslices")
    with pytest.raises(UnknownNameError, match="endpointslices: denied"):
        ask(tiny.partly(kinds.ENDPOINT_SLICES, denied))


def test_a_selector_that_selects_nothing_is_told_as_before() -> None:
    """A Service whose selector selects no workload is an error of the name that was asked for."""
    tiny = cluster().service("app/none", 80, {"app": "nobody"})
    with pytest.raises(NotFoundError, match="selects no workload"):
        why(tiny.snapshot(), CLIENT, "svc/app/none:80")
