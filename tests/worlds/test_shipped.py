from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import msgspec
import pytest

import clusterproof
import worlds
from clusterproof.api import WORLDS
from clusterproof.placement.node import Cluster, node_views
from clusterproof.placement.odds import after_caching
from clusterproof.placement.requests import pod_requests
from clusterproof.placement.scores import score
from clusterproof.placement.version import SchedulerVersion, scheduler_version
from clusterproof.profiles.model import Template
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Instance
from clusterproof.snapshot.kubernetes import Pod, PodMetadata, PodSpec, Quantity, Resources, Toleration
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.completeness import CUSTOM
from clusterproof.world.world import World
from tests.worlds.page import DYNAMO_WORLDS, PAGE, GroupRow, pages

NOT_NEEDED = {
    kinds.ENDPOINTS.name,  # EndpointSlices say the same
    kinds.CONFIG_MAPS.name,  # no rule reads them
    # Only requirements on the control plane's calls and on load balancers read these; the profile dynamo has none.
    *(kind.name for kind in kinds.ALL if kind.wire.endswith("WebhookConfiguration") or kind.wire == "APIService"),
    *(kind.name for kind in kinds.ALL if kind.group == "elbv2"),
    # Nor these, which are read only where a profile asks.
    *(kind.name for kind in kinds.REQUESTED if kind not in CUSTOM),
}
MIB = 2**20
TIED = ("demo", "inference-at-zero")


@pytest.fixture(scope="module", params=DYNAMO_WORLDS)
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Each world of the document on Dynamo."""
    return clusterproof.load_world(request.param)


def name_of(snapshot: Snapshot) -> str:
    """The world's name."""
    return Path(snapshot.meta.sources[0]).name


def template() -> Template:
    """The profile's validator in the document's version."""
    return clusterproof.load_profile("dynamo").workloads["validator"].templates["document"]


def validator(requests: dict[str, Quantity] | None = None) -> Pod:
    """The pod of the profile's validator, or one like it with other requests."""
    spec = msgspec.convert(template().spec, PodSpec)
    if requests is not None:
        (container,) = spec.containers
        spec = msgspec.structs.replace(
            spec, containers=(msgspec.structs.replace(container, resources=Resources(requests)),)
        )
    return Pod(PodMetadata("validator", "aicr-validation"), spec)


def cluster_of(snapshot: Snapshot) -> Cluster:
    """What the scheduler sees."""
    return Cluster(node_views(snapshot.objects(kinds.NODES), snapshot.objects(kinds.PODS)))


def test_files_are_as_the_script_makes_them() -> None:
    """The files that ship are those that scripts/worlds.py writes, byte for byte, and no others."""
    assert worlds.drift() == []


def test_a_changed_or_foreign_file_is_drift(tmp_path: Path) -> None:
    """A file that was edited, removed or added by hand is named."""
    worlds.write(tmp_path)
    assert worlds.drift(tmp_path) == []
    (tmp_path / "demo/aws/vpcs.json").write_text("{}")
    (tmp_path / "demo/aws/subnets.json").unlink()
    (tmp_path / "demo/aws/extra.json").write_text("{}")
    assert worlds.drift(tmp_path) == [f"demo/aws/{name}.json" for name in ("extra", "subnets", "vpcs")]
    worlds.write(tmp_path)
    assert worlds.drift(tmp_path) == []


def test_every_world_has_its_page() -> None:
    """docs/worlds.md describes exactly the worlds that ship, and each has a README of its own."""
    assert sorted(pages()) == sorted(DYNAMO_WORLDS)
    assert sorted(WORLDS) == sorted(worlds.MAKERS)
    for name in WORLDS:
        assert f"World `{name}`" in (worlds.WORLDS / name / "README.md").read_text("utf-8")


def test_nothing_is_unknown(snapshot: Snapshot) -> None:
    """Every kind that a rule reads is complete, and nothing was left aside while reading."""
    missing = {kind.name for kind in kinds.ALL if snapshot.missing(kind) is not None}
    assert missing == NOT_NEEDED
    assert snapshot.meta.notes == ()
    assert not [item for table in snapshot.tables.values() for item in table.unknown_fields]
    world = World(snapshot)
    assert world.unknown_templates == {}
    assert world.other_makers == ()
    assert world.plane.modelled is None
    assert world.plane.policies is False


def test_cluster_is_recognised(snapshot: Snapshot) -> None:
    """Cluster, account, region and Kubernetes version are found in the files."""
    meta = snapshot.meta
    expected = {
        "demo": ("demo-gpu", "us-west-2", "1.34"),
        "custom-networking": ("aicr-uat", "us-east-1", "1.35"),
        "inference-at-zero": ("inference-gpu", "us-west-2", "1.34"),
    }
    assert (meta.cluster, meta.region, meta.kubernetes_version) == expected[name_of(snapshot)]
    assert meta.account == "111122223333"


