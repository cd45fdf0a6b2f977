from __future__ import annotations

import io
from collections import Counter

import msgspec
import pytest

import clusterproof
from benchmarks.synthetic.cluster import synthetic
from benchmarks.synthetic.plan import PRESETS, Plan, Size
from clusterproof.reach.addresses import AddressSet
from clusterproof.snapshot import kinds
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.snapshot.writer import write_to
from clusterproof.world.world import World

SIZE = Size(nodes=24, pods_per_node=10, policies=15, groups=4)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """A small synthetic cluster."""
    return synthetic(SIZE)


def _bytes(size: Size) -> bytes:
    file = io.BytesIO()
    write_to(synthetic(size), file)
    return file.getvalue()


def test_the_same_size_gives_the_same_bytes() -> None:
    """The generator has neither clock nor chance; another size is another file."""
    assert _bytes(SIZE) == _bytes(SIZE)
    assert _bytes(SIZE) != _bytes(Size(24, 10, 16, 4))


def test_what_was_asked_for_is_there(snapshot: Snapshot) -> None:
    """Nodes, pods per node, policies and groups are counted as asked, every pod on a node that exists."""
    assert len(snapshot.objects(kinds.NODES)) == 24
    assert len(snapshot.objects(kinds.NETWORK_POLICIES)) == 15
    assert len(snapshot.objects(kinds.NODEGROUPS)) == 4
    per_node = Counter(pod.spec.node_name for pod in snapshot.objects(kinds.PODS))
    assert set(per_node.values()) == {10}
    assert set(per_node) == {node.metadata.name for node in snapshot.objects(kinds.NODES)}


def test_names_and_addresses_are_unique(snapshot: Snapshot) -> None:
    """No two pods share a key, no two pods off the host network an address, no two nodes an instance."""
    pods = snapshot.objects(kinds.PODS)
    assert len({kinds.PODS.key(pod) for pod in pods}) == len(pods)
    addresses = [pod.status.pod_ip for pod in pods if not pod.spec.host_network]
    addresses += [node.status.addresses[0].address for node in snapshot.objects(kinds.NODES)]
    assert len(set(addresses)) == len(addresses)
    assert len({node.spec.provider_id for node in snapshot.objects(kinds.NODES)}) == 24


def test_addresses_lie_in_the_subnets_of_their_instances(snapshot: Snapshot) -> None:
    """An instance's addresses are its subnet's, and subnets are parts of the VPC."""
    subnets = {item.subnet_id: AddressSet.of(item.cidr_block) for item in snapshot.objects(kinds.SUBNETS)}
    vpc = snapshot.objects(kinds.VPCS)[0]
    whole = AddressSet.of(*(item.cidr_block for item in vpc.cidr_block_association_set))
    assert all(whole.covers(block) == "all" for block in subnets.values())
    for interface in snapshot.objects(kinds.NETWORK_INTERFACES):
        own = AddressSet.of(*(item.private_ip_address for item in interface.private_ip_addresses))
        assert subnets[interface.subnet_id].covers(own) == "all"


def test_pods_look_as_kubectl_prints_them(snapshot: Snapshot) -> None:
    """Some 4 KB of JSON each, without managedFields, with the members that real pods have."""
    table = snapshot.tables["pods"]
    sizes = [len(table.lines.line(position)) for position in range(len(table))]
    assert 3500 < sum(sizes) / len(sizes) < 6000
    for raw in table.raws():
        assert {"metadata", "spec", "status", "kind", "apiVersion"} == set(raw)
        assert "managedFields" not in raw["metadata"]
        assert raw["metadata"]["ownerReferences"][0]["controller"]
        assert len(raw["status"]["containerStatuses"]) == len(raw["spec"]["containers"])
        assert b"@" not in msgspec.json.encode(raw["metadata"])


def test_every_pod_belongs_to_a_controller_that_was_read(snapshot: Snapshot) -> None:
    """The world finds no pod without its template, and replicas are the pods that there are."""
    world = World(snapshot)
    assert {item.kind for item in world.workloads} == {"Deployment", "StatefulSet", "DaemonSet"}
    assert sum(len(item.pod_names) for item in world.workloads) == 240
    assert all(item.replicas in (None, len(item.pod_names)) for item in world.workloads)


def test_groups_have_nodes_of_their_own_interfaces_and_zones(snapshot: Snapshot) -> None:
    """Each group has its own security group in three zones, known today and from its template alike."""
    world = World(snapshot)
    assert list(world.groups) == ["general-02", "gpu-01", "gpu-03", "system"]
    assert not world.unknown_templates
    for name in world.groups:
        hosts = {item.host.security_groups for item in world.classes if item.group == name}
        zones = {item.zone for item in world.classes if item.group == name}
        assert len(hosts) == 1
        assert zones == {"us-west-2a", "us-west-2b", "us-west-2c"}


