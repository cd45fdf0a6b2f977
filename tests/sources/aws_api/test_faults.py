from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.sources.answers import assemble
from clusterproof.sources.aws_api import AccountOptions, AccountRead
from clusterproof.sources.aws_api.account import read_account
from clusterproof.sources.aws_api.requested import OURS
from tests.sources.aws_api.conftest import Demo
from tests.sources.aws_api.faults import Fault, cut, hang, page_of_a_proxy, refuse, send

pytestmark = pytest.mark.slow

CLUSTER = "demo-gpu"
AWS = [kind for kind in kinds.ALL if kind.origin == "aws" and kind not in OURS]
SECRET = "Encoded authorization failure message: c2VjcmV0LXRleHQ"
LATER = {
    "nodegroup-names": {"nodegroups"},
    "fargate-profile-names": {"fargate-profiles"},
    "addon-names": {"addons"},
    "pod-identity-association-ids": {"pod-identity-associations"},
    "managed-prefix-lists": {"prefix-list-entries"},
    "transit-gateway-attachments": {"transit-gateway-routes"},
    "transit-gateway-vpc-attachments": {"transit-gateway-routes"},
    # Which account owns a VPC is told by it alone, and another account's tables, lists and gateways are not shown.
    "vpcs": {"route-tables", "network-acls", "nat-gateways", "vpc-endpoints"},
}
"""Kinds that cannot be known where another is not, since it lists their names or says whose they are."""


def read(**options: Any) -> AccountRead:
    """The demo's account, with no patience at all."""
    settings: dict[str, Any] = {"cluster": CLUSTER, "attempts": 1, "deadline": 20.0} | options
    return read_account(AccountOptions(**settings), kinds=AWS)


def missing(given: AccountRead) -> dict[str, Unknown]:
    """Why each kind is incomplete, by name; kinds that are complete are left out."""
    return {a.kind.name: a.coverage[0].missing for a in given.answers if a.coverage[0].missing is not None}


FAULTS: list[tuple[str, Fault, Cause, str]] = [
    ("denied", refuse("AccessDeniedException", 403, SECRET), Cause.DENIED, "AWS refused {action}"),
    ("unauthorized", refuse("UnauthorizedOperation", 403, SECRET), Cause.DENIED, "AWS refused {action}"),
    ("bare-403", refuse("403", 403), Cause.DENIED, "AWS refused {action}"),
    ("bare-401", refuse("SomethingNew", 401), Cause.DENIED, "AWS refused {action}"),
    ("html-404", page_of_a_proxy(404), Cause.NOT_ANSWERABLE, "what answered {action}"),
    ("html-500", page_of_a_proxy(500), Cause.NOT_ANSWERABLE, "what answered {action}"),
    ("html-200", page_of_a_proxy(200), Cause.NOT_ANSWERABLE, "what answered {action}"),
    ("json-200", page_of_a_proxy(200, b"{}"), Cause.NOT_ANSWERABLE, "what answered {action}"),
    ("internal", refuse("InternalError", 500), Cause.NOT_ANSWERABLE, "{action} failed in AWS"),
    ("no-call", refuse("InvalidAction", 400), Cause.NOT_ANSWERABLE, "what answered {action}"),
    ("cut", cut(), Cause.NOT_ANSWERABLE, "what answered {action} was not the AWS API, or its answer was cut off"),
    ("closed", hang(0), Cause.INCOMPLETE, "the answer to {action} was cut off"),
    ("odd", refuse("InvalidParameterValue", 400), Cause.ERROR, "AWS answered {action} with InvalidParameterValue"),
]


@pytest.mark.parametrize(("fault", "cause", "words"), [item[1:] for item in FAULTS], ids=[item[0] for item in FAULTS])
def test_every_call_fails_alike(demo: Demo, fault: Fault, cause: Cause, words: str) -> None:
    """Whatever every call answers: each kind has the fault's cause and names its own action; nothing is absent."""
    demo.proxy.faults["*"] = lambda handler, seen: seen.service != "sts" and fault(handler, seen)
    given = read()
    found = missing(given)
    assert set(found) == {kind.name for kind in AWS}
    assert given.nothing_read
    for name, why in found.items():
        assert SECRET not in str(why)
        assert why.cause is cause, (name, why)
        lists = [first for first, then in LATER.items() if name in then]
        actions = [kind.permission for kind in AWS if kind.name in (name, *lists)]
        assert any(words.format(action=action) in why.detail for action in actions), (name, why)


@pytest.mark.parametrize("kind", AWS, ids=[kind.name for kind in AWS])
def test_one_denied_call(demo: Demo, kind: Any) -> None:
    """With one action denied its kind is unknown and names the action; kinds that do not need it are complete."""
    demo.proxy.faults[kind.permission] = refuse("UnauthorizedOperation", 403)
    found = missing(read())
    assert found[kind.name].cause is Cause.DENIED
    assert found[kind.name].remedy == f"grant {kind.permission}"
    assert set(found) <= {kind.name} | LATER.get(kind.name, set())


