from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config

import clusterproof
from clusterproof.errors import InputError, UsageError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import assemble
from clusterproof.sources.aws_api import AccountOptions, AccountRead, Needed
from clusterproof.sources.aws_api.account import read_account
from clusterproof.sources.aws_api.requests import IN_VPC
from tests.e2e.dump import dump
from tests.e2e.moto_account import environment
from tests.sources.aws_api.conftest import Demo
from tests.sources.aws_api.faults import refuse
from tests.sources.aws_api.motoserver import ACCOUNT, REGION, extended_moto
from tests.sources.aws_api.pages import Pages, listing

pytestmark = pytest.mark.slow

CLUSTER = "demo-gpu"
AWS = [kind for kind in kinds.ALL if kind.origin == "aws" and kind not in kinds.REQUESTED]


SSO = """\
[profile p]
region = us-west-2
sso_session = s
sso_account_id = 111122223333
sso_role_name = r
[sso-session s]
sso_start_url = https://example.awsapps.com/start
sso_region = us-west-2
"""


def read(**options: Any) -> AccountRead:
    """The demo's account, with short patience."""
    needed = options.pop("needed", None)
    chosen = options.pop("kinds", AWS)
    settings: dict[str, Any] = {"cluster": CLUSTER, "attempts": 2, "deadline": 20.0} | options
    return read_account(AccountOptions(**settings), needed=needed, kinds=chosen)


def snapshot(given: AccountRead) -> Snapshot:
    """As the command line makes it."""
    return assemble(given.answers, cluster=given.cluster)


def objects(given: Snapshot, name: str) -> dict[str, Any]:
    """A table's objects by key."""
    table = given.tables[name]
    return {key: table.raw(key) for key in table.index}


def without_null(missing: AccountRead) -> dict[str, Any]:
    """Why each kind is incomplete, by name; kinds that are complete are left out."""
    return {a.kind.name: a.coverage[0].missing for a in missing.answers if a.coverage[0].missing is not None}


