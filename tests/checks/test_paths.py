from __future__ import annotations

import pytest

from clusterproof.checks.paths import why
from clusterproof.errors import NotFoundError, UsageError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT, SERVER, two_groups
from tests.world.build import Tiny, on

FRONT, BACK = "tcp 80 sg-front", "tcp 80 sg-back"
TARGET = f"{SERVER}:80"


@pytest.mark.parametrize(
    ("rules", "verdict", "sentence"),
    [
        ((FRONT, BACK), Verdict.PASS, "Yes. deploy/app/client reaches deploy/app/server:80 from every place it may be"),
        (
            (FRONT,),
            Verdict.DEPENDS,
            "It depends. sg-back (sg-back) does not let it through from back. From front it works.",
        ),
        (
            (),
            Verdict.FAIL,
            "No. sg-back (sg-back) refuses it, for every place deploy/app/client may be scheduled: back and",
        ),
    ],
)
def test_sentences(rules: tuple[str, ...], verdict: Verdict, sentence: str) -> None:
    """One sentence says yes, no or it depends, who refuses and from where."""
    answer = why(two_groups(*rules, nodes=2).snapshot(), CLIENT, TARGET)
    assert answer.verdict is verdict
    assert answer.sentence.startswith(sentence)
    assert (answer.source, answer.destination, answer.port) == (CLIENT, SERVER, "80/TCP")


def test_limited_to_a_group() -> None:
    """``--on`` asks about one group alone, and refuses one that is not there or cannot hold the pod."""
    snapshot = two_groups(FRONT, client="", nodes=2).snapshot()
    assert why(snapshot, CLIENT, TARGET, on="front").verdict is Verdict.PASS
    assert why(snapshot, CLIENT, TARGET, on="back").verdict is Verdict.FAIL
    with pytest.raises(NotFoundError, match="did you mean front"):
        why(snapshot, CLIENT, TARGET, on="frnt")
    with pytest.raises(UsageError, match="cannot be scheduled"):
        why(two_groups(FRONT, client="front").snapshot(), CLIENT, TARGET, on="back")


def test_unread_is_never_yes() -> None:
    """What may hold either end and was not read makes the answer unknown, with the reason in the sentence."""
    late = two_groups(FRONT, BACK, nodes=2).put(kinds.NODEGROUP_NAMES, {"name": "late"})
    answer = why(late.snapshot(), CLIENT, TARGET)
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.sentence.startswith(
        "Not known: the template of node group late was not read. To know it, run: aws eks"
    )
    part = two_groups(FRONT, BACK, nodes=2).partly(kinds.NODES, Unknown(Cause.DENIED, "nodes: denied", "list nodes"))
    assert why(part.snapshot(), CLIENT, TARGET).sentence == "Not known: nodes: denied. To know it, list nodes"


def behind(*rules: str) -> Tiny:
    """A Service over a server on each group; DNS is open."""
    tiny = two_groups(*rules, "udp 53 10.0.0.0/16", client="front", nodes=2).deployment("app/twin", on("front"))
    tiny.objects["security-groups"][0]["IpPermissions"] = tiny.objects["security-groups"][1]["IpPermissions"][-1:]
    for raw in tiny.objects["deployments"]:
        if raw["metadata"]["name"] in ("server", "twin"):
            raw["spec"]["template"]["metadata"]["labels"]["tier"] = "x"
    return tiny.dns().service("app/svc", 80, {"tier": "x"}, port_more={"name": "web"})


def test_service_by_port_and_by_name() -> None:
    """A Service's port may be named; which endpoint answers is the Service's choice, so one that refuses depends."""
    snapshot = behind(FRONT).snapshot()
    for port in ("80", "web", "80/TCP"):
        answer = why(snapshot, CLIENT, f"svc/app/svc:{port}")
        assert (answer.verdict, answer.destination) == (Verdict.DEPENDS, "svc/app/svc")


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("deploy/app/server", UsageError, "name the port too"),
        ("deploy/app/server:1024-2048", UsageError, "one port, not a range"),
        ("svc/app/svx:80", NotFoundError, "did you mean svc/app/svc"),
        ("svc/app/svc:81", NotFoundError, "publishes 80/TCP, not 81"),
        ("deploy/app/servre:80", NotFoundError, "did you mean deploy/app/server"),
        ("deploy/app/server:http", UsageError, "is no port; write it like"),
    ],
)
def test_bad_destinations(target: str, error: type[Exception], words: str) -> None:
    """What is asked wrongly is said in one sentence with the nearest names."""
    with pytest.raises(error, match=words):
        why(behind(FRONT).snapshot(), CLIENT, target)


def test_service_without_pods() -> None:
    """Behind a Service that selects nothing there is nothing to reach."""
    with pytest.raises(NotFoundError, match="selects no workload"):
        why(two_groups().service("app/none", 80, {"app": "x"}).put(kinds.PODS).snapshot(), CLIENT, "svc/app/none:80")


def test_unschedulable_client() -> None:
    """A client that no node takes reaches nothing, in the scheduler's words."""
    answer = why(two_groups(FRONT, client="no").snapshot(), CLIENT, TARGET)
    assert answer.verdict is Verdict.FAIL
    assert "cannot be scheduled" in answer.sentence


def test_kubectl_kinds() -> None:
    """Kinds as kubectl understands them."""
    snapshot = two_groups(FRONT, BACK, nodes=2).snapshot()
    for kind in ("deploy", "deployment", "deployments", "Deployment"):
        assert why(snapshot, f"{kind}/app/client", TARGET).source == CLIENT
