"""EKS add-ons and pod identity associations from files, and in expressions of a profile of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import clusterproof
from clusterproof.api import WORLDS
from clusterproof.errors import InputError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import load_snapshot
from clusterproof.verdict.algebra import Verdict

PROFILE = """\
name: add-ons
title: Add-ons of the platform team
document: {title: Runbook}
requirements:
  - id: vpc-cni-is-active
    title: The VPC CNI is an EKS add-on, and active
    level: MUST
    source: {document: Runbook}
    check:
      cel:
        kinds: [addons]
        that: addons.exists(a, a.addonName == "vpc-cni" && a.status == "ACTIVE")
    what: Whether EKS manages the VPC CNI, and its last update went well.
    why: An add-on whose update failed runs in two versions.
    how: Over the add-ons of the cluster.
    unknown_when: The add-ons were not read.
    remedy: Update the add-on.
"""


def addon(name: str, cluster: str = "demo", **more: Any) -> dict[str, Any]:
    """As aws eks describe-addon prints it."""
    arn = f"arn:aws:eks:us-west-2:111122223333:addon/{cluster}/{name}/0a"
    inside = {"addonName": name, "clusterName": cluster, "status": "ACTIVE", "addonVersion": "v1", "addonArn": arn}
    return {"addon": inside | more}


def association(number: int, cluster: str = "demo", **more: Any) -> dict[str, Any]:
    """As aws eks list-pod-identity-associations prints one."""
    identity = f"a-{number}"
    arn = f"arn:aws:eks:us-west-2:111122223333:podidentityassociation/{cluster}/{identity}"
    account = {"namespace": "app", "serviceAccount": f"sa-{number}"}
    return {"associationId": identity, "clusterName": cluster, "associationArn": arn, **account} | more


def described(number: int, cluster: str = "demo") -> dict[str, Any]:
    """As aws eks describe-pod-identity-association prints it."""
    return {"association": association(number, cluster, roleArn=f"arn:aws:iam::111122223333:role/r{number}")}


def load(path: Path, chosen: str = "", /, **files: Any) -> Snapshot:
    """A snapshot of files by their names."""
    for name, value in files.items():
        (path / f"{name}.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return load_snapshot([path], cluster=chosen)


def test_the_list_tells_whether_all_were_described(tmp_path: Path) -> None:
    """Described ones alone are a part; with a list that names the same, the kind is complete."""
    files: dict[str, Any] = {"one": addon("vpc-cni"), "two": described(1)}
    snapshot = load(tmp_path, **files)
    for kind, listing in ((kinds.ADDONS, "list-addons"), (kinds.POD_IDENTITY_ASSOCIATIONS, "list-pod-identity-ass")):
        missing = snapshot.missing(kind)
        assert missing is not None
        assert missing.cause is Cause.INCOMPLETE
        assert listing in missing.remedy
    snapshot = load(tmp_path, names={"addons": ["vpc-cni"]}, ids={"associations": [association(1)]})
    for kind, _, _ in kinds.DESCRIBED[2:]:
        assert snapshot.missing(kind) is None
    assert [(item.addon_name, item.status) for item in snapshot.objects(kinds.ADDONS)] == [("vpc-cni", "ACTIVE")]
    (found,) = snapshot.objects(kinds.POD_IDENTITY_ASSOCIATIONS)
    assert (found.namespace, found.service_account, found.role_arn) == (
        "app",
        "sa-1",
        "arn:aws:iam::111122223333:role/r1",
    )
    assert (snapshot.meta.cluster, snapshot.meta.account, snapshot.meta.region) == ("demo", "111122223333", "us-west-2")


def test_listed_and_not_described(tmp_path: Path) -> None:
    """What the list names and no file describes is named, with the command that describes it."""
    files: dict[str, Any] = {
        "a": addon("coredns"),
        "names": {"addons": ["coredns", "vpc-cni"]},
        "ids": {"associations": [association(7)]},
    }
    snapshot = load(tmp_path, **files)
    missing = snapshot.missing(kinds.ADDONS)
    assert missing is not None
    assert "add-on vpc-cni listed but not described" in missing.detail
    assert missing.remedy.endswith(
        "describe-addon --cluster-name demo --addon-name vpc-cni --output json > addon-vpc-cni.json"
    )
    missing = snapshot.missing(kinds.POD_IDENTITY_ASSOCIATIONS)
    assert missing is not None
    assert "--association-id a-7 --output json > podidentityassociation-a-7.json" in missing.remedy


def test_none_at_all_and_pages(tmp_path: Path) -> None:
    """Empty lists say that there are none; a list with a token is one page of several."""
    snapshot = load(tmp_path, names={"addons": []}, ids={"associations": []})
    for kind, names, _ in kinds.DESCRIBED[2:]:
        assert snapshot.missing(kind) is None
        assert snapshot.missing(names) is None
        assert snapshot.objects(kind) == ()
    snapshot = load(tmp_path, names={"addons": [], "nextToken": "x"}, ids={"associations": [], "nextToken": "x"})
    for _, names, _ in kinds.DESCRIBED[2:]:
        missing = snapshot.missing(names)
        assert missing is not None
        assert missing.cause is Cause.INCOMPLETE


def test_bare_lists(tmp_path: Path) -> None:
    """Lists that --query leaves are known by their members: described associations have a role, listed ones none."""
    inner = described(2)["association"]
    snapshot = load(tmp_path, a=[addon("x")["addon"]], b=[association(1), association(2)], c=[inner])
    assert [item.addon_name for item in snapshot.objects(kinds.ADDONS)] == ["x"]
    assert [item.association_id for item in snapshot.objects(kinds.POD_IDENTITY_ASSOCIATION_IDS)] == ["a-1", "a-2"]
    assert [item.role_arn for item in snapshot.objects(kinds.POD_IDENTITY_ASSOCIATIONS)] == [inner["roleArn"]]


def test_what_other_commands_print_by_the_same_member(tmp_path: Path) -> None:
    """describe-addon-versions (what could be installed) and others' associations are left aside, with a note."""
    versions = {"addons": [{"addonName": "vpc-cni", "type": "networking", "addonVersions": []}]}
    some = {"cluster": {"name": "demo"}}
    snapshot = load(tmp_path, versions=versions, others={"associations": [{"name": "x"}]}, some=some)
    assert snapshot.missing(kinds.ADDON_NAMES) is not None
    assert snapshot.missing(kinds.POD_IDENTITY_ASSOCIATION_IDS) is not None
    assert sum("were left aside" in note for note in snapshot.meta.notes) == 2


