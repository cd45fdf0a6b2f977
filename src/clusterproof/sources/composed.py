"""Answers of the AWS CLI about objects that are made of pieces: buckets, keys, queues, OIDC providers, roles, policies.

Objects of one key are merged member by member. A member that no answer gave is an unknown field with the command that
gives it; one whose command left an error in its file, with the permission.
"""

from __future__ import annotations

import re
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage
from clusterproof.sources import pieces
from clusterproof.sources.batches import WHOLE, Batch, Found, is_set, one_page
from clusterproof.sources.clierrors import aws_errors, unknown_of
from clusterproof.sources.documents import items, plain
from clusterproof.sources.gather import Gathered, added_up

Raw = dict[str, Any]

_COMPOSED: tuple[Kind[Any], ...] = (kinds.BUCKETS, kinds.KEYS, kinds.QUEUES)
_WRAPPED: tuple[tuple[Kind[Any], str, frozenset[str]], ...] = tuple(
    (kind, pieces.IDENTITY[kind.name], frozenset(member for piece in pieces.of(kind) for member in piece.members))
    for kind in _COMPOSED
)
_NOTHING: frozenset[str] = frozenset()
_PROVIDER = re.compile(r":oidc-provider/(?P<url>.+)")
_PAGES = ("IsTruncated", "Truncated", "ContinuationToken")
_EMPTY: dict[str, Kind[Any]] = {
    "queue-urls": kinds.QUEUE_URLS,
    "list-queues": kinds.QUEUE_URLS,
    "organizations": kinds.ORGANIZATIONS,
    "describe-organization": kinds.ORGANIZATIONS,
}
"""By the file's name: what an answer without members says that there is none of."""
_ACCOUNT_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList")


def answer(top: Raw, where: str, stem: str, coverage: Coverage, found: Found) -> bool:
    """Adds what an answer tells of such objects; whether it was one.

    Args:
        top: the answer's members.
        where: the document, for messages.
        stem: the file's name, for an answer without members.
        coverage: complete, or why not.
        found: is added to.

    Raises:
        InputError: a member has the wrong type.
    """
    if any(is_set(top.get(name)) and plain(top[name], where) for name in _PAGES):
        coverage = Coverage(EVERYWHERE, one_page(where, "make it again without --no-paginate"))
    if not top:
        if stem not in _EMPTY:
            return False
        found.batches.append(_batch(_EMPTY[stem], [], where, coverage, None))
        found.recognised = True
        return True
    made = _wrapped(top, where, found)
    made = _single(top, where) if made is None else made
    made = _listed(top, where, coverage, found) if made is None else made
    if made is None:
        return False
    found.batches += made
    found.recognised = True
    return True


def _wrapped(top: Raw, where: str, found: Found) -> list[Batch] | None:
    """What ``--query`` put the name beside, as docs/inputs.md says."""
    for kind, identity, members in _WRAPPED:
        told = frozenset(top) - {identity}
        # Who puts all of a key together has its metadata beside the pieces.
        if identity not in top or not told & members or not (told <= members or kind is kinds.KEYS):
            continue
        name = plain(top[identity], where, identity)
        if not isinstance(name, str) or not name:
            return None
        if kind is kinds.KEYS and "alias/" in name:
            found.notes.append(f"{where}: names its key by the alias {name}; it was left aside: name it by its id")
            return []
        value = {member: plain(top[member], where, member) for member in told}
        value[identity] = name.rpartition("/")[2] if kind is kinds.KEYS else name
        told -= {member for member in told if value[member] is None and not _may_be_null(kind, member)}
        return [_batch(kind, [value], where, None, _told(kind, value, told))]
    return None


def _may_be_null(kind: Kind[Any], member: str) -> bool:
    """Whether null stands for "none": what the calls about keys give, and where a bucket is, is always there."""
    return kind is not kinds.KEYS and member not in ("Region", "Attributes")


def _told(kind: Kind[Any], value: Raw, told: frozenset[str]) -> frozenset[str]:
    """Attributes of a queue that were asked for by name are a part of them: all have the time of its making."""
    attributes = value.get("Attributes")
    if kind is kinds.QUEUES and not (isinstance(attributes, dict) and "CreatedTimestamp" in attributes):
        return told - {"Attributes"}
    return told


