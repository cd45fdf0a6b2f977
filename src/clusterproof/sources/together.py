"""What a cluster's nodes tell of the account that is read with it: what is needed, and whether they are its instances.

A kubeconfig may say nothing of the account behind it (a tunnel, a bastion, another tool's context); the nodes do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from clusterproof.errors import InputError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import MemoryLines, Meta, Snapshot, Table, UnknownField
from clusterproof.sources.answers import Answer
from clusterproof.sources.aws_api.records import AccountRead, Asked, Named, Needed
from clusterproof.sources.kubernetes_api.options import ClusterRead
from clusterproof.sources.naming import instance_ids, names

_INSTANCE_TYPE = "node.kubernetes.io/instance-type"

Resolve = Callable[[Snapshot], Asked]
"""What a profile reads besides, from what the cluster gave: its parameters may be found there."""


class GivenUp(Exception):  # noqa: N818 - it ends a thread, nothing is wrong
    """The reading was given up."""


class NodesNeed:
    """What the cluster uses, for the account's reader: known when the cluster has been read.

    Instances are not named: those of the cluster's network are read, at the same time as its nodes.
    """

    instances: tuple[str, ...] | None = None

    def __init__(self, given_up: threading.Event, resolve: Resolve | None = None) -> None:
        self.ready = threading.Event()
        self._given_up = given_up
        self._resolve = resolve
        self._found = Needed()
        self._answers: tuple[Answer, ...] = ()

    def know(self, read: ClusterRead) -> None:
        """Takes what was read."""
        tables = {answer.kind.name: answer.gathered for answer in read.answers if answer.gathered is not None}
        pools = any(
            tables[kind.name].lines
            for kind in (kinds.NODE_POOLS, kinds.EC2_NODE_CLASSES, kinds.NODE_CLASSES)
            if kind.name in tables
        )
        nodes = tables.get(kinds.NODES.name)
        types = {node.metadata.labels.get(_INSTANCE_TYPE, "") for node in nodes.typed.values()} if nodes else set()
        self._found = Needed(instance_types=tuple(sorted(types - {""})), every_instance_type=pools)
        self._answers = read.answers
        self.ready.set()

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Types of the nodes that there are."""
        return self._when_ready().instance_types

    @property
    def every_instance_type(self) -> bool:
        """Whether a provisioner may choose any type."""
        return self._when_ready().every_instance_type

    def named(self, cluster: str, account: str, region: str, /) -> Named:
        """What the cluster's objects and the profile name."""
        self._when_ready()
        gathered = {item.kind.name: item.gathered for item in self._answers if item.gathered is not None}
        found = names(gathered)
        if self._resolve is None:
            return found
        tables = {item.kind.name: _table(item) for item in self._answers}
        meta = Meta(cluster=cluster, account=account, region=region)
        return msgspec.structs.replace(found, asked=self._resolve(Snapshot(meta, tables)))

    def _when_ready(self) -> Needed:
        self.ready.wait()
        if self._given_up.is_set():
            raise GivenUp
        return self._found


def _table(answer: Answer) -> Table[Any]:
    """What was read of a kind, while other kinds are still being read."""
    gathered = answer.gathered
    lines = list(gathered.lines.values()) if gathered is not None else []
    fields = gathered.unknown.items() if gathered is not None else ()
    unknown = [UnknownField(key, path, why) for key, found in fields for path, why in found]
    return Table(answer.kind, MemoryLines(lines), answer.coverage, unknown)


class _Instance(msgspec.Struct):
    identity: str = msgspec.field(default="", name="InstanceId")


def check_same(cluster: ClusterRead, account: AccountRead) -> None:
    """Refuse where the nodes that were read cannot be of the account that was read.

    Raises:
        InputError: no node is one of the instances; or the nodes are no EC2 instances at all, and nothing in the
            kubeconfig says that the cluster is the one that AWS was read for.
    """
    answer = next((item for item in cluster.answers if item.kind is kinds.NODES), None)
    if answer is None or answer.gathered is None or not answer.gathered.typed:
        return
    providers = [node.spec.provider_id for node in answer.gathered.typed.values()]
    ids = instance_ids(answer.gathered.typed.values())
    whose = f"context {cluster.identity.context}"
    if not ids:
        if (
            not cluster.identity.cluster
            and account.cluster
            and not any(item.startswith("aws://") for item in providers)
        ):
            raise InputError(
                f"the nodes of {whose} are no EC2 instances, so AWS's cluster {account.cluster} is another one; "
                "leave AWS out with --no-aws, or name the cluster's context with --context"
            )
        return
    instances = _complete(account, kinds.INSTANCES)
    if instances is not None and not ids & instances:
        where = f"account {account.account or '(not known)'}, {account.region}"
        raise InputError(
            f"none of the {len(ids)} nodes of {whose} is an instance of AWS cluster {account.cluster} ({where}); "
            "name the cluster behind the kubeconfig with --cluster, its account with --aws-profile, or another --context"
        )


def _complete(account: AccountRead, kind: Kind[Any]) -> set[str] | None:
    """The ids of all instances of the cluster's network; None when they are not all known."""
    answer = next((item for item in account.answers if item.kind is kind), None)
    if answer is None or any(item.missing is not None for item in answer.coverage):
        return None
    decoder = msgspec.json.Decoder(_Instance)
    return {
        decoder.decode(item if isinstance(item, bytes) else msgspec.json.encode(item)).identity for item in answer.items
    }
