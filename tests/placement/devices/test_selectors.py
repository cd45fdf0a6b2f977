from __future__ import annotations

import msgspec
import pytest

from clusterproof.placement.devices.selectors import Failure, Match, facts_of, selects
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes.devices import DeviceBody

BODY = {
    "attributes": {
        "model": {"string": "A100"},
        "index": {"int": 3},
        "healthy": {"bool": True},
        "driverVersion": {"version": "1.10.0"},
        "resource.kubernetes.io/pcieRoot": {"string": "pci0000:00"},
    },
    "capacity": {"memory": {"value": "80Gi"}, "other.example.com/links": {"value": "12"}},
}


def ask(expression: str, body: dict[str, object] | None = None) -> Match:
    """The expression about one device of driver gpu.example.com."""
    return selects(expression, "gpu.example.com", *facts_of(msgspec.convert(body or BODY, DeviceBody)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # "Dynamic Resource Allocation" and "Allocate Devices to Workloads with DRA" of the Kubernetes documentation.
        ('device.driver == "gpu.example.com"', True),
        ('device.driver == "resource-driver.example.com"', False),
        (
            (
                'device.attributes["gpu.example.com"].model == "A100" && '
                'device.capacity["gpu.example.com"].memory == quantity("80Gi")'
            ),
            True,
        ),
        ('device.capacity["gpu.example.com"].memory.compareTo(quantity("64Gi")) >= 0', True),
        ('device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("80Gi"))', False),
        ('device.capacity["gpu.example.com"].memory.isLessThan(quantity("100000Mi"))', True),
        ('device.attributes["gpu.example.com"].driverVersion.isGreaterThan(semver("1.9.9"))', True),
        ('device.attributes["gpu.example.com"].driverVersion.compareTo(semver("v1.10", true)) == 0', True),
        # Names without a domain are the driver's; others keep theirs.
        ('device.attributes["resource.kubernetes.io"].pcieRoot == "pci0000:00"', True),
        ('device.capacity["other.example.com"].links.asInteger() == 12', True),
        ('device.attributes["gpu.example.com"].index > 2 && device.attributes["gpu.example.com"].healthy', True),
        ('device.attributes["gpu.example.com"].index == "3"', False),
        ('cel.bind(gpu, device.attributes["gpu.example.com"], gpu.model == "A100" && gpu.index == 3)', True),
        ('has(device.attributes["gpu.example.com"].rack)', False),
        ('has(device.attributes["rack.example.com"].rack)', False),
        ('"rack.example.com" in device.attributes', False),
        ('"rack.example.com" in device.attributes && device.attributes["rack.example.com"].rack == "r"', False),
        ('device.attributes["gpu.example.com"].model.lowerAscii() == "a100"', True),
        ('device.attributes["gpu.example.com"].rack == "r" || true', True),
    ],
)
def test_selectors_read_a_device_as_the_scheduler_does(expression: str, expected: bool) -> None:
    """Driver, attributes and capacity by domain, with the functions of Kubernetes' CEL (rule 9.1)."""
    assert ask(expression) is expected


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ('device.attributes["gpu.example.com"].rack == "r"', "no such key: rack"),
        ('device.attributes["rack.example.com"].rack == "r"', "no such key: rack"),
        ('device.attributes["gpu.example.com"].index < "4"', "no such overload"),
        ('device.attributes["gpu.example.com"].index / 0 == 1', "division by zero"),
        ('device.attributes["gpu.example.com"].model.isGreaterThan(semver("1.0.0"))', "no such overload"),
        ('quantity("many").isInteger()', "'many' is no quantity"),
        ('device.attributes["gpu.example.com"].index', "it gives int, not true or false"),
    ],
)
def test_an_error_is_an_answer_of_its_own(expression: str, error: str) -> None:
    """What is missing, or of another type, is neither true nor false: the scheduler stops there (rule 9.1)."""
    assert ask(expression) == Failure(error)


@pytest.mark.parametrize(
    "expression",
    [
        "device.",
        "",
        "x" * 20_000,
        'device.attributes["gpu.example.com"].model.format(["a"])',
        'device.attributes["gpu.example.com"].?rack.orValue("r") == "r"',
        '["r"].exists(x, device.attributes["gpu.example.com"].rack == x)',
        '"rack.example.com" in device.attributes || device.attributes["rack.example.com"].rack == "r"',
    ],
)
def test_what_cannot_be_evaluated_here_is_unknown(expression: str) -> None:
    """A function, a syntax or an error that this library treats otherwise is said, never guessed (rule 9.1)."""
    answer = ask(expression)
    assert isinstance(answer, Unknown)
    assert answer.cause is Cause.NOT_MODELLED


def test_an_attribute_of_an_unknown_kind_matters_only_where_it_is_read() -> None:
    """Lists are attributes of later versions; an expression that names one is unknown, another is not (rule 9.1)."""
    body: dict[str, object] = {"attributes": {"numa": {"ints": [0, 1]}, "model": {"string": "A100"}}}
    assert ask('device.attributes["gpu.example.com"].model == "A100"', body) is True
    assert isinstance(ask('device.attributes["gpu.example.com"].numa == 1', body), Unknown)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('size(device.attributes["gpu.example.com"]) == 4', True),
        ('device.attributes["gpu.example.com"].exists(name, name == "index")', True),
        ('device.attributes["gpu.example.com"]["mod" + "el"] == "A100"', True),
        ('device["driver"] == "gpu.example.com" && device["attributes"]["gpu.example.com"].index == 3', True),
        ('"healthy" in device.attributes["gpu.example.com"]', True),
        ("device.attributes[device.driver].index == 3", True),
        ('"rack.example.com" in device["attributes"]', False),
        ('[device].exists(one, "rack.example.com" in one.attributes)', False),
    ],
)
def test_an_expression_may_read_all_of_a_device(expression: str, expected: bool) -> None:
    """What is read by a computed name, or as a whole, is there as well (rule 9.1)."""
    assert ask(expression) is expected