def test_names_of_node_groups_from_tags(demo: Demo) -> None:
    """Where list-nodegroups is denied, the Auto Scaling groups' tags give the names, and all is complete."""
    demo.proxy.faults["eks:ListNodegroups"] = refuse("AccessDeniedException", 403)
    given = read()
    snapshot = assemble(given.answers, cluster=given.cluster)
    assert sorted(group.nodegroup_name for group in snapshot.objects(kinds.NODEGROUPS)) == ["customer", "gpu", "system"]
    assert snapshot.missing(kinds.NODEGROUPS) is None
    demo.proxy.faults["autoscaling:DescribeAutoScalingGroups"] = refuse("AccessDenied", 403)
    given = read()
    snapshot = assemble(given.answers, cluster=given.cluster)
    why = snapshot.missing(kinds.NODEGROUPS)
    assert why is not None
    assert why.cause is Cause.DENIED
    assert why.remedy == "grant eks:ListNodegroups"


def test_the_cluster_denied(demo: Demo) -> None:
    """Without describe-cluster the networks are found through the node groups; only the cluster itself is unknown."""
    demo.proxy.faults["eks:DescribeCluster"] = refuse("AccessDeniedException", 403)
    given = read()
    assert set(missing(given)) == {"clusters"}
    assert given.cluster == CLUSTER


def test_every_eks_call_denied(demo: Demo) -> None:
    """Nothing says which networks are the cluster's but the Auto Scaling groups: what they need is read all the same."""
    for kind in AWS:
        if kind.group == "eks":
            demo.proxy.faults[kind.permission] = refuse("403", 403)
    given = read()
    eks = {kind.name for kind in AWS if kind.group == "eks"}
    assert set(missing(given)) == eks
    assert len(next(answer for answer in given.answers if answer.kind is kinds.INSTANCES).items) == 12


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        (cut(page=2), Cause.INCOMPLETE, "was cut off"),
        (hang(0, page=2), Cause.INCOMPLETE, "was cut off"),
        (page_of_a_proxy(500, page=2), Cause.INCOMPLETE, "was not the AWS API"),
        (refuse("Throttling", 400, page=2), Cause.THROTTLED, "AWS throttled"),
        (refuse("UnauthorizedOperation", 403, page=2), Cause.DENIED, "AWS refused"),
        (hang(20, page=2), Cause.TIMED_OUT, "took too long"),
    ],
    ids=["cut", "closed", "html", "throttled", "denied", "hanging"],
)
def test_stopped_after_the_first_page(demo: Demo, fault: Fault, cause: Cause, words: str) -> None:
    """What came is kept; the kind is incomplete and says how many were read and what stopped the rest."""
    demo.proxy.faults["ec2:DescribeInstances"] = fault
    given = read(page_size=5, deadline=2.0)
    why = missing(given)["instances"]
    assert why.cause is cause
    assert why.detail.startswith("only 5 instances were read: ")
    assert words in why.detail
    items = next(answer for answer in given.answers if answer.kind.name == "instances").items
    assert len(items) == 5


def test_a_list_of_prefixes_is_whole_or_nothing(demo: Demo) -> None:
    """The entries of one list, cut after a page, are not taken for the whole list."""
    demo.proxy.faults["ec2:GetManagedPrefixListEntries"] = refuse("InternalError", 500)
    given = read()
    assert set(missing(given)) == {"prefix-list-entries"}
    assert next(answer for answer in given.answers if answer.kind is kinds.PREFIX_LIST_ENTRIES).items == ()


def test_the_same_page_again_and_again(demo: Demo) -> None:
    """A server that repeats its token is stopped."""

    def again(handler: Any, _seen: Any) -> bool:
        text = (
            b'<DescribeSubnetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
            b"<subnetSet><item><subnetId>subnet-1</subnetId></item></subnetSet><nextToken>t</nextToken>"
            b"</DescribeSubnetsResponse>"
        )
        send(handler, 200, text, "text/xml")
        return True

    demo.proxy.faults["ec2:DescribeSubnets"] = again
    assert missing(read())["subnets"].cause is Cause.INCOMPLETE


def test_throttled_for_ever(demo: Demo) -> None:
    """Repeating ends with the call's time, and the cause is throttling."""
    demo.proxy.faults["ec2:DescribeSubnets"] = refuse("RequestLimitExceeded", 503)
    options = AccountOptions(cluster=CLUSTER, attempts=100, deadline=3.0)
    why = missing(read_account(options, kinds=[kinds.SUBNETS]))["subnets"]
    assert why.cause is Cause.THROTTLED
    assert sum(item.action == "ec2:DescribeSubnets" for item in demo.proxy.seen) > 1


def test_throttled_once(demo: Demo) -> None:
    """A call that is throttled once is repeated, and all is complete."""
    no = refuse("RequestLimitExceeded", 503)
    demo.proxy.faults["ec2:DescribeSubnets"] = lambda handler, seen: seen.count == 1 and no(handler, seen)
    demo.proxy.faults["eks:DescribeNodegroup"] = lambda handler, seen: seen.count == 1 and no(handler, seen)
    given = read(attempts=4)
    assert missing(given) == {}