def test_helm_releases_are_read(snapshot: Snapshot) -> None:
    """The plain output of ``helm list -A -o json`` says which Dynamo platform is installed."""
    release = snapshot.get(kinds.HELM_RELEASES, "dynamo/dynamo-platform")
    assert release is not None
    assert (release.chart, release.version) == ("dynamo-platform", "1.1.0")


def test_groups_are_those_of_the_page(snapshot: Snapshot) -> None:
    """Node groups, sizes, instance types, security groups and subnets are what docs/worlds.md says."""
    names = {group.group_id: group.group_name for group in snapshot.objects(kinds.SECURITY_GROUPS)}
    world = World(snapshot)
    found = []
    for name, group in sorted(world.groups.items()):
        assert group.size is not None
        classes = [item for item in world.classes if item.group == name]
        (groups,) = {item.host.security_groups for item in classes}
        assert isinstance(groups, tuple)
        (security_group,) = groups
        (instance_type,) = group.instance_types
        nodegroup = snapshot.get(kinds.NODEGROUPS, name)
        assert nodegroup is not None
        subnets = len(nodegroup.subnets)
        least, _, most = group.size
        found.append(GroupRow(name, len(group.nodes), least, most, instance_type, names[security_group], subnets))
    assert tuple(found) == pages()[name_of(snapshot)].groups


def test_sizes_stay_small() -> None:
    """A world is data for a demonstration: below 440 kB, so that it loads at once."""
    for name in WORLDS:
        assert sum(path.stat().st_size for path in (worlds.WORLDS / name).rglob("*.json")) < 440_000


def test_addresses_fit_their_subnets(snapshot: Snapshot) -> None:
    """Every interface's addresses lie in its subnet, none is used twice, and every pod has one of its own node's."""
    subnets = {item.subnet_id: ipaddress.ip_network(item.cidr_block) for item in snapshot.objects(kinds.SUBNETS)}
    seen: dict[str, str] = {}
    for interface in snapshot.objects(kinds.NETWORK_INTERFACES):
        for item in interface.private_ip_addresses:
            assert ipaddress.ip_address(item.private_ip_address) in subnets[interface.subnet_id]
            assert item.private_ip_address not in seen
            seen[item.private_ip_address] = interface.attachment.instance_id if interface.attachment else ""
    instances = {node.metadata.name: node.spec.provider_id.rpartition("/")[2] for node in snapshot.objects(kinds.NODES)}
    taken: set[str] = set()
    for pod in snapshot.objects(kinds.PODS):
        assert seen[pod.status.pod_ip] == instances[pod.spec.node_name]
        if not pod.spec.host_network:
            assert pod.status.pod_ip not in taken
            taken.add(pod.status.pod_ip)


def test_references_hold(snapshot: Snapshot) -> None:
    """Instances, interfaces, groups, rules, routes and templates name only what is there."""
    groups = {item.group_id for item in snapshot.objects(kinds.SECURITY_GROUPS)}
    subnets = {item.subnet_id for item in snapshot.objects(kinds.SUBNETS)}
    by_id: dict[str, Instance] = {item.instance_id: item for item in snapshot.objects(kinds.INSTANCES)}
    assert {node.spec.provider_id.rpartition("/")[2] for node in snapshot.objects(kinds.NODES)} == set(by_id)
    for instance in by_id.values():
        assert instance.subnet_id in subnets
        assert {item.group_id for item in instance.security_groups} <= groups
    for interface in snapshot.objects(kinds.NETWORK_INTERFACES):
        assert {item.group_id for item in interface.groups} <= groups
    for asg in snapshot.objects(kinds.AUTO_SCALING_GROUPS):
        assert {item.instance_id for item in asg.instances} <= set(by_id)
        assert len(asg.instances) == asg.desired_capacity
        assert set(asg.vpc_zone_identifier.split(",")) <= subnets
    for version in snapshot.objects(kinds.LAUNCH_TEMPLATE_VERSIONS):
        assert set(version.launch_template_data.security_group_ids) <= groups
    for config in snapshot.objects(kinds.ENI_CONFIGS):
        assert config.spec.subnet in subnets
        assert set(config.spec.security_groups) <= groups


