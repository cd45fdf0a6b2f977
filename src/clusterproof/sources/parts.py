"""Which members of objects that are made of pieces were given, while files are read; two answers about one as one."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.snapshot.compare import canonical
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources import pieces


class Parts:
    """Which members of each object were given, and why others were not, while files are read.

    Attributes:
        given: members by key.
        stopped: by what the file's name calls the object and by operation: why its answer is an error; None where the
            error says that nothing is configured.
    """

    def __init__(self, kind: Kind[Any]) -> None:
        self.kind = kind
        self.given: dict[str, set[str]] = {}
        self.stopped: dict[tuple[str, str], Unknown | None] = {}
        self._all = {member for piece in pieces.of(kind) for member in piece.members}

    def tell(self, key: str, told: frozenset[str] | None) -> None:
        """An answer gave these members (None: all of them) of an object."""
        self.given.setdefault(key, set()).update(self._all if told is None else told)

    def none(self, key: str) -> dict[str, Any]:
        """The members of one object that an error says are not configured, where nothing else gave them."""
        given = self.given.get(key, ())
        return {
            piece.members[0]: piece.none
            for piece in pieces.of(self.kind)
            if piece.none is not None and piece.members[0] not in given
            for (name, operation), reason in self.stopped.items()
            if operation == piece.operation and name == key and reason is None
        }

    def unknown(self, key: str, url: str) -> list[tuple[str, Unknown]]:
        """The members of one object that are not known, with why."""
        found = []
        for piece in pieces.of(self.kind):
            lacking = [member for member in piece.members if member not in self.given.get(key, ())]
            why: Unknown | None = _not_given(piece, key, url)
            for (name, operation), reason in self.stopped.items():
                if operation == piece.operation and (name == key or key.endswith(f"/{name}")):
                    why = reason
            if why is not None:
                found += [(member, why) for member in lacking]
        return found


def _not_given(piece: pieces.Piece, key: str, url: str) -> Unknown:
    noun = pieces.NOUNS[piece.kind.name]
    if "KEY" in piece.call:
        again = f"run: {piece.command(url or key)} > {noun}-{key.rpartition('/')[2]}-{piece.word}.json"
    else:
        again = f"run: {piece.command(key)} > {piece.kind.name}.json"
    said = f"the {piece.name} of {noun} {key} not collected"
    return Unknown(Cause.NOT_COLLECTED, said.replace("oidcprovider", "OIDC provider"), again)


def together(held: bytes, line: bytes) -> bytes | None:
    """Two texts of one object as one, member by member; None where they contradict each other."""
    first, second = msgspec.json.decode(held), msgspec.json.decode(line)
    for name, value in second.items():
        if name in first and canonical({name: first[name]}) != canonical({name: value}):
            return None
    return msgspec.json.encode({**second, **first})
