from __future__ import annotations

import pytest

from clusterproof.profiles.port import PortRange, parse_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2379/TCP", PortRange(2379, 2379, "TCP")),
        ("53/udp", PortRange(53, 53, "UDP")),
        ("1024-65535/TCP", PortRange(1024, 65535, "TCP")),
        (" 1/TCP ", PortRange(1, 1, "TCP")),
        ("80/sctp", PortRange(80, 80, "SCTP")),
    ],
)
def test_ports_become_records(text: str, expected: PortRange) -> None:
    """A port or a range with its protocol becomes a record, which prints as it is written."""
    assert parse_port(text) == expected
    assert parse_port(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "2379", "tcp/2379", "0/TCP", "65536/TCP", "20-10/TCP", "1-/TCP", "80/ICMP", "80/TCP/UDP", "-1/TCP"]
)
def test_other_texts_are_refused_with_what_to_write(text: str) -> None:
    """Whatever is no port is refused, and the message shows the text."""
    with pytest.raises(ValueError, match=r"port|protocol") as caught:
        parse_port(text)
    assert repr(text) in str(caught.value)
