from __future__ import annotations

import msgspec

from clusterproof.snapshot.kubernetes import PodSpec
from clusterproof.world.readable import HOSTNAME, INSTANCE_TYPE, OS, ZONE, Readable, readable


def of(spec: dict[str, object]) -> Readable:
    """What one pod's spec reads."""
    result = Readable()
    result.add_spec(msgspec.convert(spec, PodSpec))
    return result


def test_zone_and_instance_type_always_count() -> None:
    """Reports and subnets need them, so each value makes classes."""
    found = readable((), ())
    assert {ZONE, INSTANCE_TYPE, OS} <= set(found.keys)
    assert found.key({ZONE: "a"}, "n") != found.key({ZONE: "b"}, "n")


def test_numbers_count_by_value() -> None:
    """Gt and Lt can tell any two values apart."""
    terms = [{"matchExpressions": [{"key": "gen", "operator": "Gt", "values": ["3"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    found = of({"affinity": {"nodeAffinity": required}})
    assert found.key({"gen": "4"}, "n") != found.key({"gen": "5"}, "n")


def test_presence_counts_without_value() -> None:
    """Exists, and the topology key of a spread, tell only whether the label is there."""
    found = of(
        {"topologySpreadConstraints": [{"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]}
    )
    assert found.key({"rack": "1"}, "n") == found.key({"rack": "2"}, "n") != found.key({}, "n")


def test_topology_of_required_affinity_counts_by_value() -> None:
    """Racks of a required pod affinity are different places; host names are asked of the class."""
    terms = [{"topologyKey": key, "labelSelector": {}} for key in ("rack", HOSTNAME)]
    found = of({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
    assert found.key({"rack": "1"}, "n") != found.key({"rack": "2"}, "n")
    assert found.key({HOSTNAME: "1"}, "n") == found.key({HOSTNAME: "2"}, "n")


def test_order_of_loading_does_not_matter() -> None:
    """The key of a node is the same whichever selector was read first."""
    one, other = Readable(), Readable()
    one.add_value("a", "1")
    one.add_key("b")
    other.add_key("b")
    other.add_value("a", "1")
    labels = {"a": "1", "b": "x", "c": "y"}
    assert one.key(labels, "n") == other.key(labels, "n")
    assert one.labels(labels) == {"a": "1", "b": "x"}
