from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import assemble
from clusterproof.sources.aws_api import AccountOptions
from clusterproof.sources.aws_api.account import read_account
from tests.sources.aws_api.conftest import Demo
from tests.sources.aws_api.faults import page_of_a_proxy, refuse
from tests.sources.aws_api.pages import Pages

pytestmark = pytest.mark.slow

CLUSTER = "demo-gpu"
OURS: tuple[Kind[Any], ...] = (
    kinds.ADDONS,
    kinds.ADDON_NAMES,
    kinds.POD_IDENTITY_ASSOCIATIONS,
    kinds.POD_IDENTITY_ASSOCIATION_IDS,
)
PAIRS = [pytest.param(kind, names, id=kind.name) for kind, names, _ in kinds.DESCRIBED]


def read(*wanted: Kind[Any], **options: Any) -> Snapshot:
    """These kinds of the demo's account, read once without patience."""
    given = read_account(
        AccountOptions(cluster=CLUSTER, attempts=1, deadline=20.0, **options), kinds=(kinds.CLUSTERS, *wanted)
    )
    return assemble(given.answers, cluster=given.cluster)


def test_lists_are_described(demo: Demo) -> None:
    """Every add-on with its settings, every association with its role, which only the description names."""
    snapshot = read(*OURS)
    assert [snapshot.missing(kind) for kind in OURS] == [None] * 4
    names = sorted(item.addon_name for item in snapshot.objects(kinds.ADDONS))
    assert names == ["coredns", "kube-proxy", "vpc-cni"]
    cni = snapshot.get(kinds.ADDONS, "vpc-cni")
    assert cni is not None
    assert "WARM_IP_TARGET" in cni.configuration_values
    roles = {item.service_account: item.role_arn for item in snapshot.objects(kinds.POD_IDENTITY_ASSOCIATIONS)}
    assert roles == {name: f"arn:aws:iam::111122223333:role/{name}" for name in ("worker", "frontend")}
    listed = [snapshot.raw(kinds.POD_IDENTITY_ASSOCIATION_IDS, key) for key in ("a-" + "0" * 17, "a-" + "0" * 16 + "1")]
    assert all(raw is not None and "roleArn" not in raw for raw in listed)
    assert demo.proxy.actions - {"sts:GetCallerIdentity", "eks:DescribeCluster"} == {kind.permission for kind in OURS}


def test_only_what_is_asked_for_is_called(demo: Demo) -> None:
    """Without these kinds none of their calls is made; with a part of them only theirs."""
    read(kinds.NODEGROUPS, kinds.NODEGROUP_NAMES)
    assert not demo.proxy.actions & {kind.permission for kind in OURS}
    demo.proxy.reset()
    snapshot = read(kinds.ADDON_NAMES)
    assert demo.proxy.actions & {kind.permission for kind in OURS} == {"eks:ListAddons"}
    assert len(snapshot.objects(kinds.ADDON_NAMES)) == 3


def test_lists_in_pages(demo: Demo) -> None:
    """One at a time, with an empty page behind the last: the same objects, and the lists stay complete."""
    whole = read(*OURS)
    demo.proxy.pages = Pages(1)
    paged = read(*OURS)
    assert max(item.page for item in demo.proxy.seen if item.action == "eks:ListAddons") == 2
    for kind in OURS:
        assert paged.objects(kind) == whole.objects(kind)
        assert paged.missing(kind) is None


@pytest.mark.parametrize(("kind", "names"), PAIRS)
def test_deleted_between_list_and_description(demo: Demo, kind: Kind[Any], names: Kind[Any]) -> None:
    """What is not there any more when it is described is neither described nor listed; the rest is complete."""
    before = read(kind, names)
    described = refuse("ResourceNotFoundException", 404, "No such thing")
    first: list[bool] = []

    def once(handler: Any, seen: Any) -> bool:
        if first:
            return False
        first.append(True)
        return described(handler, seen)

    demo.proxy.faults[kind.permission] = once
    after = read(kind, names, workers=1)
    count = len(before.objects(kind))
    assert count > 0
    assert len(after.objects(kind)) == count - 1
    assert {kind.key(item) for item in after.objects(kind)} == {names.key(item) for item in after.objects(names)}
    assert after.missing(kind) is None
    assert after.missing(names) is None


@pytest.mark.parametrize(("kind", "names"), PAIRS[2:])
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (page_of_a_proxy(404), Cause.NOT_ANSWERABLE),
        (refuse("403", 403), Cause.DENIED),
        (refuse("AccessDeniedException", 403), Cause.DENIED),
        (refuse("ServerException", 500), Cause.NOT_ANSWERABLE),
    ],
    ids=["html-404", "bare-403", "denied", "500"],
)
def test_what_cannot_be_described_is_not_absent(
    demo: Demo, kind: Kind[Any], names: Kind[Any], fault: Any, cause: Cause
) -> None:
    """A server without the call, a refusal by status alone, an error: the kind is unknown, its list is complete."""
    demo.proxy.faults[kind.permission] = fault
    snapshot = read(kind, names)
    missing = snapshot.missing(kind)
    assert missing is not None
    assert missing.cause is cause
    assert kind.permission in str(missing)
    assert snapshot.missing(names) is None
    assert len(snapshot.objects(names)) > 0
    demo.proxy.faults = {names.permission: fault}
    snapshot = read(kind, names)
    for each in (kind, names):
        missing = snapshot.missing(each)
        assert missing is not None
        assert missing.cause is cause
        assert names.permission in str(missing)
