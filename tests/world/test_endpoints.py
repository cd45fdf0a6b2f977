from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.world.endpoints import Holder
from tests.world.build import Tiny


def test_whose_an_address_is() -> None:
    """A pod's, a node's, or nobody's; pods that are finished have none, host-network pods the node's (rule 6.12)."""
    tiny = Tiny()
    tiny.node("n")
    tiny.objects["nodes"][-1]["status"]["addresses"] = [
        {"type": "InternalIP", "address": "10.0.0.5"},
        {"type": "Hostname", "address": "n"},
    ]
    for name, address, phase, spec in (
        ("a", "10.0.0.9", "Running", {}),
        ("done", "10.0.0.10", "Succeeded", {}),
        ("host", "10.0.0.5", "Running", {"hostNetwork": True}),
    ):
        tiny.pod(f"app/{name}", "n", spec=spec, phase=phase)
        tiny.objects["pods"][-1]["status"]["podIP"] = address
    raw = {"NetworkInterfaceId": "eni-9", "PrivateIpAddress": "10.0.0.200"}
    tiny.put(kinds.NETWORK_INTERFACES, {**raw, "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.9"}]})
    holders = tiny.world().holders
    assert holders.of("10.0.0.9") == Holder("app/a", "n")
    assert holders.of("10.0.0.5") == Holder("", "n")
    assert holders.of("10.0.0.10") is None
    assert holders.of("n") is None
    for address, world in (("10.0.0.200", tiny), ("10.0.0.9", tiny.drop(kinds.PODS))):
        held = world.world().holders.of(address)
        assert held is not None
        assert held.interface is not None
        assert held.interface.network_interface_id == "eni-9"
    assert tiny.drop(kinds.NETWORK_INTERFACES).world().holders.of("10.0.0.9") is None