def test_policies_are_enforced_only_where_there_are_some(snapshot: Snapshot) -> None:
    """The VPC CNI's agent is switched on with the first NetworkPolicy."""
    assert World(snapshot).plane.policies is True
    assert World(synthetic(Size(24, 10, 0, 4))).plane.policies is False


def test_endpoints_are_the_pods_that_the_service_selects(snapshot: Snapshot) -> None:
    """EndpointSlices name existing pods with their addresses, a hundred at most each."""
    addresses = {kinds.PODS.key(pod): pod.status.pod_ip for pod in snapshot.objects(kinds.PODS)}
    slices = snapshot.objects(kinds.ENDPOINT_SLICES)
    assert slices
    for piece in slices:
        assert 0 < len(piece.endpoints) <= 100
        for item in piece.endpoints:
            assert item.target_ref is not None
            assert item.addresses == (addresses[f"{item.target_ref.namespace}/{item.target_ref.name}"],)


def test_the_dynamo_profile_has_something_to_find(snapshot: Snapshot) -> None:
    """Of two GPU groups etcd is open to one, NATS to none: the check must do its full work, fixes included."""
    report = clusterproof.check(snapshot, "dynamo")
    found = {finding.name: finding for finding in report.findings}
    assert found["etcd-from-gpu-nodes"].verdict == "depends"
    assert found["nats-from-gpu-nodes"].verdict == "fail"
    assert found["dns-from-workers"].verdict == "pass"
    fix = found["nats-from-gpu-nodes"].fix
    assert fix is not None
    assert fix.proven


@pytest.mark.parametrize("numbers", [(3, 20, 0, 4), (3, 20, 0, 1), (10, 5, 0, 2), (10, 20, -1, 2)])
def test_sizes_of_which_no_cluster_can_be_made_are_refused(numbers: tuple[int, int, int, int]) -> None:
    """The sentence names the option to change."""
    with pytest.raises(ValueError, match="--"):
        Plan(Size(*numbers))


def _sizes_of_groups(preset: str) -> list[int]:
    snapshot = synthetic(Size(nodes=60, pods_per_node=10, policies=12, groups=6, preset=preset))
    assert len(snapshot.objects(kinds.NODES)) == 60
    assert len(snapshot.objects(kinds.NETWORK_POLICIES)) == 12
    named = Counter(node.metadata.labels["eks.amazonaws.com/nodegroup"] for node in snapshot.objects(kinds.NODES))
    assert len(named) == len(snapshot.objects(kinds.NODEGROUPS)) == 6
    return sorted(named.values())


def test_presets_have_the_groups_that_they_say() -> None:
    """Uniform groups are of one size; of skewed ones one has more nodes than most of the others together."""
    assert set(_sizes_of_groups("uniform")) == {10}
    skewed = _sizes_of_groups("skewed")
    assert skewed[-1] > sum(skewed[:-2])
    assert sum(_sizes_of_groups("adversarial")) == 60


def test_the_adversarial_preset_lets_nothing_fold() -> None:
    """A block for each subnet of each group, and labels of its own for each workload; uniform has neither."""

    def blocks_and_labels(preset: str) -> tuple[int, int, int]:
        snapshot = synthetic(Size(nodes=24, pods_per_node=10, policies=12, groups=6, preset=preset))
        permissions = [one for group in snapshot.objects(kinds.SECURITY_GROUPS) for one in group.ip_permissions]
        blocks = {block.cidr_ip for permission in permissions for block in permission.ip_ranges}
        apps = [*snapshot.objects(kinds.DEPLOYMENTS), *snapshot.objects(kinds.STATEFUL_SETS)]
        labels = [tuple(sorted(app.spec.template.metadata.labels.items())) for app in apps]
        owned = sum(1 for one in labels if any(key == "who" for key, _ in one))
        return len(blocks), len(set(labels)), owned

    uniform, adversarial = blocks_and_labels("uniform"), blocks_and_labels("adversarial")
    assert adversarial[0] >= uniform[0] + 6
    assert adversarial[1] >= adversarial[2] > 0
    assert uniform[2] == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_world_that_is_read(preset: str) -> None:
    """What is generated is a cluster to the product, too: groups, node classes, and the same bytes each time."""
    size = Size(nodes=12, pods_per_node=8, policies=6, groups=3, preset=preset)
    assert _bytes(size) == _bytes(size)
    world = World(synthetic(size))
    assert len(world.groups) == 3
    assert sum(len(one.nodes) for one in world.classes) >= 12
