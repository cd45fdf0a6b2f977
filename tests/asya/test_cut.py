"""Files of the world ``asya`` with something cut out: what is not there was not read, and decides nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import clusterproof
from clusterproof.sources import load_snapshot
from tests.asya.world import verdicts

WORLD = Path(clusterproof.__file__).parent / "worlds" / "asya"
SCOPES = ("actor-s3-scope", "actor-sqs-scope")
ALLOWS = ("actor-sqs-permissions", "keda-permissions", "operator-permissions")
TRUSTS = ("keda-trust", "actor-trust", "operator-trust")


def without(member: str) -> Callable[[Any], Any]:
    """Cuts a member out of every role."""

    def cut(answer: Any) -> Any:
        for role in answer["RoleDetailList"]:
            del role[member]
        return answer

    return cut


def no_member(_: Any) -> Any:
    """A list without the member that AWS prints around it."""
    return []


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        (without("RolePolicyList"), SCOPES + ALLOWS),
        (without("AttachedManagedPolicies"), SCOPES + ALLOWS),
        (without("AssumeRolePolicyDocument"), TRUSTS),
        (no_member, SCOPES + ALLOWS + TRUSTS),
    ],
    ids=["inline policies", "attached policies", "trust", "all roles"],
)
def test_what_roles_json_lacks_was_not_read(
    tmp_path: Path, change: Callable[[Any], Any], asked: tuple[str, ...]
) -> None:
    """Neither does a role allow nothing for it, nor is there no role."""
    root = tmp_path / "asya"
    shutil.copytree(WORLD, root)
    roles = root / "aws" / "roles.json"
    roles.write_text(json.dumps(change(json.loads(roles.read_text()))))
    found = verdicts(load_snapshot([root]), {}, list(asked))
    assert found == dict.fromkeys(asked, "unknown")