@pytest.mark.parametrize("action", ["ec2:DescribeSubnets", "eks:DescribeCluster", "sts:GetCallerIdentity"])
def test_a_call_that_hangs(demo: Demo, action: str) -> None:
    """Its kind has timed out, the others are there."""
    demo.proxy.faults[action] = hang(30)
    given = read(deadline=1.5)
    found = missing(given)
    expected = {kind.name for kind in AWS if kind.permission == action}
    assert set(found) == expected
    assert all(why.cause is Cause.TIMED_OUT for why in found.values())
    if action == "sts:GetCallerIdentity":
        assert given.identities[0].problem is not None
        assert given.identities[0].problem.cause is Cause.TIMED_OUT


def test_interrupted(demo: Demo) -> None:
    """Ctrl-C ends reading although calls hang; nothing is waited for."""
    begun = threading.Event()

    def never(handler: Any, seen: Any) -> bool:
        begun.set()
        return hang(60)(handler, seen)

    def interrupt() -> None:
        begun.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    for kind in AWS:
        demo.proxy.faults[kind.permission] = never
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        read(deadline=600.0)


def test_expired_credentials(demo: Demo) -> None:
    """Nothing is asked with them beyond the first call; the sentence says to log in."""
    demo.proxy.faults["*"] = refuse("ExpiredToken", 403)
    given = read()
    found = missing(given)
    assert len(found) == len(AWS)
    assert {item.action for item in demo.proxy.seen} == {"sts:GetCallerIdentity"}
    why = found["subnets"]
    assert why.detail == "subnets could not be read: the default credentials have expired (ExpiredToken)"
    assert "aws sso login" in why.remedy


def test_expired_in_the_middle(demo: Demo) -> None:
    """Credentials that expire after some calls leave the rest unknown with the same sentence."""
    demo.proxy.faults["ec2:DescribeSubnets"] = refuse("RequestExpired", 400)
    why = missing(read())["subnets"]
    assert why.cause is Cause.ERROR
    assert "have expired (RequestExpired)" in why.detail


@pytest.mark.parametrize(("minutes", "way"), [(-20, "20 minutes ahead of"), (30, "30 minutes behind")])
def test_clock_skew(demo: Demo, minutes: int, way: str) -> None:
    """AWS's own time in its answer tells a wrong clock from expired credentials."""
    there = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    demo.proxy.faults["*"] = refuse("SignatureDoesNotMatch", 403, date=there)
    why = missing(read())["subnets"]
    assert f"this machine's clock is {way} AWS's" in why.detail
    assert why.remedy == "set the clock, then read again"


@pytest.mark.parametrize(
    ("message", "way"),
    [
        (
            "Signature expired: 20261121T100000Z is now earlier than 20261121T101500Z (20261121T103000Z - 15 min.)",
            "30 minutes behind",
        ),
        (
            "Signature not yet current: 20261121T110000Z is still later than 20261121T102500Z (20261121T102000Z + 5 min.)",
            "40 minutes ahead of",
        ),
    ],
)
def test_clock_skew_that_the_message_tells(demo: Demo, message: str, way: str) -> None:
    """STS says both times in words; that counts also where the answer's date says nothing (a proxy's, or none)."""
    demo.proxy.faults["*"] = refuse("SignatureDoesNotMatch", 403, message)
    why = missing(read())["subnets"]
    assert f"this machine's clock is {way} AWS's" in why.detail
    assert why.remedy == "set the clock, then read again"


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_refused_credentials(demo: Demo, code: str) -> None:
    """Keys that AWS does not know, or whose secret is wrong, end reading with one sentence."""
    demo.proxy.faults["*"] = refuse(code, 403)
    why = missing(read())["subnets"]
    assert why.detail == f"subnets could not be read: AWS does not accept the default credentials ({code})"


def test_who_denies_is_told(demo: Demo) -> None:
    """A denial by an organisation's policy says so; the rest of AWS's message is not repeated."""
    message = "User is not authorized with an explicit deny in a service control policy: arn:secret"
    demo.proxy.faults["eks:DescribeCluster"] = refuse("AccessDeniedException", 403, message)
    detail = missing(read())["clusters"].detail
    assert "AWS refused eks:DescribeCluster (by a service control policy) to arn:aws:sts::" in detail
    assert "arn:secret" not in detail


@pytest.mark.usefixtures("demo")
def test_an_endpoint_that_is_not_there() -> None:
    """Nobody listens: every kind is not answerable, and the sentence says where to look."""
    given = read(endpoint_url="http://127.0.0.1:9")
    found = missing(given)
    assert {why.cause for why in found.values()} == {Cause.NOT_ANSWERABLE}
    assert len(found) == len(AWS)
    assert given.nothing_read
    assert "--endpoint-url" in found["subnets"].remedy
    assert BY_NAME["subnets"].permission in found["subnets"].detail


@pytest.mark.usefixtures("demo")
def test_endpoints_of_single_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL_EKS stands for one service, AWS_ENDPOINT_URL for the others."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", "http://127.0.0.1:9")
    found = missing(read())
    assert set(found) == {kind.name for kind in AWS if kind.group == "eks"}
