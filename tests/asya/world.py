"""The correct world ``asya`` as a snapshot, read once, and mutants of it: edits, and what its requirement comes to with them."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import clusterproof
from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings
from clusterproof.profiles.model import Profile
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.snapshot.overlay import Delete, Edit, Overlay, Put, apply
from clusterproof.snapshot.snapshot import Coverage, Snapshot, Table

Raw = dict[str, Any]
CLUSTER = "asya-demo"
REGION = "eu-west-1"
ACCOUNT = "111122223333"
BUCKET = "asya-results-111122223333"
PROD = "asya-prod"
QUEUES = f"arn:aws:sqs:*:{ACCOUNT}:asya-*"
CA = "kube-system/cluster-autoscaler-aws-cluster-autoscaler"
PLUGIN = "kube-system/nvidia-device-plugin-daemonset"
POLICY = f"{PROD}/actors-egress"


@cache
def profile() -> Profile:
    """The shipped profile."""
    return clusterproof.load_profile("asya")


@cache
def correct() -> Snapshot:
    """The world in which every requirement that applies passes."""
    from worldgen.asya import asya

    with tempfile.TemporaryDirectory() as folder:
        for name, text in asya().items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return clusterproof.load([folder])


def verdicts(
    snapshot: Snapshot, parameters: Mapping[str, str] | None = None, only: Iterable[str] = ()
) -> dict[str, str]:
    """Every requirement's verdict by its id (those of ``only``, where it names any)."""
    context = Context(snapshot, profile(), Settings(dict(parameters or {}), {}, {}))
    found = findings(context, [f"asya/{name}" for name in only], words=False)
    return {finding.name: finding.verdict.value for finding in found}


