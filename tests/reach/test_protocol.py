"""Protocols and ports of rules."""

from __future__ import annotations

import pytest

from clusterproof.reach.protocol import Flow, flow_of, matches, ports_text, protocol_number


@pytest.mark.parametrize(
    ("text", "number"), [("tcp", 6), ("6", 6), ("UDP", 17), ("17", 17), ("icmpv6", 58), ("-1", -1)]
)
def test_names_and_numbers_are_one(text: str, number: int) -> None:
    """``6`` is ``tcp``, ``17`` is ``udp``, whatever the case (rule 1.6)."""
    assert protocol_number(text) == number


def test_what_is_no_protocol_has_no_number() -> None:
    """A misspelt name is not taken for any protocol (rule 1.6)."""
    assert protocol_number("tpc") is None
    assert protocol_number("256") is None
    with pytest.raises(ValueError, match="not an IP protocol"):
        flow_of("tpc", 80)


def test_ports_count_for_tcp_and_udp_only() -> None:
    """EC2 API, IpPermission: any other protocol passes "regardless of any port range you specify" (rule 1.6)."""
    assert matches(6, 80, 90, Flow(6, 85))
    assert not matches(6, 80, 90, Flow(6, 91))
    assert not matches(17, 80, 90, Flow(6, 85))
    assert matches(132, 80, 90, Flow(132, 5))
    assert matches(-1, 80, 90, Flow(6, 5))


def test_icmp_ranges_are_type_and_code() -> None:
    """EC2 API, IpPermission: FromPort is the ICMP type, ToPort the code, -1 all (rule 1.6)."""
    assert matches(1, 8, 0, Flow(1, 8))
    assert matches(1, 8, -1, Flow(1, 8))
    assert matches(1, -1, -1, Flow(1, 8))
    assert not matches(1, 3, 4, Flow(1, 3))
    assert not matches(1, 0, -1, Flow(1, 8))


def test_ports_read_as_people_write_them() -> None:
    """One port, a range, all ports, all traffic."""
    assert [ports_text(6, 443, 443), ports_text(17, 1, 9), ports_text(6, 0, 65535), ports_text(-1, None, None)] == [
        "tcp 443",
        "udp 1-9",
        "tcp all ports",
        "all traffic",
    ]