def test_rules_are_told_twice_and_agree(snapshot: Snapshot) -> None:
    """describe-security-groups and describe-security-group-rules list the same rules."""
    grouped: set[tuple[Any, ...]] = set()
    for group in snapshot.objects(kinds.SECURITY_GROUPS):
        for egress, permissions in ((False, group.ip_permissions), (True, group.ip_permissions_egress)):
            for item in permissions:
                ports = (-1, -1) if item.from_port is None else (item.from_port, item.to_port)
                peers = [pair.group_id for pair in item.user_id_group_pairs] + [r.cidr_ip for r in item.ip_ranges]
                grouped |= {(group.group_id, egress, item.ip_protocol, *ports, peer) for peer in peers}
    single = [
        (
            rule.group_id,
            rule.is_egress,
            rule.ip_protocol,
            rule.from_port,
            rule.to_port,
            rule.cidr_ipv4 or (rule.referenced_group_info.group_id if rule.referenced_group_info else ""),
        )
        for rule in snapshot.objects(kinds.SECURITY_GROUP_RULES)
    ]
    assert len(single) == len(set(single))
    assert set(single) == grouped


@pytest.mark.parametrize("name", TIED)
def test_twelve_nodes_tie(name: str) -> None:
    """All twelve nodes have the same total for the validator, by the numbers on the page."""
    snapshot = clusterproof.load_world(name)
    cluster = cluster_of(snapshot)
    version = scheduler_version(snapshot.meta.kubernetes_version)
    assert isinstance(version, SchedulerVersion)
    scores = score(validator(), cluster, cluster.nodes, version)
    assert isinstance(scores, tuple)
    assert len(scores) == 12
    assert {tuple(sorted(item.scores.items())) for item in scores} == {
        (
            ("ImageLocality", 0),
            ("NodeResourcesBalancedAllocation", 98),
            ("NodeResourcesFit", 96),
            ("TaintToleration", 300),
        )
    }


@pytest.mark.parametrize("name", TIED)
@pytest.mark.parametrize("minor", [30, 31, 34, 35, 36])
@pytest.mark.parametrize("requests", [{}, {"cpu": "100m", "memory": "128Mi"}, {"cpu": "2", "memory": "512Mi"}])
def test_the_tie_holds_for_other_requests_and_schedulers(name: str, minor: int, requests: dict[str, Quantity]) -> None:
    """Whatever the validator asks for and whichever scheduler places it, the twelve nodes stay equal."""
    cluster = cluster_of(clusterproof.load_world(name))
    scores = score(validator(requests=requests), cluster, cluster.nodes, SchedulerVersion(minor))
    assert isinstance(scores, tuple)
    assert len({item.total for item in scores}) == 1


@pytest.mark.parametrize("name", TIED)
def test_all_nodes_hold_the_same_requests(name: str) -> None:
    """Each of the twelve nodes holds pods that ask for 1,150m CPU and 2 GiB: the tie is no accident of rounding."""
    for node in cluster_of(clusterproof.load_world(name)).nodes:
        asked = [pod_requests(pod.spec) for pod in node.pods]
        assert sum(item.get("cpu", 0) for item in asked) == 1150
        assert sum(item.get("memory", 0) for item in asked) == 2 * 2**30


@pytest.mark.parametrize(("size", "stays"), [(512 * MIB, 1), (394 * MIB, 1), (393 * MIB, 1 / 12)])
def test_the_first_node_keeps_winning_from_394_mib_on(size: int, stays: float) -> None:
    """An image of 32.77 MiB × 12 or more wins its node all later runs; a smaller one leaves the tie as it was."""
    (container,) = validator().spec.containers
    after = after_caching(validator(), cluster_of(clusterproof.load_world("demo")), {container.image: size})
    assert after.why_not is None
    assert float(after.stays) == pytest.approx(stays)


def test_no_node_has_the_validators_image(snapshot: Snapshot) -> None:
    """The story begins with a cold cache: no node lists the validator's image."""
    names = {name for node in snapshot.objects(kinds.NODES) for image in node.status.images for name in image.names}
    (container,) = validator().spec.containers
    repository = container.image.partition(":")[0]
    assert not [name for name in names if name.startswith(repository)]


def test_the_validators_template_is_the_pages() -> None:
    """docs/worlds.md writes down the pod template that the odds are of: what it asks for and its image's size."""
    (container,) = validator().spec.containers
    assert container.resources.requests == {"cpu": "1", "memory": "1Gi"}
    assert validator().spec.tolerations == (Toleration(operator="Exists"),)
    assert validator().spec.affinity is None
    assert template().image_bytes == 512 * MIB
    assert f"{template().image_bytes:,} bytes" in PAGE.read_text("utf-8")


def test_every_node_is_owned_by_its_group(snapshot: Snapshot) -> None:
    """The label that EKS sets and the tags of the instance name the same node group."""
    tags = {item.instance_id: {tag.key: tag.value for tag in item.tags} for item in snapshot.objects(kinds.INSTANCES)}
    for node in snapshot.objects(kinds.NODES):
        instance = node.spec.provider_id.rpartition("/")[2]
        assert tags[instance]["eks:nodegroup-name"] == node.metadata.labels["eks.amazonaws.com/nodegroup"]