@pytest.fixture(scope="module")
def dumped(demo_account: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same account as the AWS CLI prints it, with version 2's times."""
    home = tmp_path_factory.mktemp("cli")
    config = home / "config"
    config.write_text("[default]\ncli_timestamp_format = iso8601\n")
    env = environment(demo_account.url, REGION) | {"AWS_CONFIG_FILE": str(config), "TZ": "UTC"}
    dump(home / "dump" / "aws", env, CLUSTER)
    demo_account.account.kubernetes(home / "kubernetes")
    return home


@pytest.mark.usefixtures("demo")
def test_live_is_what_the_aws_cli_prints(dumped: Path) -> None:
    """Each object read live equals the dump's; what the dump has besides is of networks that the cluster is not in."""
    live, files = snapshot(read()), clusterproof.load([dumped / "dump"])
    vpc = next(iter(live.objects(kinds.CLUSTERS))).resources_vpc_config.vpc_id
    assert vpc.startswith("vpc-")
    compared = 0
    for kind in AWS:
        here, there = objects(live, kind.name), objects(files, kind.name)
        assert live.missing(kind) is None, kind.name
        if kind is kinds.INSTANCE_TYPES:  # the CLI's own botocore may be older and leave new members out
            assert all(item in files.objects(kind) for item in live.objects(kind))
        else:
            assert here == {key: there.get(key) for key in here}, kind.name
        compared += len(here)
        rest = {key: value for key, value in there.items() if key not in here}
        if kind in IN_VPC:
            assert all(value["VpcId"] != vpc for value in rest.values()), kind.name
        elif kind is kinds.SECURITY_GROUP_RULES:
            held = objects(live, kinds.SECURITY_GROUPS.name)
            assert all(value["GroupId"] not in held for value in rest.values())
        elif kind is kinds.LAUNCH_TEMPLATE_VERSIONS:  # moto forgets the mixed instances policy that names the others
            named = {group["launchTemplate"]["id"] for group in objects(live, "nodegroups").values()}
            assert {value["LaunchTemplateId"] for value in here.values()} == named
            assert len(here) == 3
        elif kind is not kinds.INSTANCE_TYPES:
            assert not rest, kind.name
    assert compared > 100
    assert live.meta.account == files.meta.account == ACCOUNT
    assert live.meta.region == files.meta.region == REGION


@pytest.mark.usefixtures("demo")
def test_findings_are_those_of_the_files(dumped: Path) -> None:
    """The demo's verdicts, evidence and fixes are byte for byte the same from live answers as from a dump."""
    there = clusterproof.load([dumped / "dump", dumped / "kubernetes"])
    live = snapshot(read())
    kubernetes = {name: table for name, table in there.tables.items() if table.kind.origin == "kubernetes"}
    here = Snapshot(there.meta, {**kubernetes, **live.tables})
    reports = [msgspec.json.encode(clusterproof.check(each, "dynamo").findings) for each in (here, there)]
    assert reports[0] == reports[1]
    assert b'"fail"' in reports[0].lower()


def test_everything_is_asked_once_and_bounded(demo: Demo) -> None:
    """No call is made twice with the same question, and never more at once than workers."""
    given = read(workers=3)
    assert without_null(given) == {}
    assert demo.proxy.most <= 3
    single = [kind.permission for kind in AWS if "ID" not in kind.command and "NAME" not in kind.command]
    counts = {action: sum(item.action == action for item in demo.proxy.seen) for action in single}
    templates = len(demo.account.file("launch-template-versions")["LaunchTemplateVersions"]) // 2
    assert counts.pop("ec2:DescribeLaunchTemplateVersions") == templates
    assert set(counts.values()) == {1}


def test_pages_of_any_size_add_up(demo: Demo) -> None:
    """Where every list comes in pages of two objects, whatever more is asked for, all objects are read."""
    whole = snapshot(read())
    demo.proxy.pages = Pages(2)
    paged = snapshot(read())
    again = {item.action for item in demo.proxy.seen if item.page > 1}
    assert again == {action for action in demo.proxy.actions if listing(action) is not None}
    for kind in AWS:
        assert paged.missing(kind) is None, kind.name
        assert objects(paged, kind.name) == objects(whole, kind.name)


def test_pages_add_up(demo: Demo) -> None:
    """Small pages give the same objects as large ones, in more requests."""
    whole = snapshot(read())
    demo.proxy.reset()
    paged = snapshot(read(page_size=5))
    assert any(item.page > 1 for item in demo.proxy.seen)
    for kind in AWS:
        assert objects(paged, kind.name) == objects(whole, kind.name)


@pytest.mark.usefixtures("demo")
def test_known_instances_are_asked_for_by_id() -> None:
    """With the nodes' instance ids only those are read; one that is gone does not stop the others."""
    ids = sorted(objects(snapshot(read()), "instances"))[:2]
    given = snapshot(read(needed=Needed(instances=(*ids, "i-00000000000000000"))))
    assert sorted(objects(given, "instances")) == ids
    assert given.missing(kinds.INSTANCES) is None
    none = snapshot(read(needed=Needed(instances=())))
    assert objects(none, "instances") == {}


@pytest.mark.usefixtures("demo")
def test_instance_types_that_are_needed() -> None:
    """Types beside those of the node groups are read when they are named, or all of them."""
    given = snapshot(read(needed=Needed(instance_types=("p5.48xlarge",))))
    assert {"p5.48xlarge", "g5.12xlarge"} <= set(objects(given, "instance-types"))
    every = snapshot(read(needed=Needed(every_instance_type=True)))
    assert len(objects(every, "instance-types")) > 300


def test_only_the_kinds_asked_for_are_called(demo: Demo) -> None:
    """A choice of kinds makes their calls and no others."""
    given = read(kinds=[kinds.SECURITY_GROUPS, kinds.CLUSTERS])
    assert [answer.kind.name for answer in given.answers] == ["clusters", "security-groups"]
    assert demo.proxy.actions == {"sts:GetCallerIdentity", "eks:DescribeCluster", "ec2:DescribeSecurityGroups"}


@pytest.mark.usefixtures("demo")
def test_who_reads_is_told() -> None:
    """Identity, region, cluster and endpoint are part of the answer, and progress of the talk."""
    told: list[str] = []
    given = read_account(AccountOptions(cluster=CLUSTER), observer=told.append)
    assert [(item.account, item.usable) for item in given.identities] == [(ACCOUNT, True)]
    assert given.identities[0].arn.startswith(f"arn:aws:sts::{ACCOUNT}:")
    assert (given.region, given.cluster, given.account) == (REGION, CLUSTER, ACCOUNT)
    assert given.endpoint.startswith("https://")
    assert "instances: 12 read" in told
    assert not given.nothing_read


@pytest.mark.usefixtures("demo")
def test_the_only_cluster_needs_no_name() -> None:
    """Where the region has one cluster it is meant."""
    assert read(cluster="").cluster == CLUSTER


@pytest.mark.usefixtures("demo")
def test_a_cluster_that_is_not_there() -> None:
    """The error names account, region and the clusters that are there."""
    with pytest.raises(InputError) as caught:
        read(cluster="prod")
    assert str(caught.value) == (
        f"there is no EKS cluster prod in {REGION} of account {ACCOUNT}; there are {CLUSTER}: "
        "name one of these after --cluster, or another --region"
    )


@pytest.mark.usefixtures("demo")
def test_a_region_without_clusters() -> None:
    """The error says that there is none at all."""
    for name in ("", CLUSTER):
        with pytest.raises(InputError, match=r"there is no EKS cluster.* in eu-west-1 of account"):
            read(cluster=name, region="eu-west-1")


def test_a_cluster_whose_list_is_denied(demo: Demo) -> None:
    """Without eks:ListClusters the error names it instead of the clusters."""
    demo.proxy.faults["eks:ListClusters"] = refuse("AccessDeniedException", 403)
    with pytest.raises(InputError, match="to list them, grant eks:ListClusters"):
        read(cluster="prod")


@pytest.mark.usefixtures("demo")
def test_unknown_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists the profiles that there are."""
    config = tmp_path / "config"
    config.write_text("[profile platform]\nregion = us-west-2\n[profile network]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(UsageError) as caught:
        read(profiles=("prod",))
    assert str(caught.value) == "--aws-profile prod: there is no such AWS profile; there are network, platform"
    monkeypatch.setenv("AWS_PROFILE", "old")
    with pytest.raises(UsageError, match="AWS_PROFILE=old: there is no such AWS profile"):
        read()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[profile p]\nregion = us-west-2\n", "profile p holds no AWS credentials"),
        (
            "[profile p]\nregion = us-west-2\ncredential_process = false\n",
            "credentials of profile p could not be had",
        ),
        (
            SSO,
            "the sign-in session of the credentials of profile p has expired",
        ),
    ],
)
def test_no_credentials(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, sentence: str
) -> None:
    """Every kind is unknown with one sentence, nothing is called, and nothing is raised: the cluster may still be read."""
    config = tmp_path / "config"
    config.write_text(content)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    given = read(profiles=("p",))
    missing = without_null(given)
    assert len(missing) == len(AWS)
    assert all(sentence in str(why) for why in missing.values()), missing
    assert given.nothing_read
    assert demo.proxy.seen == []


# --- several accounts --------------------------------------------------------------------------

OTHER = "444455556666"


class Peered(msgspec.Struct, frozen=True):
    """The demo beside another account whose VPC is peered with its own."""

    vpc: str
    other_vpc: str
    other_group: str
    subnet: str
    key: str


@pytest.fixture(scope="module")
def peered(demo_account: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peered, Path]]:
    """A second account on the same server, peered with the demo's VPC; profiles ``platform`` and ``network``."""
    settings = Config(region_name=REGION, retries={"max_attempts": 1}, proxies={})

    def client(service: str, key: str, password: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=demo_account.url,
            aws_access_key_id=key,
            aws_secret_access_key=password,
            config=settings,
        )

    iam = client("iam", "test", "test")
    header = {"x-moto-account-id": OTHER}
    iam.meta.events.register("before-call", lambda params, **_: params["headers"].update(header))
    iam.create_user(UserName="network")
    held = iam.create_access_key(UserName="network")["AccessKey"]
    there = client("ec2", held["AccessKeyId"], held["SecretAccessKey"])
    here = client("ec2", "test", "test")
    other = there.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = there.create_subnet(VpcId=other, CidrBlock="10.99.1.0/24")["Subnet"]["SubnetId"]
    group = there.create_security_group(GroupName="db", Description="db", VpcId=other)["GroupId"]
    shipped = json.loads((demo_account.account.world / "aws" / "vpcs.json").read_text())["Vpcs"][0]["VpcId"]
    vpc = demo_account.account.ids[shipped]
    asked = here.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other, PeerOwnerId=OTHER, PeerRegion=REGION)
    peering = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    there.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    home = tmp_path_factory.mktemp("profiles")
    (home / "config").write_text(
        f"[profile platform]\nregion = {REGION}\naws_access_key_id = test\naws_secret_access_key = test\n"
        f"[profile network]\nregion = eu-west-1\naws_access_key_id = {held['AccessKeyId']}\n"
        f"aws_secret_access_key = {held['SecretAccessKey']}\n"
    )
    yield Peered(vpc, other, group, subnet, held["AccessKeyId"]), home / "config"
    here.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)


