from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.reach.addresses import NOWHERE, AddressError, AddressSet, parse_cidr, subnet_hosts

V4 = int(ipaddress.ip_address("10.0.0.0"))
V6 = int(ipaddress.ip_address("2001:db8::"))
blocks = st.builds(
    lambda six, offset, size: (
        f"{ipaddress.IPv6Address(V6 + offset)}/{128 - size}"
        if six
        else f"{ipaddress.IPv4Address(V4 + offset)}/{32 - size}"
    ),
    st.booleans(),
    st.integers(0, 63),
    st.integers(0, 6),
)
texts = st.lists(blocks, max_size=5)


def members(cidrs: list[str]) -> set[tuple[int, int]]:
    """The same set by the standard library, address by address."""
    nets = [ipaddress.ip_network(text, strict=False) for text in cidrs]
    return {(net.version, int(address)) for net in nets for address in net}


def listed(addresses: AddressSet) -> set[tuple[int, int]]:
    """The members of a set, one by one."""
    four = {(4, value) for first, last in addresses.v4 for value in range(first, last + 1)}
    return four | {(6, value) for first, last in addresses.v6 for value in range(first, last + 1)}


@given(texts, texts)
def test_set_operations_agree_with_sets_of_single_addresses(left: list[str], right: list[str]) -> None:
    """Union, difference, intersection and cover are those of plain sets of addresses."""
    a, b = AddressSet.of(*left), AddressSet.of(*right)
    x, y = members(left), members(right)
    assert listed(a | b) == x | y
    assert listed(a - b) == x - y
    assert listed(a & b) == x & y
    assert a.size == len(x)
    assert bool(a) == bool(x)
    expected = "none" if not x & y else "all" if y <= x else "some"
    assert a.covers(b) == expected


@given(texts, texts)
def test_a_set_has_one_form(left: list[str], right: list[str]) -> None:
    """Equal sets are equal values with equal hashes, and their CIDR blocks make them up again."""
    a, b = AddressSet.of(*left), AddressSet.of(*right)
    assert (listed(a) == listed(b)) == (a == b)
    assert a.union(b) == b.union(a)
    assert hash(a | b) == hash(b | a)
    assert a.minus(b) | a.intersection(b) == a
    assert AddressSet.of(*a.cidrs()) == a
    for spans in ((a - b).v4, (a - b).v6):
        assert all(one[1] + 1 < two[0] for one, two in itertools.pairwise(spans))


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 6)), max_size=5))
def test_blocks_are_the_fewest(raw: list[tuple[int, int]]) -> None:
    """The blocks of a set are those to which the standard library collapses them."""
    nets = [ipaddress.IPv4Network((V4 + offset, 32 - size), strict=False) for offset, size in raw]
    expected = tuple(str(net) for net in sorted(ipaddress.collapse_addresses(nets)))
    assert AddressSet.of(*map(str, nets)).cidrs() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0/0", (4, 0, 2**32 - 1)),
        ("::/0", (6, 0, 2**128 - 1)),
        ("10.0.0.7/24", (4, V4, V4 + 255)),
        ("10.0.0.7", (4, V4 + 7, V4 + 7)),
        ("2001:db8::1/128", (6, V6 + 1, V6 + 1)),
    ],
)
def test_a_block_is_read_with_its_host_bits_cleared(text: str, expected: tuple[int, int, int]) -> None:
    """A CIDR block or a single address becomes its first and last address."""
    assert parse_cidr(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *["", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.1 "],
        *["\u0661\u0660.0.0.1", "::/129", "2001:db8::g", "sg-0a1", "10.0.0.0/8/8"],
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """A text that is no address raises an error that quotes it."""
    with pytest.raises(AddressError) as caught:
        AddressSet.of(text)
    assert repr(text) in str(caught.value)


def test_every_address_has_the_fewest_blocks_too() -> None:
    """The whole of a family is one block, and minus one address still exact."""
    everything = AddressSet.of("0.0.0.0/0", "::/0")
    assert everything.cidrs() == ("0.0.0.0/0", "::/0")
    assert everything.families == (4, 6)
    assert (everything - AddressSet.of("0.0.0.0/32")).family(4).size == 2**32 - 1
    assert len((everything - AddressSet.of("255.255.255.255")).family(4).cidrs()) == 32


def test_a_range_of_two_addresses_is_their_span() -> None:
    """``between`` takes both ends in, and refuses mixed families, blocks and the wrong order."""
    assert AddressSet.between("10.0.0.4", "10.0.0.6").size == 3
    assert AddressSet.between("::1", "::2").size == 2
    for first, last in (("10.0.0.1", "::1"), ("10.0.0.2", "10.0.0.1"), ("10.0.0.0/24", "10.0.1.0")):
        with pytest.raises(AddressError):
            AddressSet.between(first, last)


def test_text_is_short() -> None:
    """People read a block where the span is one, a single address without /32, else first-last."""
    assert str(AddressSet.of("10.0.0.0/24", "10.0.2.1")) == "10.0.0.0/24, 10.0.2.1"
    assert str(subnet_hosts("10.0.0.0/24")) == "10.0.0.4-10.0.0.254"
    assert str(AddressSet.of("2001:db8::/64")) == "2001:db8::/64"
    assert str(NOWHERE) == "none"


def test_a_subnet_keeps_five_addresses() -> None:
    """AWS hands out neither the first four nor the last address of a subnet, in either family."""
    assert subnet_hosts("10.0.0.0/24") == AddressSet.between("10.0.0.4", "10.0.0.254")
    assert subnet_hosts("10.0.0.0/28").size == 11
    assert subnet_hosts("2001:db8:1234:1a00::/64").size == 2**64 - 5
    assert subnet_hosts("10.0.0.0/30") == NOWHERE


def test_an_empty_part_is_covered_by_nothing() -> None:
    """No address at all is never said to be admitted."""
    assert AddressSet.of("0.0.0.0/0").covers(NOWHERE) == "none"
