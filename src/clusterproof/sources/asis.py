"""The usual case while reading live: an object in which redaction finds nothing stays the text that the API sent.

To build every object as Python values only to write the same text again is most of the work of a reading. Here an
object is looked at through structs that name only what redaction can change; where it would change anything beyond
dropping ``managedFields`` (or where anything is unusual), the caller takes the long way, which decides alone.

Pods of one controller repeat each other's variables and command lines word for word. What was judged once is known by
its JSON text afterwards; only harmless texts are remembered, so that no credential stays in memory on this account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.redact import (
    HIDDEN,
    HTTP_POLICIES,
    LAST_APPLIED,
    OPERATORS,
    credential_word,
    is_credential,
    secret_text,
)

_HIDDEN = HIDDEN.encode()
_NULLS = (b'"lastProbeTime":null,', b'"creationTimestamp":null,')
"""Members that API servers write as null in every pod and in every template. An unescaped quote opens and ends such a
name, so that it can only be a member's, never part of a text."""
_MOST_REMEMBERED = 4 * 1024 * 1024
"""Bytes of harmless texts per kind; beyond that they are forgotten and gathered anew."""
_ABSENT = msgspec.Raw()


class _Metadata(msgspec.Struct, rename="camel"):
    annotations: msgspec.Raw = _ABSENT
    managed_fields: msgspec.Raw = _ABSENT


class _Variable(msgspec.Struct):
    name: str = ""
    value: str = ""


class _Container(msgspec.Struct):
    env: msgspec.Raw = _ABSENT
    args: msgspec.Raw = _ABSENT
    command: msgspec.Raw = _ABSENT


class _Spec(msgspec.Struct, rename="camel"):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()
    ephemeral_containers: tuple[_Container, ...] = ()
    template: _Template | None = None
    job_template: _Template | None = None


class _Template(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_spec = msgspec.json.Decoder(_Spec)
_annotations = msgspec.json.Decoder(dict[str, str])
_variables = msgspec.json.Decoder(tuple[_Variable, ...])
_words = msgspec.json.Decoder(tuple[str, ...])
_encode = msgspec.json.Encoder().encode


class AsIs:
    """Judges the objects of one kind; for one thread at a time.

    Args:
        kind: their kind.
        api_version: to fill in where an object has none.
    """

    def __init__(self, kind: Kind[Any], api_version: str) -> None:
        special = kind in (kinds.HELM_RELEASES, kinds.CONFIG_MAPS) or kind.wire in (*HTTP_POLICIES, *OPERATORS)
        self._never = kind.origin != "kubernetes" or special
        self._api_version = msgspec.Raw(_encode(api_version))
        self._harmless: set[bytes] = set()
        self._remembered = 0

    def kept(self, text: msgspec.Raw | bytes, wire: str) -> bytes | None:
        """The object's line for a table, or None where it must be looked at as a whole.

        Args:
            text: one Kubernetes object as the API sent it.
            wire: the ``kind`` to fill in where the object has none.
        """
        if self._never:
            return None
        try:
            members = _object.decode(text)
            metadata = _object.decode(members["metadata"])
            spec = members.get("spec")
            plain = self._plain(metadata.get("annotations", _ABSENT), _harmless_annotations) and (
                spec is None or self._plain_spec(_spec.decode(spec))
            )
        except (msgspec.DecodeError, KeyError, UnicodeDecodeError, RecursionError):
            return None
        if not plain:
            return None
        if metadata.pop("managedFields", None) is not None:
            members["metadata"] = msgspec.Raw(_encode(metadata))
        if "apiVersion" not in members:
            members["apiVersion"] = self._api_version
        if "kind" not in members:
            members["kind"] = msgspec.Raw(_encode(wire))
        return _tidy(_encode(members))

    def _plain_spec(self, spec: _Spec) -> bool:
        for containers in (spec.containers, spec.init_containers, spec.ephemeral_containers):
            for container in containers:
                if not (
                    self._plain(container.env, _harmless_variables)
                    and self._plain(container.args, _harmless_words)
                    and self._plain(container.command, _harmless_words)
                ):
                    return False
        return self._plain_template(spec.template) and self._plain_template(spec.job_template)

    def _plain_template(self, template: _Template | None) -> bool:
        if template is None:  # absent; null is left to the long way by its text
            return True
        metadata = template.metadata
        return (
            not metadata.managed_fields
            and self._plain(metadata.annotations, _harmless_annotations)
            and self._plain_spec(template.spec)
        )

    def _plain(self, raw: msgspec.Raw, harmless: Callable[[msgspec.Raw], bool]) -> bool:
        """Whether redaction leaves a member's value as it is; each text is judged once."""
        if not raw:
            return True
        # One set for all: a list of texts, one of variables and an object of texts never have the same JSON, but for
        # empty ones, which are harmless as any.
        text = bytes(raw)
        if text in self._harmless:
            return True
        if not harmless(raw):
            return False
        if self._remembered + len(text) > _MOST_REMEMBERED:
            self._harmless.clear()
            self._remembered = 0
        if len(text) <= _MOST_REMEMBERED:
            self._harmless.add(text)
            self._remembered += len(text)
        return True


def _tidy(line: bytes) -> bytes | None:
    """The line without the usual nulls; None where it holds others, or what one line of JSON must not."""
    # A single byte is looked for many times faster than two: first whether there is any backslash at all.
    if b"\n" in line or (b"\\" in line and b"\\u" in line) or (b"*" in line and _HIDDEN in line):
        return None
    if b"null" not in line:
        return line
    for usual in _NULLS:
        line = line.replace(usual, b"")
    return None if b"null" in line else line


def _harmless_annotations(raw: msgspec.Raw) -> bool:
    annotations = _annotations.decode(raw)
    return LAST_APPLIED not in annotations and not any(map(secret_text, annotations.values()))


def _harmless_variables(raw: msgspec.Raw) -> bool:
    return not any(item.value and is_credential(item.name, item.value) for item in _variables.decode(raw))


def _harmless_words(raw: msgspec.Raw) -> bool:
    return not credential_word(_words.decode(raw))