def test_a_refusal_in_a_file(tmp_path: Path) -> None:
    """The AWS CLI's error text names the action that is missing."""
    text = (
        "\nAn error occurred (AccessDeniedException) when calling the ListAddons operation: User: x is not authorized\n"
    )
    missing = load(tmp_path, names=text, cluster={"cluster": {"name": "demo"}}).missing(kinds.ADDON_NAMES)
    assert missing is not None
    assert missing.cause is Cause.DENIED
    assert missing.remedy.startswith("grant eks:ListAddons, then run: aws eks list-addons")


def test_two_clusters(tmp_path: Path) -> None:
    """Add-ons of one name in two clusters: one sentence; --cluster chooses, and drops what is the other's."""
    files: dict[str, Any] = {"a": addon("vpc-cni", "blue"), "b": addon("vpc-cni", "green", addonVersion="v2")}
    with pytest.raises(InputError, match="add-ons of two clusters, blue and green"):
        load(tmp_path, **files)
    more: dict[str, Any] = {
        "c": {"associations": [association(1, "blue")]},
        "d": {"associations": [association(2, "green")]},
    }
    snapshot = load(tmp_path, "green", e=described(2, "green"), **more)
    assert [item.addon_version for item in snapshot.objects(kinds.ADDONS)] == ["v2"]
    assert [item.association_id for item in snapshot.objects(kinds.POD_IDENTITY_ASSOCIATION_IDS)] == ["a-2"]
    assert snapshot.missing(kinds.POD_IDENTITY_ASSOCIATIONS) is None


def test_credentials_in_settings_stay_out(tmp_path: Path) -> None:
    """An add-on's settings may hold a key: it is not kept, and the field is said to be unknown."""
    values = json.dumps({"apiKey": "0123456789abcdef", "site": "eu"})
    snapshot = load(tmp_path, a=addon("vendor", configurationValues=values))
    (found,) = snapshot.objects(kinds.ADDONS)
    assert json.loads(found.configuration_values) == {"apiKey": "REDACTED", "site": "eu"}
    (unknown,) = snapshot.tables["addons"].unknown_fields
    assert (unknown.key, unknown.path, unknown.unknown.cause) == ("vendor", "configurationValues", Cause.REDACTED)


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({"a": addon("vpc-cni"), "names": {"addons": ["vpc-cni"]}}, Verdict.PASS),
        ({"a": addon("vpc-cni", status="UPDATE_FAILED"), "names": {"addons": ["vpc-cni"]}}, Verdict.FAIL),
        ({"names": {"addons": []}}, Verdict.FAIL),
        ({"a": addon("vpc-cni")}, Verdict.UNKNOWN),
        ({"names": {"addons": ["vpc-cni"]}}, Verdict.UNKNOWN),
        ({"c": {"cluster": {"name": "demo"}}}, Verdict.UNKNOWN),
    ],
)
def test_a_requirement_of_ones_own(files: dict[str, Any], verdict: Verdict, tmp_path: Path) -> None:
    """A profile's expression ranges over the add-ons; where they were not all read it is unknown and says how to."""
    (tmp_path / "dump").mkdir()
    (tmp_path / "own.yaml").write_text(PROFILE)
    snapshot = load(tmp_path / "dump", **files)
    (found,) = clusterproof.check(snapshot, str(tmp_path / "own.yaml")).findings
    assert found.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert "aws eks" in found.unknowns[0].remedy


@pytest.mark.parametrize("world", WORLDS)
def test_the_shipped_worlds_have_add_ons(world: str, tmp_path: Path) -> None:
    """Their requirement holds in each, and what the VPC CNI was told is what its DaemonSet runs with."""
    (tmp_path / "own.yaml").write_text(PROFILE)
    snapshot = clusterproof.load_world(world)
    (found,) = clusterproof.check(snapshot, str(tmp_path / "own.yaml")).findings
    assert found.verdict is Verdict.PASS
    addon_ = snapshot.get(kinds.ADDONS, "vpc-cni")
    daemons = snapshot.get(kinds.DAEMON_SETS, "kube-system/aws-node")
    assert addon_ is not None
    assert daemons is not None
    runs = {item.name: item.value for item in daemons.spec.template.spec.containers[0].env}
    told = json.loads(addon_.configuration_values)["env"]
    assert told
    assert told == {name: runs[name] for name in told}


def test_the_manual_shows_this_requirement() -> None:
    """docs/profiles.md has the expression as it is tried here, and the kind's row is in docs/inputs.md."""
    docs = Path(__file__).resolve().parents[2] / "docs"
    (line,) = [line.strip() for line in PROFILE.splitlines() if "that:" in line]
    assert line in (docs / "profiles.md").read_text("utf-8")
    assert "| addons | `aws eks describe-addon " in (docs / "inputs.md").read_text("utf-8")
