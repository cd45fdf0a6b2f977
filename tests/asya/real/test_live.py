"""World ``asya`` read live from a real API server and a moto server: judged as its files, with the printed rights."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
import yaml

from tests.asya.real.world import PROFILE, World

pytestmark = pytest.mark.controlplane

Raw = dict[str, Any]
DIFFERENT: dict[str, tuple[str, str, str]] = {}
"""Requirement → verdict of the files, verdict of what is read live, and why the two cannot be one: none today.

There are no kubelets, and none is asked: nodes, pods and their states are objects that the API server takes from anyone
who may write them. KEDA's APIService is Available by the API server's own check (:mod:`tests.asya.real.aggregated`).
"""
WORDED = {
    "asya/platform-version": "moto gives every cluster one platform version, and the sentence names it",
    "asya/actor-egress-aws": "moto has AWS's prefix list of S3, so that its addresses are named; the files have no lists",
}
"""Requirements that are decided alike in other words, and why."""
UNUSED = {
    "eks:DescribeFargateProfile": "there are no Fargate profiles",
    "ec2:SearchTransitGatewayRoutes": "there are no transit gateways",
}
"""Printed rights for which the world has nothing, and why."""


class Read(msgspec.Struct, frozen=True):
    """What one reading gave.

    Attributes:
        live, files: findings by id, of the world read live and of its files.
        checklist: Markdown, by the same two names.
        actions: what was asked of AWS.
        asked: what was asked of the API server: verb, path and status.
    """

    live: dict[str, Raw]
    files: dict[str, Raw]
    checklist: dict[str, str]
    actions: set[str]
    asked: list[tuple[str, str, int]]


@pytest.fixture(scope="module")
def read(world: World) -> Read:
    """The command line run once on each."""
    world.proxy.reset()
    before = len(world.plane.asked())
    found = {}
    for name, source in (("live", ()), ("files", (str(world.files),))):
        outputs = ("-o", f"json={name}.json", "-o", f"checklist={name}.md")
        done = world.run("check", *source, "--profile", PROFILE, *outputs)
        assert done.returncode == 0, done.stderr
        report = json.loads((world.home / f"{name}.json").read_text())
        found[name] = {item["id"]: item for item in report["findings"]}
        if name == "live":
            actions = set(world.proxy.actions)
            asked = [(item.verb, item.target, item.status) for item in world.plane.asked()[before:]]
    checklist = {name: (world.home / f"{name}.md").read_text() for name in found}
    return Read(found["live"], found["files"], checklist, actions, asked)


def anonymous(text: str, world: World) -> list[str]:
    """The words in an order of their own, with the files' ids for the server's: lists come in the order of ids."""
    for shipped, made in sorted(world.account.ids.items(), key=lambda item: -len(item[1])):
        text = text.replace(made, shipped)
    return sorted(re.findall(r"[^\s,;]+", re.sub(r"\s*\(?sgr-[0-9a-f]+\)?", "", text)))


def test_every_verdict_is_that_of_the_files(read: Read) -> None:
    """Each requirement is decided live as it is from files; nothing of the correct world fails or is unknown."""
    assert read.live.keys() == read.files.keys()
    found = {
        name: (read.files[name]["verdict"], item["verdict"])
        for name, item in read.live.items()
        if item["verdict"] != read.files[name]["verdict"]
    }
    assert found == {name: (files, live) for name, (files, live, _) in DIFFERENT.items()}
    verdicts = {item["verdict"] for name, item in read.live.items() if name not in DIFFERENT}
    assert verdicts == {"pass", "not-applicable"}
    assert sum(item["verdict"] == "pass" for item in read.live.values()) > 100


def test_every_sentence_is_that_of_the_files(read: Read, world: World) -> None:
    """Summaries and notes say the same of the same objects, but for the ids that the server chose."""
    other = {
        name
        for name, item in read.live.items()
        if anonymous(item["summary"], world) != anonymous(read.files[name]["summary"], world)
        or [anonymous(note, world) for note in item["notes"]]
        != [anonymous(note, world) for note in read.files[name]["notes"]]
    }
    assert other == WORDED.keys()


def test_the_checklist_is_filled_in_live(read: Read, world: World) -> None:
    """All 20 boxes but that of IRSA's provider, ticked, and line by line what the files give but for times and ids."""
    live, files = (text.splitlines() for text in (read.checklist["live"], read.checklist["files"]))
    assert live[0] == "# asya-demo: 19 of 20 boxes filled, 1 not applicable"
    assert sum(line.startswith("- [x] ") for line in live) == 19
    assert [line for line in live if line.startswith("- [ ] ")] == ["- [ ] OIDC provider"]
    begin = live.index("## Deployment checklist")
    assert [anonymous(line, world) for line in live[begin:]] == [anonymous(line, world) for line in files[begin:]]


def test_the_printed_rights_are_enough_and_all_used(read: Read, world: World) -> None:
    """Nothing was refused, nothing was asked for that is not printed, and each printed right was used."""
    printed = json.loads((world.home / "iam.json").read_text())
    allowed = {action for statement in printed["Statement"] for action in statement["Action"]}
    assert read.actions - allowed == {"sts:GetCallerIdentity"}
    assert allowed - read.actions == UNUSED.keys()
    assert [item for item in read.asked if item[2] >= 400] == []
    role = next(iter(yaml.safe_load_all((world.home / "rbac.yaml").read_text())))
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}
    listed = {target.partition("?")[0].rpartition("/")[2] for verb, target, _ in read.asked if verb == "list"}
    resources = {name for rule in role["rules"] for name in rule["resources"]}
    assert listed <= resources
    groups = {name: group for rule in role["rules"] for group in rule["apiGroups"] for name in rule["resources"]}
    left = {name: groups[name] for name in resources - listed}
    for group in world.plane.admin.get("/apis")["groups"]:
        for version in group["versions"]:
            there = world.plane.admin.get(f"/apis/{version['groupVersion']}")["resources"]
            assert not [one["name"] for one in there if left.get(one["name"]) == group["name"]], (
                "defined, not asked for"
            )
    assert "" not in left.values()
    assert {verb for verb, _, _ in read.asked} <= {"list", "get", "create"}
    made = {target.partition("?")[0] for verb, target, _ in read.asked if verb == "create"}
    assert all(path.rpartition("/")[2].startswith("selfsubject") for path in made), "only questions about oneself"


def test_a_snapshot_says_the_same(read: Read, world: World) -> None:
    """What ``snapshot`` wrote is judged as the live world, finding by finding."""
    done = world.run("snapshot", "-o", "x.snapshot")
    assert done.returncode == 0, done.stderr
    found = world.report("x.snapshot")["findings"]
    assert {item["id"]: item["verdict"] for item in found} == {name: x["verdict"] for name, x in read.live.items()}
    assert [item["summary"] for item in found] == [item["summary"] for item in read.live.values()]
