"""Which IAM roles are read, and how: those that something of the cluster names, each with all its policies.

A role is named by the cluster, its node groups, the instance profiles of its nodes and launch templates, Pod Identity
associations, its Kubernetes objects, or the profile. Where all of them could be read the kind is complete, although the
account has more: one that is named and not there does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.aws_api.calls import Raw, Request, call_for, one
from clusterproof.sources.aws_api.making import Making, Question, Task, make
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.records import Named
from clusterproof.sources.aws_api.workers import Call

Run = Callable[[list[Call]], None]

GONE = frozenset({"NoSuchEntity"})
"""What IAM answers where there is no such role, policy or profile."""
_ARN = re.compile(r"arn:[a-z0-9-]+:iam::(?P<account>\d{12}):(?:role|instance-profile)/(?:.*/)?(?P<name>[^/]+)")


class _Compute(msgspec.Struct):
    """EKS Auto Mode's role of nodes (EKS API reference, ``ComputeConfigResponse``)."""

    role: str = msgspec.field(default="", name="nodeRoleArn")


class _Cluster(msgspec.Struct):
    compute: _Compute | None = msgspec.field(default=None, name="computeConfig")


def read(accounts: list[Account], wanted: Collection[Kind[Any]], named: Named, run: Run) -> None:
    """Instance profiles, roles and managed policies, as far as they are wanted; each once.

    Args:
        accounts: the cluster's own first; what EKS and EC2 say of it has been read.
        wanted: the kinds to read.
        named: what the cluster's objects and the profile name.
        run: makes calls and returns when all have ended.
    """
    home = accounts[0]
    if kinds.INSTANCE_PROFILES in wanted:
        _read_profiles(home, _profiles(home, named), run)
    if kinds.ROLES not in wanted:
        return
    home.results.setdefault(kinds.ROLES.name, [])
    if (why := named.asked.unsettled.get(kinds.ROLES.name)) is not None:
        home.limits[kinds.ROLES.name] = why
    make(_roles(accounts, named), run)
    if kinds.POLICIES in wanted:
        home.results.setdefault(kinds.POLICIES.name, [])
        make(_policies(accounts), run)


# --- instance profiles ---


def _profiles(home: Account, named: Named) -> list[str]:
    """The names of the profiles of nodes, launch templates and node classes."""
    found = dict.fromkeys(named.profiles)
    for instance in home.typed(kinds.INSTANCES):
        ours = named.instances is None or instance.instance_id in named.instances
        if ours and instance.iam_instance_profile is not None:
            found[instance.iam_instance_profile.arn] = None
    for template in home.typed(kinds.LAUNCH_TEMPLATE_VERSIONS):
        profile = template.launch_template_data.iam_instance_profile
        if profile is not None:
            found[profile.arn or profile.name] = None
    return sorted({item.rpartition("/")[2] for item in found} - {""})


def _read_profiles(home: Account, names: list[str], run: Run) -> None:
    kind = kinds.INSTANCE_PROFILES
    requests = [
        Request(
            kind,
            {"InstanceProfileName": name},
            one,
            "GetInstanceProfile",
            "InstanceProfile",
            f"instance profile {name}",
            GONE,
        )
        for name in names
    ]
    calls = [call_for(request, home.source, home.page_size) for request in requests]
    run(calls)
    found = [home.result(request, call) for request, call in zip(requests, calls, strict=True)]
    home.results.setdefault(kind.name, []).extend(found)


# --- roles ---


def _names(home: Account, named: Named) -> Iterable[str]:
    """Names and ARNs of roles, the most important first; empty ones among them."""
    for text in home.items(kinds.CLUSTERS):
        try:
            found = msgspec.json.decode(text, type=_Cluster)
        except msgspec.ValidationError:
            continue
        yield found.compute.role if found.compute is not None else ""
    yield from (cluster.role_arn for cluster in home.typed(kinds.CLUSTERS))
    yield from (group.node_role for group in home.typed(kinds.NODEGROUPS))
    for profile in home.typed(kinds.INSTANCE_PROFILES):
        yield from (role.arn or role.role_name for role in profile.roles)
    for association in home.typed(kinds.POD_IDENTITY_ASSOCIATIONS):
        yield association.role_arn
        yield association.target_role_arn
    yield from named.roles
    yield from named.asked.roles