class Edits:
    """Edits of the world that are collected one by one; each sees what those before it made.

    Attributes:
        made: edits in their order.
        unread: kinds that are taken out as if nobody had read them.
    """

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.made: list[Edit] = []
        self._now: dict[tuple[str, str], Raw | None] = {}

    def raw(self, kind: str, key: str) -> Raw:
        """An object as it is now, to be changed freely."""
        if (kind, key) in self._now:
            found = self._now[kind, key]
        else:
            table = self.base.tables.get(kind)
            found = table.raw(key) if table is not None else None
        assert found is not None, f"the world has no {kind} {key}"
        return copy.deepcopy(found)

    def keys(self, kind: str) -> list[str]:
        """The keys of a kind's objects as they are in the world before any edit."""
        return list(self.base.tables[kind].index)

    def put(self, kind: str, raw: Raw) -> None:
        """Create or replace an object."""
        key = BY_NAME[kind].key(msgspec.convert(raw, BY_NAME[kind].type))
        self._now[kind, key] = copy.deepcopy(raw)
        self.made.append(Put(kind, copy.deepcopy(raw)))

    def delete(self, kind: str, key: str) -> None:
        """Remove an object that is there."""
        self.raw(kind, key)
        self._now[kind, key] = None
        self.made.append(Delete(kind, key))

    def change(self, kind: str, key: str, how: Callable[[Raw], object]) -> None:
        """Change an object in place."""
        raw = self.raw(kind, key)
        before = copy.deepcopy(raw)
        how(raw)
        assert raw != before, f"nothing of {kind} {key} is changed"
        self.put(kind, raw)

    def set(self, kind: str, key: str, path: str, value: Any) -> None:
        """Set one field; ``/`` parts the names of its path, because names hold dots."""

        def how(raw: Any) -> None:
            *parents, last = path.split("/")
            for part in parents:
                raw = raw[int(part)] if isinstance(raw, list) else raw.setdefault(part, {})
            raw[int(last) if isinstance(raw, list) else last] = value

        self.change(kind, key, how)

    def drop(self, kind: str, key: str, path: str) -> None:
        """Take one field away."""

        def how(raw: Any) -> None:
            *parents, last = path.split("/")
            for part in parents:
                raw = raw[int(part)] if isinstance(raw, list) else raw[part]
            del raw[int(last) if isinstance(raw, list) else last]

        self.change(kind, key, how)

    # --- IAM -------------------------------------------------------------------------------

    def statements(self, role: str, how: Callable[[list[Raw]], object]) -> None:
        """Change the statements of a role's one inline policy."""
        self.change("roles", role, lambda raw: how(raw["RolePolicyList"][0]["PolicyDocument"]["Statement"]))

    def without(self, role: str, *actions: str) -> None:
        """Take actions out of the role's inline policy; a statement that has none left goes."""

        def how(statements: list[Raw]) -> None:
            for one in statements:
                one["Action"] = [name for name in one["Action"] if name not in actions]
            statements[:] = [one for one in statements if one["Action"]]

        self.statements(role, how)

    def resource(self, role: str, sid: str, resource: str | list[str]) -> None:
        """Give one statement of the role's inline policy another resource."""
        self.statements(role, lambda found: _named(found, sid).update(Resource=resource))

    def condition(self, role: str, sid: str, condition: Raw) -> None:
        """Give one statement of the role's inline policy a condition."""
        self.statements(role, lambda found: _named(found, sid).update(Condition=condition))

    def also(self, role: str, statement: Raw, name: str = "more") -> None:
        """Give a role one more inline policy."""
        policy = {"PolicyName": name, "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
        self.change("roles", role, lambda raw: raw["RolePolicyList"].append(policy))

    def deny(self, role: str, actions: str | list[str], resource: str | list[str] = "*", **more: Any) -> None:
        """Give a role a policy that denies."""
        self.also(role, {"Effect": "Deny", "Action": actions, "Resource": resource, **more}, "deny")

    def bounded(self, role: str, *statements: Raw) -> None:
        """Give a role a permissions boundary."""
        arn = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
        self.put("policies", managed(arn, *statements))
        self.set(
            "roles",
            role,
            "PermissionsBoundary",
            {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn},
        )

    def trust(self, role: str, *statements: Raw) -> None:
        """Give a role another trust policy."""
        self.set("roles", role, "AssumeRolePolicyDocument", {"Version": "2012-10-17", "Statement": list(statements)})

    def association(self, account: str) -> str:
        """The key of the association of a service account, ``namespace/name``."""
        namespace, _, name = account.partition("/")
        for key in self.keys("pod-identity-associations"):
            table = self.base.tables["pod-identity-associations"]
            raw = table.raw(key)
            if raw is not None and (raw["namespace"], raw["serviceAccount"]) == (namespace, name):
                return key
        raise AssertionError(f"the world has no association of {account}")

    def unassociate(self, account: str) -> None:
        """Delete the association of a service account."""
        key = self.association(account)
        self.delete("pod-identity-associations", key)
        self.delete("pod-identity-association-ids", key)

    def irsa(self, account: str, role: str) -> None:
        """Give a service account the annotation of IRSA."""

        def how(raw: Raw) -> None:
            raw["metadata"].setdefault("annotations", {})["eks.amazonaws.com/role-arn"] = role

        self.change("serviceaccounts", account, how)

    # --- SQS -------------------------------------------------------------------------------

    def queue(self, name: str, **attributes: str | None) -> None:
        """Set attributes of a queue; None takes one away."""

        def how(raw: Raw) -> None:
            for attribute, value in attributes.items():
                if value is None:
                    del raw["Attributes"][attribute]
                else:
                    raw["Attributes"][attribute] = value

        self.change("queues", name, how)

    def new_queue(self, like: str, name: str, **attributes: str) -> None:
        """One more queue, made like another."""
        raw = self.raw("queues", like)
        url = raw["QueueUrl"].replace(like, name)
        attributes = {**raw["Attributes"], "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", **attributes}
        self.put("queues", {**raw, "QueueUrl": url, "Attributes": attributes})
        self.put("queue-urls", {"Name": url})

    # --- workloads -------------------------------------------------------------------------

    def pod_spec(self, kind: str, key: str, how: Callable[[Raw], object]) -> None:
        """Change the pods' spec of a controller."""
        self.change(kind, key, lambda raw: how(raw["spec"]["template"]["spec"]))

    def environment(self, key: str, container: str, name: str, value: str | None) -> None:
        """Set a variable of a Deployment's container; None takes it away."""

        def how(spec: Raw) -> None:
            one = next(item for item in spec["containers"] if item["name"] == container)
            one["env"] = [item for item in one["env"] if item["name"] != name]
            if value is not None:
                one["env"].append({"name": name, "value": value})

        self.pod_spec("deployments", key, how)

    def transport(self, how: Callable[[Raw], object]) -> None:
        """Change the operator's ``ASYA_TRANSPORT_CONFIG``; ``how`` is given what is under ``transports``."""
        key = "asya-system/asya-operator"
        env = self.raw("deployments", key)["spec"]["template"]["spec"]["containers"][0]["env"]
        value = json.loads(next(item["value"] for item in env if item["name"] == "ASYA_TRANSPORT_CONFIG"))
        how(value["transports"])
        self.environment(key, "manager", "ASYA_TRANSPORT_CONFIG", json.dumps(value))

    def egress(self, how: Callable[[list[Raw]], object]) -> None:
        """Change the rules of the actors' NetworkPolicy: DNS, HTTPS, agent, gateway."""
        self.change("networkpolicies", POLICY, lambda raw: how(raw["spec"]["egress"]))

    def policy(self, name: str, spec: Raw, namespace: str = PROD) -> None:
        """One more NetworkPolicy."""
        self.put(
            "networkpolicies",
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": name, "namespace": namespace, "uid": f"np-{name}"},
                "spec": spec,
            },
        )