def _single(top: Raw, where: str) -> list[Batch] | None:
    """Answers about one object that name it."""
    value = plain(top.get("Attributes"), where, "Attributes")
    if isinstance(value, dict) and isinstance(value.get("QueueArn"), str):
        made = {"Attributes": value}
        return [_batch(kinds.QUEUES, [made], where, None, _told(kinds.QUEUES, made, frozenset(made)))]
    if "KeyMetadata" in top:
        key = plain(top["KeyMetadata"], where, "KeyMetadata")
        return [_batch(kinds.KEYS, [key], where, None, _there(kinds.KEYS, key))]
    if "Url" in top and ("ThumbprintList" in top or "ClientIDList" in top):
        value = {name: plain(item, where, name) for name, item in top.items()}
        value["Url"] = str(value["Url"]).removeprefix("https://")
        return [_batch(kinds.OIDC_PROVIDERS, [value], where, None, _there(kinds.OIDC_PROVIDERS, value))]
    if "Role" in top and isinstance(value := plain(top["Role"], where), dict) and "RoleName" in value:
        # get-role: its policies are the answers of other calls.
        return [_batch(kinds.ROLES, [value], where, None, _there(kinds.ROLES, value))]
    if "InstanceProfile" in top:
        return [_batch(kinds.INSTANCE_PROFILES, [top["InstanceProfile"]], where, None, None)]
    if "Organization" in top:
        return [_batch(kinds.ORGANIZATIONS, [plain(top["Organization"], where, "Organization")], where, WHOLE, None)]
    return None


def _there(kind: Kind[Any], value: Any) -> frozenset[str]:
    """What an answer of a kind's first call tells of one object."""
    return pieces.there(value, pieces.of(kind)[0]) if isinstance(value, dict) else _NOTHING


def _listed(top: Raw, where: str, coverage: Coverage, found: Found) -> list[Batch] | None:
    """Lists that say which there are."""

    def rows(member: str) -> list[Any]:
        held = items(top[member], where, member) if is_set(top[member]) else []
        return [plain(item, where, f"{member}[{number}]") for number, item in enumerate(held)]

    if "QueueUrls" in top:
        return [_batch(kinds.QUEUE_URLS, [{"Name": url} for url in rows("QueueUrls")], where, coverage, None)]
    if "OpenIDConnectProviderList" in top:
        arns = [str(row.get("Arn", "")) for row in rows("OpenIDConnectProviderList") if isinstance(row, dict)]
        urls = [(arn, match["url"]) for arn in arns if (match := _PROVIDER.search(arn))]
        providers = [{"Url": url, "Arn": arn} for arn, url in urls]
        return [_batch(kinds.OIDC_PROVIDERS, providers, where, coverage, _NOTHING)]
    if "Buckets" in top and all(isinstance(row, dict) and "Name" in row for row in rows("Buckets")):
        return [_batch(kinds.BUCKETS, [_plain_bucket(row) for row in rows("Buckets")], where, coverage, _NOTHING)]
    if "Keys" in top and all(isinstance(row, dict) and "KeyId" in row for row in rows("Keys")):
        names = {"KeyId": "KeyId", "KeyArn": "Arn"}
        listed = [{own: row[member] for member, own in names.items() if member in row} for row in rows("Keys")]
        return [_batch(kinds.KEYS, listed, where, coverage, _NOTHING)]
    if "RoleDetailList" in top or "Policies" in top:
        return _account(top, where, coverage, found)
    return None


def _plain_bucket(row: Raw) -> Raw:
    return {name: row[name] for name in ("Name", "CreationDate") if name in row}


def _account(top: Raw, where: str, coverage: Coverage, found: Found) -> list[Batch] | None:
    """get-account-authorization-details: an empty list may be empty for its ``--filter`` alone, and proves nothing.

    No account is without roles (AWS's own services' are there), so roles that are there are all roles. Policies that are
    there may be of one of the two sorts only: :func:`settle` asks whether the roles' own are among them.
    """
    roles = items(top["RoleDetailList"], where, "RoleDetailList") if is_set(top.get("RoleDetailList")) else []
    policies = items(top["Policies"], where, "Policies") if is_set(top.get("Policies")) else []
    made = []
    by_told: dict[frozenset[str], list[Any]] = {}
    for number, item in enumerate(roles):
        role = plain(item, where, f"RoleDetailList[{number}]")
        # It prints lists that are empty, too: a list that is not there was cut out, and is not "none".
        told = pieces.there(role, *pieces.of(kinds.ROLES)) if isinstance(role, dict) else _NOTHING
        by_told.setdefault(told, []).append(role)
    made += [_batch(kinds.ROLES, held, where, coverage, told) for told, held in by_told.items()]
    if policies:
        rows = [plain(item, where, f"Policies[{number}]") for number, item in enumerate(policies)]
        if not all(isinstance(row, dict) and ":iam:" in str(row.get("Arn")) for row in rows):
            return made or None  # Organizations and others print other things by the same member
        for row in rows:  # an ARN ends in the name, should that be left out
            row.setdefault("PolicyName", str(row["Arn"]).rpartition("/")[2])
        # list-policies prints no versions: what such a policy says is not known.
        whole = [row for row in rows if row.get("PolicyVersionList") is not None]
        partly = coverage if coverage.missing is not None else None
        made.append(_batch(kinds.POLICIES, whole, where, partly, None))
        made.append(_batch(kinds.POLICIES, [row for row in rows if row not in whole], where, partly, _NOTHING))
    if not made and not any(is_set(top.get(name)) for name in _ACCOUNT_LISTS):
        return None
    if not made:
        found.notes.append(f"{where}: neither roles nor policies are in it, which its --filter may have left out")
    return [batch for batch in made if batch.items]


