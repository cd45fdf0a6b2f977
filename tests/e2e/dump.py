"""Dumps an account with the AWS CLI, running the very commands that the registry of kinds tells users to run."""

from __future__ import annotations

import json
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import ALL, Kind


def dump(target: Path, env: dict[str, str], cluster: str) -> None:
    """One file per command, named for its kind, as ``run: … > KIND.json`` in an unknown finding says.

    Without the kinds that are read only where a profile asks: ``test_dump_requested`` dumps these.

    Args:
        target: the directory to make.
        env: the environment that points the AWS CLI at the account.
        cluster: what stands for CLUSTER in the commands.
    """
    target.mkdir(parents=True)
    ours = [kind for kind in ALL if kind.origin == "aws" and kind not in kinds.REQUESTED]
    once = [kind for kind in ours if not _per_object(kind)]
    commands = [(kind.name, kind.command.replace("CLUSTER", cluster)) for kind in once]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda item: _run(item[1], target / f"{item[0]}.json", env), commands))
        names = json.loads((target / f"{kinds.NODEGROUP_NAMES.name}.json").read_text())["nodegroups"]
        described = kinds.NODEGROUPS.command.replace("CLUSTER", cluster)
        commands = [(f"nodegroup-{name}", described.replace("NAME", name)) for name in names]
        names = json.loads((target / f"{kinds.FARGATE_PROFILE_NAMES.name}.json").read_text())["fargateProfileNames"]
        described = kinds.FARGATE_PROFILES.command.replace("CLUSTER", cluster)
        commands += [(f"fargateprofile-{name}", described.replace("NAME", name)) for name in names]
        names = json.loads((target / f"{kinds.ADDON_NAMES.name}.json").read_text())["addons"]
        described = kinds.ADDONS.command.replace("CLUSTER", cluster)
        commands += [(f"addon-{name}", described.replace("NAME", name)) for name in names]
        held = json.loads((target / f"{kinds.POD_IDENTITY_ASSOCIATION_IDS.name}.json").read_text())["associations"]
        described = kinds.POD_IDENTITY_ASSOCIATIONS.command.replace("CLUSTER", cluster)
        commands += [(item["associationId"], described.replace("ID", item["associationId"])) for item in held]
        listed = json.loads((target / f"{kinds.MANAGED_PREFIX_LISTS.name}.json").read_text())["PrefixLists"]
        entries = kinds.PREFIX_LIST_ENTRIES.command
        commands += [(item["PrefixListId"], entries.replace("ID", item["PrefixListId"])) for item in listed]
        held = json.loads((target / f"{kinds.TRANSIT_GATEWAY_ATTACHMENTS.name}.json").read_text())
        tables = {item["Association"]["TransitGatewayRouteTableId"] for item in held["TransitGatewayAttachments"]}
        routes = kinds.TRANSIT_GATEWAY_ROUTES.command
        commands += [(table, routes.replace(" ID ", f" {table} ")) for table in sorted(tables)]
        list(pool.map(lambda item: _run(item[1], target / f"{item[0]}.json", env), commands))


def _per_object(kind: Kind[object]) -> bool:
    """Whether the command prints one object, so that it is run once for each."""
    listed = kind in (kinds.PREFIX_LIST_ENTRIES, kinds.TRANSIT_GATEWAY_ROUTES)
    return listed or any(kind is one for one, _, _ in kinds.DESCRIBED)


def _run(command: str, path: Path, env: dict[str, str]) -> None:
    """``command > path`` in a shell."""
    line = f"{command} > {shlex.quote(str(path))}"
    done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr}")
