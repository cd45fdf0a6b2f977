"""A small valid profile as plain values, to be spoilt by tests."""

from __future__ import annotations

import copy
import json
from typing import Any

from clusterproof.profiles.load import parse
from clusterproof.profiles.model import Profile

MANUAL = {"what": "w", "why": "y", "how": "h", "unknown_when": "u", "remedy": "r"}
VALUES: dict[str, Any] = {
    "name": "mine",
    "title": "mine",
    "document": {"title": "d"},
    "parameters": {
        "my.version": {"title": "v", "default": "1.0.0"},
        "mode": {"title": "m", "default": "a", "values": ["a", "b"]},
    },
    "node_sets": {"gpu": {"title": "g", "find": [{"allocatable": "nvidia.com/gpu"}]}},
    "workloads": {
        "server": {"title": "s", "find": [{"labels": {"app": "server"}}]},
        "client": {
            "title": "c",
            "choose": "mode",
            "templates": {
                value: {"kind": "Job", "namespace": "n", "spec": {"containers": [{"name": "c", "image": "i"}]}}
                for value in ("a", "b")
            },
        },
    },
    "requirements": [
        {
            "id": "one",
            "title": "t",
            "level": "MUST",
            "source": {"document": "d"},
            "applies": 'semver(my.version).ge("1.0.0")',
            "check": {
                "reach": {"from": {"workload": "client", "on": "gpu"}, "to": {"workload": "server"}, "port": "80/TCP"}
            },
            **MANUAL,
        },
        {
            "id": "two",
            "title": "t",
            "level": "MAY",
            "source": {"document": "d"},
            "check": {"cel": {"kinds": ["security-groups"], "that": "security_groups.all(g, g.GroupId != '')"}},
            **MANUAL,
        },
        {
            "id": "three",
            "title": "t",
            "level": "SHOULD",
            "source": {"document": "d"},
            "check": {"schedulable": {"workload": "deploy/some/thing"}},
            **MANUAL,
        },
    ],
    "passages": [{"says": "d", "became": "requirement", "at": ["one"]}],
}


def spoilt(*path: str | int, value: Any = None, delete: bool = False) -> dict[str, Any]:
    """The profile with one member set or deleted."""
    values = copy.deepcopy(VALUES)
    place: Any = values
    for step in path[:-1]:
        place = place[step]
    if delete:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return values


def parsed(values: dict[str, Any]) -> Profile:
    """The values as a file named my.json, parsed."""
    return parse(json.dumps(values, indent=1).encode(), "my.json")