def _named(statements: list[Raw], sid: str) -> Raw:
    return next(one for one in statements if one.get("Sid") == sid)


def managed(arn: str, *statements: Raw) -> Raw:
    """A managed policy as ``get-account-authorization-details`` tells it."""
    return {
        "PolicyName": arn.rpartition("/")[2],
        "Arn": arn,
        "DefaultVersionId": "v1",
        "PolicyVersionList": [
            {
                "VersionId": "v1",
                "IsDefaultVersion": True,
                "Document": {"Version": "2012-10-17", "Statement": list(statements)},
            }
        ],
    }


def allow(actions: str | list[str], resource: str | list[str] = "*", **more: Any) -> Raw:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


class Mutant(msgspec.Struct, frozen=True):
    """One way to break the world.

    Attributes:
        requirement: the requirement that it is about.
        name: what is wrong, in a slug; unique for the requirement.
        edit: makes the edits.
        verdict: what the requirement comes to: ``fail`` or ``depends``.
        base: the world that is mutated, ``correct`` or one of ``BASES``.
        parameters: values that a user gives.
    """

    requirement: str
    name: str
    edit: Callable[[Edits], object]
    verdict: str = "fail"
    base: str = "correct"
    parameters: Mapping[str, str] = {}

    @property
    def id(self) -> str:
        """``requirement:name``."""
        return f"{self.requirement}:{self.name}"


def m(
    requirement: str,
    name: str,
    edit: Callable[[Edits], object],
    *,
    verdict: str = "fail",
    base: str = "correct",
    **parameters: str,
) -> Mutant:
    """A mutant.

    Args:
        requirement: as in :class:`Mutant`.
        name: as in :class:`Mutant`.
        edit: as in :class:`Mutant`.
        verdict: as in :class:`Mutant`.
        base: as in :class:`Mutant`.
        parameters: values by their names after ``asya.``.
    """
    return Mutant(
        requirement,
        name,
        edit,
        verdict,
        base,
        {f"asya.{key}": value for key, value in parameters.items()},
    )


def edited(snapshot: Snapshot, edit: Callable[[Edits], object]) -> Snapshot:
    """The world with a mutant's edits."""
    edits = Edits(snapshot)
    edit(edits)
    return apply(snapshot, Overlay(tuple(edits.made)))


def unread(snapshot: Snapshot, kind: str) -> Snapshot:
    """The world as if nobody had read a kind."""
    tables = {name: table for name, table in snapshot.tables.items() if name != kind}
    return Snapshot(snapshot.meta, tables, {})


def whole(snapshot: Snapshot, kind: str) -> Snapshot:
    """The world as if a kind had been read whole, though the dump has no file of it."""
    table: Table[Any] | None = snapshot.tables.get(kind)
    lines = table.lines if table is not None else ()
    tables = {**snapshot.tables, kind: Table(BY_NAME[kind], lines, (Coverage(),))}  # type: ignore[arg-type]
    return Snapshot(snapshot.meta, tables, snapshot.kept)