@pytest.mark.usefixtures("demo")
def test_accounts_are_merged(peered: tuple[Peered, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The peered VPC's subnets and groups come from its owner; what both see is there once."""
    world, config = peered
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    given = read(profiles=("platform", "network"))
    assert [item.account for item in given.identities] == [ACCOUNT, OTHER]
    assert (given.region, given.account, given.notes) == (REGION, ACCOUNT, ())
    assert without_null(given) == {}
    merged = snapshot(given)
    assert world.other_group in objects(merged, "security-groups")
    assert world.subnet in objects(merged, "subnets")
    for answer in given.answers:
        keys = [answer.kind.key(msgspec.json.decode(item, type=answer.kind.type)) for item in answer.items]  # type: ignore[arg-type]
        assert len(keys) == len(set(keys)), answer.kind.name
    assert merged.meta.account == ACCOUNT


@pytest.mark.usefixtures("demo")
def test_the_order_of_profiles_does_not_choose_the_cluster(
    peered: tuple[Peered, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account that has the cluster is home, wherever its profile stands."""
    _, config = peered
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    given = read(profiles=("network", "platform"), region=REGION)
    assert given.account == ACCOUNT
    assert without_null(given) == {}


@pytest.mark.usefixtures("demo")
def test_one_account_alone_notes_the_other(peered: tuple[Peered, Path]) -> None:
    """Without the owner's profile a note names its account, and its objects stay unread."""
    world, _ = peered
    given = read()
    what = f"VPC {world.other_vpc} belongs to account {OTHER}, which no profile reads"
    assert given.notes == (f"{what}; add --aws-profile with a profile of account {OTHER}",)
    assert world.other_group not in objects(snapshot(given), "security-groups")


def test_denied_in_one_account_read_in_the_other(
    demo: Demo, peered: tuple[Peered, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one account gave is there; the kind stays incomplete, with the other account's denial."""
    world, config = peered
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    no = refuse("UnauthorizedOperation", 403)
    demo.proxy.faults["ec2:DescribeSecurityGroups"] = lambda handler, seen: (
        world.key in handler.headers["Authorization"] and no(handler, seen)
    )
    given = read(profiles=("platform", "network"))
    missing = without_null(given)
    assert set(missing) == {"security-groups"}
    assert missing["security-groups"].cause is Cause.DENIED
    assert OTHER in missing["security-groups"].detail
    assert len(objects(snapshot(given), "security-groups")) >= 4
    # Two profiles of one account: what one of them may read is read.
    text = config.read_text()
    again = config.with_name("again")
    again.write_text(
        text
        + text.replace("profile network", "profile audit").partition("[profile audit]")[1]
        + text.partition("[profile network]")[2]
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(again))
    first = iter([True])
    demo.proxy.faults["ec2:DescribeSecurityGroups"] = lambda handler, seen: (
        world.key in handler.headers["Authorization"] and next(first, False) and no(handler, seen)
    )
    assert without_null(read(profiles=("platform", "network", "audit"))) == {}


@pytest.mark.usefixtures("demo")
def test_a_profile_that_cannot_be_used(
    peered: tuple[Peered, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The cluster's own kinds are complete; those that the profile was named for are not, with its sentence."""
    _, config = peered
    more = tmp_path / "config"
    more.write_text(config.read_text() + "[profile empty]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(more))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    missing = without_null(read(profiles=("platform", "empty")))
    assert "subnets" in missing
    assert "nodegroups" not in missing
    assert all("profile empty holds no AWS credentials" in str(why) for why in missing.values())


def test_two_clusters_need_a_choice() -> None:
    """Without a name the error lists them."""
    with extended_moto() as url:
        eks = boto3.client(
            "eks", endpoint_url=url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
        )
        for name in ("blue", "green"):
            eks.create_cluster(name=name, roleArn=f"arn:aws:iam::{ACCOUNT}:role/r", resourcesVpcConfig={})
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(url, REGION).items():
                if name.startswith("AWS_") or name == "NO_PROXY":
                    patch.setenv(name, value)
            with pytest.raises(UsageError, match="there are clusters blue, green in us-west-2; choose one"):
                read(cluster="")
            # A cluster whose subnets are not known leaves everything to be read, unfiltered.
            given = read(cluster="green")
            assert without_null(given) == {}
            assert len(objects(snapshot(given), "security-groups")) == 1


@pytest.mark.usefixtures("demo")
def test_nothing_of_the_environment_is_changed() -> None:
    """Reading leaves the process's environment as it was."""
    before = dict(os.environ)
    read()
    assert dict(os.environ) == before