def _batch(
    kind: Kind[Any], held: list[Any], where: str, coverage: Coverage | None, told: frozenset[str] | None
) -> Batch:
    batch = Batch(kind, held, where, kind.wire if len(held) > 1 else "", coverage)
    batch.told = told
    return batch


def failed(text: str, stem: str) -> list[tuple[Kind[Any], str, str, Unknown | None]]:
    """The calls of pieces that a saved error is of: kind, what the file's name calls the object, operation, why.

    None where the error says that nothing is configured. What the file's name does not say belongs to no object.
    """
    found = []
    for code, operation in aws_errors(text):
        for piece in pieces.PIECES:
            head, tail = f"{pieces.NOUNS[piece.kind.name]}-", f"-{piece.word}"
            if piece.operation != operation or not (stem.startswith(head) and stem.endswith(tail)):
                continue
            name = stem[len(head) : -len(tail)]
            found.append((piece.kind, name, operation, _why(piece, name, code)))
    return found


def _why(piece: pieces.Piece, name: str, code: str) -> Unknown | None:
    if code in piece.absent:
        return None
    noun = pieces.NOUNS[piece.kind.name].replace("oidcprovider", "OIDC provider")
    what = f"the {piece.name} of {noun} {name} could not be read: AWS answered {code}"
    return unknown_of(code, what, piece.permission, f"run: {piece.command(name)}")


def finish(tables: dict[str, Gathered]) -> None:
    """What the files together say of such objects, once all are read.

    Args:
        tables: what was read, changed in place.
    """
    _queues(tables)
    _policies(tables)
    for name in pieces.IDENTITY:
        gathered = tables.get(name)
        if gathered is None or gathered.parts is None:
            continue
        for key in gathered.lines:
            if none := gathered.parts.none(key):
                gathered.replace(key, none)
            known = gathered.unknown.get(key, [])
            paths = {path for path, _ in known}
            lacking = [item for item in gathered.parts.unknown(key, _named(gathered, key)) if item[0] not in paths]
            if lacking:
                gathered.unknown[key] = [*known, *lacking]


def _named(gathered: Gathered, key: str) -> str:
    """What commands call an object, where that is not its key."""
    typed = gathered.typed[key]
    if gathered.kind is kinds.QUEUES:
        return typed.queue_url or "URL"
    return (typed.arn or "ARN") if gathered.kind is kinds.OIDC_PROVIDERS else key


def _queues(tables: dict[str, Gathered]) -> None:
    """Attributes do not name the queue's URL: the list does; all queues are known when each of them has attributes."""
    names, queues = tables.get(kinds.QUEUE_URLS.name), tables.get(kinds.QUEUES.name)
    if names is None:
        return
    for key, url in names.typed.items():
        if queues is not None and key in queues.lines and not queues.typed[key].queue_url:
            queues.replace(key, {"QueueUrl": url.name})
    if any(item.missing is not None for item in added_up(names)):
        return
    if queues is None:
        queues = tables[kinds.QUEUES.name] = Gathered(kinds.QUEUES)
    if queues.coverage or queues.failures:
        return
    lacking = sorted(names.lines.keys() - queues.lines.keys())
    missing = None
    if lacking:
        some = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        command = kinds.QUEUES.command.replace("URL", names.typed[lacking[0]].name)
        again = f"run: {command} > queue-{lacking[0]}-attributes.json"
        what = f"queue{'s' if len(lacking) > 1 else ''} {some} listed but not described"
        missing = Unknown(Cause.INCOMPLETE, what, again)
    queues.coverage = [Coverage(EVERYWHERE, missing)]


def _policies(tables: dict[str, Gathered]) -> None:
    """Managed policies are all there when all roles are, and the policies of each and their boundaries among them."""
    roles, policies = tables.get(kinds.ROLES.name), tables.get(kinds.POLICIES.name)
    if roles is None or (policies is not None and (policies.coverage or policies.failures)):
        return
    if any(item.missing is not None for item in added_up(roles)):
        return
    wanted = {item.policy_arn for role in roles.typed.values() for item in role.attached_managed_policies}
    bounds = (role.permissions_boundary for role in roles.typed.values())
    wanted |= {bound.permissions_boundary_arn for bound in bounds if bound is not None}
    if policies is None:
        policies = tables[kinds.POLICIES.name] = Gathered(kinds.POLICIES)
    lacking = sorted(wanted - policies.lines.keys() - {""})
    missing = None
    if lacking:
        some = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        what = f"{some}: attached to roles, and not among the policies that were given"
        missing = Unknown(Cause.INCOMPLETE, what, f"run: {kinds.POLICIES.command} > {kinds.POLICIES.name}.json")
    policies.coverage = [Coverage(EVERYWHERE, missing)]
