"""The usual case while reading live: an object in which redaction finds nothing stays the text that the API sent.

To build every object as Python values only to write the same text again is most of the work of a reading. Here an
object is looked at through structs that name only what redaction can change; where it would change anything beyond
dropping ``managedFields`` (or where anything is unusual), the caller takes the long way, which decides alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.redact import HIDDEN, LAST_APPLIED, credential_word, is_credential, secret_text

_UNUSUAL = (HIDDEN.encode(), b"\\u", b"\n", b"null")
_PROBE = b'"lastProbeTime":null,'
_MAX_CACHED = 256


class _Variable(msgspec.Struct):
    name: str = ""
    value: str = ""


class _Container(msgspec.Struct):
    env: tuple[_Variable, ...] = ()
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


class _Spec(msgspec.Struct, rename="camel"):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()
    ephemeral_containers: tuple[_Container, ...] = ()
    template: msgspec.Raw | None = None
    job_template: msgspec.Raw | None = None


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_spec = msgspec.json.Decoder(_Spec)
_annotations = msgspec.json.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode


def kept(text: bytes, kind: Kind[Any], api_version: str, wire: str) -> bytes | None:
    """The object's line for a table, or None where it must be looked at as a whole.

    Args:
        text: one Kubernetes object as the API sent it.
        kind: its kind.
        api_version: to fill in where the object has none.
        wire: the ``kind`` to fill in where the object has none.
    """
    if kind is kinds.HELM_RELEASES or kind is kinds.CONFIG_MAPS:
        return None
    try:
        members = _object.decode(text)
        metadata = _object.decode(members["metadata"])
        if "annotations" in metadata and not _plain_annotations(metadata["annotations"]):
            return None
        if "spec" in members and not _plain_spec(members["spec"]):
            return None
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError):
        return None
    if metadata.pop("managedFields", None) is not None:
        members["metadata"] = msgspec.Raw(_encode(metadata))
    members.setdefault("apiVersion", msgspec.Raw(_encode(api_version)))
    members.setdefault("kind", msgspec.Raw(_encode(wire)))
    line = _encode(members).replace(_PROBE, b"")
    return None if any(word in line for word in _UNUSUAL) else line


def _plain_annotations(raw: msgspec.Raw) -> bool:
    annotations = _annotations.decode(raw)
    return LAST_APPLIED not in annotations and not any(_looks(value) for value in annotations.values())


def _looks(value: str) -> bool:
    return _looked(value) if len(value) <= _MAX_CACHED else secret_text(value)


@lru_cache(maxsize=8192)
def _looked(value: str) -> bool:
    return secret_text(value)


def _plain_spec(raw: msgspec.Raw) -> bool:
    spec = _spec.decode(raw)
    if spec.template is not None or spec.job_template is not None:
        return False
    return all(
        _plain_container(container)
        for containers in (spec.containers, spec.init_containers, spec.ephemeral_containers)
        for container in containers
    )


def _plain_container(container: _Container) -> bool:
    for variable in container.env:
        value = variable.value
        if not value:
            continue
        if len(value) > _MAX_CACHED:
            if is_credential(variable.name, value):
                return False
        elif _credential(variable.name, value):
            return False
    return _plain_words(container.args) and _plain_words(container.command)


@lru_cache(maxsize=8192)
def _credential(name: str, value: str) -> bool:
    return is_credential(name, value)


@lru_cache(maxsize=4096)
def _plain_words(words: tuple[str, ...]) -> bool:
    return not credential_word(words)
