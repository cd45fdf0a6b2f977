"""Ports as a requirement writes them: ``2379/TCP``, ``53/UDP``, ``1024-65535/TCP``, ``9899/SCTP``."""

from __future__ import annotations

import re

import msgspec

PROTOCOLS = ("TCP", "UDP", "SCTP")
"""The protocols of Services and NetworkPolicies (Kubernetes documentation, "Protocols for Services")."""

_TEXT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?/([A-Za-z]+)")


class PortRange(msgspec.Struct, frozen=True):
    """The ports of a requirement.

    Attributes:
        low, high: first and last port, 1 to 65535; equal for a single port.
        protocol: ``TCP``, ``UDP`` or ``SCTP``.
    """

    low: int
    high: int
    protocol: str

    def __str__(self) -> str:
        ports = str(self.low) if self.low == self.high else f"{self.low}-{self.high}"
        return f"{ports}/{self.protocol}"


def parse_port(text: str) -> PortRange:
    """``2379/TCP`` or ``1024-65535/TCP`` as a record; the protocol in any case of letters.

    Raises:
        ValueError: one clause that says what to write instead.
    """
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no port; write it like 2379/TCP, 53/UDP or 1024-65535/TCP")
    low, protocol = int(found[1]), found[3].upper()
    high = int(found[2]) if found[2] else low
    if protocol not in PROTOCOLS:
        raise ValueError(f"{text!r} has the protocol {found[3]}; write {', '.join(PROTOCOLS[:-1])} or {PROTOCOLS[-1]}")
    if not 1 <= low <= high <= 65535:
        raise ValueError(f"{text!r} is no range of ports between 1 and 65535, the lower one first")
    return PortRange(low, high, protocol)
