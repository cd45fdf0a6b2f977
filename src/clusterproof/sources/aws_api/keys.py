"""KMS keys: those by which the queues and buckets that were read are encrypted, by id, ARN or alias."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources import pieces
from clusterproof.sources.aws_api.making import Making, Question, Task, Told, make
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.workers import Call

_NO_KEY = frozenset({"NotFoundException"})
_NEVER = frozenset({"UnsupportedOperationException"})
"""What KMS answers of a key that cannot rotate by itself: asymmetric, imported, of a custom store."""
_OF_S3 = "alias/aws/s3"
"""The key of ``aws:kms`` encryption that names none (S3 API reference, ``ServerSideEncryptionByDefault``)."""


def read(accounts: list[Account], wanted: Collection[Kind[Any]], run: Callable[[list[Call]], None]) -> None:
    """The keys that queues and buckets name; what names them has been read.

    Args:
        accounts: the cluster's own first; another account's key is asked for with that account's profile, if there is one.
        wanted: the kinds to read.
        run: makes calls and returns when all have ended.
    """
    if kinds.KEYS not in wanted:
        return
    home = accounts[0]
    home.results.setdefault(kinds.KEYS.name, [])
    if (why := _unnamed(home, wanted)) is not None:
        home.limits[kinds.KEYS.name] = why
    by_id = {account.identity.account: account for account in reversed(accounts) if account.identity.account}
    tasks = []
    for name, region in sorted(set(_names(home))):
        parts = name.split(":")
        arn = len(parts) > 5
        account = by_id.get(parts[4], home) if arn else home
        where = parts[3] if arn else region
        about = f"key {name.rpartition(':')[2].removeprefix('key/')}"
        tasks.append(Task(kinds.KEYS, about, account, _key(name, where, about)))
    make(tasks, run)


def _names(home: Account) -> Iterator[tuple[str, str]]:
    """Keys as queues and buckets name them, each with its region."""
    for queue in home.typed(kinds.QUEUES):
        name = queue.attributes.get("KmsMasterKeyId", "")
        if name:
            yield name, home.source.region
    for bucket in home.typed(kinds.BUCKETS):
        rules = ((bucket.encryption or {}).get("ServerSideEncryptionConfiguration") or {}).get("Rules")
        for rule in rules if isinstance(rules, list) else ():
            default = rule.get("ApplyServerSideEncryptionByDefault") if isinstance(rule, dict) else None
            if isinstance(default, dict) and str(default.get("SSEAlgorithm", "")).startswith("aws:kms"):
                yield str(default.get("KMSMasterKeyID") or _OF_S3), bucket.region or home.source.region


def _unnamed(home: Account, wanted: Collection[Kind[Any]]) -> Unknown | None:
    """Why there may be keys that nothing names here: queues or buckets that are wanted and were not read whole."""
    for kind, member in ((kinds.QUEUES, "Attributes"), (kinds.BUCKETS, "Encryption")):
        found = home.results.get(kind.name, []) if kind in wanted else []
        unread = [result.missing for result in found]
        unread += [field.unknown for result in found for field in result.unknown if field.path == member]
        unread.append(home.limits.get(kind.name) if kind in wanted else None)
        why = next((item for item in unread if item is not None), None)
        if why is not None:
            return Unknown(why.cause, f"which keys the {kind.name} name is not known: {why.detail}", why.remedy)
    return None


def _key(name: str, region: str, about: str) -> Callable[[Making], None]:
    """A key; that of an AWS service rotates always (KMS API reference, ``GetKeyRotationStatus``)."""

    def work(making: Making) -> None:
        described = making.ask(
            Question("kms", "DescribeKey", {"KeyId": name}, about, "KeyMetadata", gone=_NO_KEY, region=region)
        )
        making.missing = described.missing
        if described.gone or described.missing is not None or not isinstance(described.value, dict):
            return
        making.raw.update(described.value)
        of_aws = described.value.get("KeyManager") == "AWS"
        which = {"KeyId": str(described.value.get("Arn") or name)}
        for piece in pieces.of(kinds.KEYS):
            member = piece.members[0]
            if piece.operation == "DescribeKey":
                continue
            if member == "RotationEnabled" and of_aws:
                making.raw[member] = True
                continue
            more = {"PolicyName": "default"} if piece.operation == "GetKeyPolicy" else {}
            question = Question(
                *("kms", piece.operation, {**which, **more}, f"the {piece.name} of {about}"),
                piece.value.partition("[")[0],
                none=_NEVER if member == "RotationEnabled" else frozenset(),
                gone=_NO_KEY,
                region=region,
            )
            told = making.ask(question)
            if told.gone:
                return
            making.put(member, told.valued(_shaped(member, told)))

    return work


def _shaped(member: str, told: Told) -> Any:
    if told.missing is not None:
        return None
    if member == "RotationEnabled":
        return bool(told.value)
    if member == "Aliases":
        return [item.get("AliasName", "") for item in told.value or () if isinstance(item, dict)]
    return told.value
