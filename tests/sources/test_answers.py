"""Answers of live sources become the snapshot that files of the same world become."""

from __future__ import annotations

from typing import Any

import pytest

import clusterproof
from clusterproof.errors import InputError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.compare import differences
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Coverage, Snapshot
from clusterproof.sources.answers import Answer, assemble, gather
from clusterproof.sources.gather import Gathered

DENIED = Unknown(Cause.DENIED, "refused", "grant it")


def answers_of(snapshot: Snapshot) -> list[Answer]:
    """A snapshot's tables as if a live source had read them."""
    tables = snapshot.tables.values()
    return [Answer(t.kind, tuple(t.lines.line(n) for n in range(len(t))), t.coverage) for t in tables]


def pod(name: str, namespace: str = "a", **spec: Any) -> dict[str, Any]:
    """A pod as an item of a PodList: without kind and apiVersion."""
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def namespaces(*names: str) -> Answer:
    """All namespaces."""
    return Answer(kinds.NAMESPACES, tuple({"metadata": {"name": name}} for name in names))


@pytest.mark.parametrize("world", ["demo", "custom-networking", "inference-at-zero"])
def test_same_world_same_snapshot(world: str) -> None:
    """Tables, coverage and identity equal those of the files, byte for byte."""
    files = clusterproof.load_world(world)
    live = assemble(answers_of(files), time="2026-01-01T00:00:00Z", sources=("context demo",))
    assert list(live.tables) == list(files.tables)
    for name, table in files.tables.items():
        mine = live.tables[name]
        assert [mine.lines.line(n) for n in range(len(mine))] == [table.lines.line(n) for n in range(len(table))]
        assert mine.coverage == table.coverage
    assert differences(files, live) == []
    assert (live.meta.cluster, live.meta.account, live.meta.region) == (
        files.meta.cluster,
        files.meta.account,
        files.meta.region,
    )
    assert (live.meta.time, live.meta.sources) == ("2026-01-01T00:00:00Z", ("context demo",))


def test_literal_credentials_become_unknown_fields() -> None:
    """Live objects pass the same redaction as files."""
    secret = pod("p", containers=[{"name": "c", "env": [{"name": "DB_PASSWORD", "value": "hunter22"}]}])
    table = assemble([Answer(kinds.PODS, (secret,))]).tables["pods"]
    assert b"hunter22" not in table.lines.line(0)
    assert table.unknown_by_key["a/p"][0].path == "spec.containers.0.env.0.value"


def test_secrets_of_a_list_without_kinds_never_stay() -> None:
    """Items of a SecretList carry no kind; of a Secret that is no Helm release nothing is kept."""
    secret = {"metadata": {"name": "s", "namespace": "a"}, "type": "Opaque", "data": {"password": "aHVudGVyMg=="}}
    table = assemble([Answer(kinds.HELM_RELEASES, (secret,))]).tables["helmreleases"]
    assert len(table) == 0


def test_what_stopped_one_account_is_not_hidden_by_another() -> None:
    """Two answers of one kind: complete only if both are, and the missing permission stays named."""
    whole, stopped = Answer(kinds.VPCS, ()), Answer(kinds.VPCS, (), (Coverage("", DENIED),))
    for order in ([whole, stopped], [stopped, whole]):
        assert assemble(order).missing(kinds.VPCS) == DENIED
    assert assemble([whole, whole]).missing(kinds.VPCS) is None


def test_first_of_two_answers_counts() -> None:
    """An object that two accounts describe differently is taken from the first."""
    one, other = {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}, {"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}
    snapshot = assemble([Answer(kinds.VPCS, (one,)), Answer(kinds.VPCS, (other,))])
    assert [raw["CidrBlock"] for raw in snapshot.tables["vpcs"].raws()] == ["10.0.0.0/16"]


def test_object_of_a_wrong_type_costs_completeness_only() -> None:
    """The others stay, the kind is an error in every scope."""
    odd = {"metadata": {"name": "odd", "namespace": "a"}, "spec": {"nodeName": 7}}
    snapshot = assemble([Answer(kinds.PODS, (pod("p"), odd), (Coverage("a"), Coverage("b")))])
    assert [obj.metadata.name for obj in snapshot.objects(kinds.PODS)] == ["p"]
    for scope in ("", "a", "b"):
        missing = snapshot.missing(kinds.PODS, scope)
        assert missing is not None
    assert snapshot.missing(kinds.PODS).cause is Cause.ERROR  # type: ignore[union-attr]


def test_pods_are_judged_but_kept_as_texts() -> None:
    """A page's pods are typed to find the odd one; of them only the texts stay, and they decode when asked for."""
    gathered = Gathered(kinds.PODS)
    odd = gather(gathered, [pod("x"), {**pod("y"), "spec": []}, pod("z", nodeName="n")])
    assert odd is not None
    assert odd.cause is Cause.ERROR
    assert (list(gathered.lines), gathered.typed) == (["a/x", "a/z"], {})
    extra = Answer(kinds.PODS, (pod("z", nodeName="other"), pod("w")))
    table = assemble([Answer(kinds.PODS, gathered=gathered), extra]).tables["pods"]
    assert [(item.metadata.name, item.spec.node_name) for item in table.objects] == [("x", ""), ("z", "n"), ("w", "")]


def test_every_namespace_is_everywhere() -> None:
    """Denied everywhere but complete in each namespace that there is: complete."""
    scopes = (Coverage("", DENIED), Coverage("a"), Coverage("b"))
    assert assemble([namespaces("a", "b"), Answer(kinds.PODS, (), scopes)]).missing(kinds.PODS) is None
    snapshot = assemble([namespaces("a", "b", "c"), Answer(kinds.PODS, (), scopes)])
    assert snapshot.missing(kinds.PODS) == DENIED
    assert snapshot.missing(kinds.PODS, "a") is None
    assert snapshot.missing(kinds.PODS, "c") == DENIED


@pytest.mark.parametrize(
    ("listed", "described"),
    [(kinds.NODEGROUP_NAMES, kinds.NODEGROUPS), (kinds.MANAGED_PREFIX_LISTS, kinds.PREFIX_LIST_ENTRIES)],
)
def test_denied_description_keeps_its_cause(listed: Kind[Any], described: Kind[Any]) -> None:
    """What was listed but may not be described stays "denied", not merely "incomplete"."""
    name: Any = {"name": "g"} if listed is kinds.NODEGROUP_NAMES else {"PrefixListId": "pl-1", "PrefixListName": "x"}
    snapshot = assemble([Answer(listed, (name,)), Answer(described, (), (Coverage("", DENIED),))])
    assert snapshot.missing(described) == DENIED


def test_two_clusters_are_refused() -> None:
    """Node groups of two clusters do not make one snapshot."""
    groups = tuple({"nodegroupName": n, "clusterName": f"c-{n}", "nodegroupArn": ""} for n in ("x", "y"))
    with pytest.raises(InputError, match="two clusters"):
        assemble([Answer(kinds.NODEGROUPS, groups)])