def _roles(accounts: list[Account], named: Named) -> list[Task]:
    """One task for each role; where no profile reads a role's account, the kind's limit says so."""
    home = accounts[0]
    by_id = {account.identity.account: account for account in reversed(accounts) if account.identity.account}
    chosen: dict[str, tuple[str, Account]] = {}
    foreign: dict[str, list[str]] = {}
    for text in dict.fromkeys(_names(home, named)):
        match = _ARN.fullmatch(text)
        name, owner = (match["name"], match["account"]) if match else (text.rpartition("/")[2], "")
        account = by_id.get(owner) if owner and home.identity.account else home
        whose = account.identity.account if account is not None else owner
        if not name:
            continue
        if account is None:
            foreign.setdefault(owner, []).append(text)
        elif chosen.setdefault(name, (whose, account))[0] != whose:
            twice = f"role {text} could not be read beside the role of the same name in account {chosen[name][0]}"
            home.limits.setdefault(kinds.ROLES.name, Unknown(Cause.NOT_MODELLED, twice))
    for owner, texts in sorted(foreign.items()):
        more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
        what = f"role {texts[0]}{more} belongs to account {owner}, which no profile reads"
        remedy = f"add --aws-profile with a profile of account {owner}"
        home.limits.setdefault(kinds.ROLES.name, Unknown(Cause.INCOMPLETE, what, remedy))
    return [Task(kinds.ROLES, f"role {name}", account, _role(name)) for name, (_, account) in sorted(chosen.items())]


def _role(name: str) -> Callable[[Making], None]:
    """A role as ``get-account-authorization-details`` gives it."""
    which = {"RoleName": name}

    def work(making: Making) -> None:
        about = f"role {name}"
        told = making.ask(Question("iam", "GetRole", which, about, "Role", gone=GONE))
        making.missing = told.missing
        if told.gone or told.missing is not None or not isinstance(told.value, dict):
            return
        making.raw.update(told.value)
        about = f"the inline policies of role {name}"
        listed = making.ask(Question("iam", "ListRolePolicies", which, about, "PolicyNames", gone=GONE))
        making.put("RolePolicyList", listed)
        if listed.missing is None:
            making.raw["RolePolicyList"] = _inline(making, name, listed.value or [])
        about = f"the policies that are attached to role {name}"
        attached = making.ask(Question("iam", "ListAttachedRolePolicies", which, about, "AttachedPolicies", gone=GONE))
        making.put("AttachedManagedPolicies", attached)

    return work


def _inline(making: Making, role: str, names: list[str]) -> list[Raw]:
    """A role's own policies; where one cannot be read, what is known of all of them is not the whole."""
    found: list[Raw] = []
    for name in names:
        which = {"RoleName": role, "PolicyName": name}
        about = f"policy {name} of role {role}"
        told = making.ask(Question("iam", "GetRolePolicy", which, about, none=GONE))
        if told.missing is not None:
            making.left.append(("RolePolicyList", told.missing))
        elif isinstance(told.value, dict):
            document = told.value.get("PolicyDocument", "")
            found.append({"PolicyName": name, "PolicyDocument": document})
    return found


# --- managed policies ---


def _policies(accounts: list[Account]) -> list[Task]:
    """One task for each managed policy that a role has or is bounded by; asked with the role's account."""
    chosen: dict[str, Account] = {}
    for account in accounts:
        for role in account.typed(kinds.ROLES):
            arns = [item.policy_arn for item in role.attached_managed_policies]
            if role.permissions_boundary is not None:
                arns.append(role.permissions_boundary.permissions_boundary_arn)
            for arn in arns:
                chosen.setdefault(arn, account)
    chosen.pop("", None)
    return [
        Task(kinds.POLICIES, f"policy {arn.rpartition('/')[2]}", account, _policy(arn))
        for arn, account in sorted(chosen.items())
    ]


def _policy(arn: str) -> Callable[[Making], None]:
    """A managed policy with its default version, as ``get-account-authorization-details`` gives it."""
    name = arn.rpartition("/")[2]

    def work(making: Making) -> None:
        told = making.ask(Question("iam", "GetPolicy", {"PolicyArn": arn}, f"policy {name}", "Policy", gone=GONE))
        making.missing = told.missing
        if told.gone or told.missing is not None or not isinstance(told.value, dict):
            return
        making.raw.update(told.value)
        version = str(told.value.get("DefaultVersionId", ""))
        which = {"PolicyArn": arn, "VersionId": version}
        about = f"version {version} of policy {name}"
        given = making.ask(Question("iam", "GetPolicyVersion", which, about, "PolicyVersion", gone=GONE))
        making.put("PolicyVersionList", given.valued([given.value] if given.value is not None else None))

    return work
