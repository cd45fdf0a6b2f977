"""Whose rights a requirement asks about: a principal of a profile as the roles that it has, each with how it gets it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.filled import filled, names
from clusterproof.checks.words import absence, listed, unique
from clusterproof.profiles.model import Principal
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.world.identities import Identities, Identity, Way, of_service_account, of_workload
from clusterproof.world.model import Workload
from clusterproof.world.noderoles import node_roles

ASSUMED = "the role itself"
"""How a principal has a role that the requirement names."""


class Bearer(msgspec.Struct, frozen=True):
    """Somebody with a role.

    Attributes:
        whose: ``pods of keda/keda-operator``, ``nodes of gpu``; empty where the requirement names the role.
        identity: the role, and how it is got.
        service_account: ``namespace/name``; empty for nodes and named roles.
        named: whether the requirement names the role itself, so that nothing is known of its session.
    """

    whose: str
    identity: Identity
    service_account: str = ""
    named: bool = False

    @property
    def text(self) -> str:
        """``role asya-actor``, with whose it is where that is not plain from it."""
        return f"role {role_name(self.identity.role)}"


class Account(msgspec.Struct, frozen=True):
    """A service account that pods have or would have, with all its ways to a role.

    Attributes:
        key: ``namespace/name``.
        identities: its roles.
        workloads: those whose pods have it, where the principal names workloads.
    """

    key: str
    identities: Identities
    workloads: tuple[Workload, ...] = ()


class Who(msgspec.Struct, frozen=True):
    """A principal, resolved.

    Attributes:
        bearers: each role that it may have; all of them must hold.
        accounts: the service accounts behind them.
        without: whose pods have no role at all, in a clause each.
        unknowns: what was not read and may add to the bearers, or change them.
        missing: that nobody was found, in a clause; empty where somebody was.
        notes: how it was resolved, and what to know besides.
    """

    bearers: tuple[Bearer, ...] = ()
    accounts: tuple[Account, ...] = ()
    without: tuple[str, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    missing: str = ""
    notes: tuple[str, ...] = ()


def who(context: Context, principal: Principal) -> Who:
    """The roles of a principal."""
    if principal.role:
        return _named_role(context, principal.role)
    if principal.nodes:
        return _nodes(context, principal.nodes)
    if principal.service_account:
        text = filled(principal.service_account, names(context))
        if isinstance(text, Unknown):
            return Who(unknowns=(text,), missing="whose rights are asked about is not known")
        namespace, slash, name = str(text).partition("/")
        if not slash or not namespace or not name:
            return Who(missing=f"{text!r} is no service account (namespace/name)")
        found = of_service_account(context.world.ground, namespace, name)
        return _of_accounts([Account(f"{namespace}/{name}", found)])
    return _of_workloads(context, principal.workload)


def role_name(role: str) -> str:
    """A role's name, from its ARN (which may have a path) or from itself."""
    return role.rpartition("/")[2]


def role_ref(role: str, field: str = "", value: str = "") -> Ref:
    """A role as evidence."""
    return Ref("roles", role_name(role), field, value)


def _named_role(context: Context, role: str) -> Who:
    text = filled(role, names(context))
    if isinstance(text, Unknown):
        return Who(unknowns=(text,), missing="which role is asked about is not known")
    if not str(text).strip():
        return Who(missing="no role is named")
    return Who((Bearer("", Identity(Way.POD_IDENTITY, str(text)), named=True),))


def _nodes(context: Context, name: str) -> Who:
    found = context.sets[name]
    if not found.groups:
        doubts = (*found.doubtful, *context.world.unknown_templates.values(), *context.world.other_makers)
        text = (
            f"which node groups are in the set {name} is not known" if doubts else f"no node group is in the set {name}"
        )
        return Who(unknowns=tuple(unique(doubts)), missing=text)
    bearers: list[Bearer] = []
    without: list[str] = []
    unknowns: list[Unknown] = list(found.doubtful)
    for item in node_roles(context.world.ground):
        groups = tuple(group for group in item.groups if group in found.groups)
        if not groups:
            continue
        whose = f"nodes of {listed(groups)}"
        if isinstance(item.role, Unknown):
            unknowns.append(item.role)
        elif not item.role:
            without.append(f"the {whose} have no role")
        else:
            bearers.append(Bearer(whose, Identity(Way.NODE, item.role, groups=groups, refs=item.refs)))
    if not bearers and not without and not unknowns:
        unknowns.append(Unknown(Cause.NOT_COLLECTED, f"which role the nodes of {name} have is not known"))
    return Who(tuple(unique(bearers)), without=tuple(without), unknowns=tuple(unique(unknowns)))


def _of_workloads(context: Context, name: str) -> Who:
    named = context.named(name)
    if not named.workloads:
        unread = (named.missing,) if named.missing is not None else ()
        return Who(unknowns=unread, missing=absence(name, named.missing), notes=(f"{name}: {named.how}",))
    together: dict[str, list[tuple[Workload, Identities]]] = {}
    for workload in named.workloads:
        places = context.places(workload).places
        classes = tuple(dict.fromkeys(place.node_class.id for place in places))
        chosen = [item for item in context.world.classes if item.id in classes] or None
        found = of_workload(context.world.ground, workload, chosen)
        together.setdefault(found.service_account, []).append((workload, found))
    accounts: list[Account] = []
    for key, parts in together.items():
        by_found: dict[Identities, list[Workload]] = {}
        for workload, found in parts:
            by_found.setdefault(found, []).append(workload)
        accounts += [Account(key, found, tuple(workloads)) for found, workloads in by_found.items()]
    unknowns = (named.missing,) if named.missing is not None else ()
    return _of_accounts(accounts, unknowns, (f"{name}: {named.how}",))


def _of_accounts(accounts: Iterable[Account], unknowns: Iterable[Unknown] = (), notes: Iterable[str] = ()) -> Who:
    found = tuple(accounts)
    bearers: list[Bearer] = []
    without: list[str] = []
    unread = list(unknowns)
    said = list(notes)
    for account in found:
        identities = account.identities
        unread += identities.unknowns
        said += [*([identities.choice] if identities.choice else []), *identities.notes]
        if identities.absent:
            said.append(f"there is no ServiceAccount {account.key}: its pods cannot be made")
        for item in identities.found:
            if item.way is Way.STATIC:
                what = f"pods of {account.key} use {item.way.value}, and whose these are was not read"
                unread.append(Unknown(Cause.NOT_ANSWERABLE, what, "take the keys out: a role is then used"))
                continue
            bearers.append(Bearer(f"pods of {account.key}", item, account.key))
            said += [item.broken] if item.broken else []
        if not identities.found and not identities.unknowns:
            without.append(
                f"pods of {account.key} have no role: neither an association, nor an annotation, nor a node's"
            )
    return Who(_one_each(bearers), found, tuple(unique(without)), tuple(unique(unread)), notes=tuple(unique(said)))


def _one_each(bearers: Iterable[Bearer]) -> tuple[Bearer, ...]:
    """Of bearers that differ only in whose pods they are, the first with the count of the others."""
    together: dict[tuple[object, ...], list[Bearer]] = {}
    for item in bearers:
        identity = item.identity
        key = (identity.role, identity.through, identity.tags, identity.policy, identity.way)
        together.setdefault(key, []).append(item)
    result = []
    for same in together.values():
        whose = unique(item.whose for item in same)
        more = f" and {len(whose) - 1} more" if len(whose) > 1 else ""
        result.append(msgspec.structs.replace(same[0], whose=f"{whose[0]}{more}"))
    return tuple(result)
