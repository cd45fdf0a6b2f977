"""The kubeconfig files: read one by one and merged by kubectl's rules.

Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files": the first file that sets a value or a name
wins, whole. What stands in an entry is read where a context is resolved (:mod:`.kubeconfig`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from clusterproof.errors import InputError, UnreadableClusterError

MAX_BYTES = 16 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True):
    """One named entry of a kubeconfig and the file that it stands in."""

    value: dict[str, Any]
    path: Path


class Merged(msgspec.Struct, frozen=True):
    """Several files as one."""

    clusters: dict[str, Entry]
    contexts: dict[str, Entry]
    users: dict[str, Entry]
    current: str = ""
    files: tuple[str, ...] = ()


def merge(paths: list[Path], *, required: bool = False) -> Merged:
    """Files in order; the first that sets a name or the current context wins.

    Args:
        paths: the files; one that is not there is stepped over, as kubectl does.
        required: whether a missing file is an error (``--kubeconfig``).

    Raises:
        UnreadableClusterError: a file cannot be read or is no kubeconfig.
    """
    tables: dict[str, dict[str, Entry]] = {"clusters": {}, "contexts": {}, "users": {}}
    current = ""
    read: list[str] = []
    for path in paths:
        document = _document(path, required=required)
        if document is None:
            continue
        read.append(str(path))
        for member, table in tables.items():
            for name, value in _named(document.get(member), member.removesuffix("s"), f"{path}: {member}"):
                table.setdefault(name, Entry(value, path))
        named = document.get("current-context")
        current = current or (named if isinstance(named, str) else "")
    return Merged(tables["clusters"], tables["contexts"], tables["users"], current, tuple(read))


def _document(path: Path, *, required: bool) -> dict[str, Any] | None:
    from clusterproof.sources.yamltext import yaml_documents

    try:
        if path.is_dir():
            raise UnreadableClusterError(
                f"{path}: is a directory, not a kubeconfig file; name another after --kubeconfig"
            )
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise UnreadableClusterError(
                f"{path}: there is no such kubeconfig file; name another after --kubeconfig"
            ) from None
        return None
    except OSError as error:
        raise UnreadableClusterError(
            f"{path}: the kubeconfig cannot be read ({error.strerror}); name another after --kubeconfig"
        ) from None
    if len(data) > MAX_BYTES:
        raise UnreadableClusterError(f"{path}: is larger than a kubeconfig can be; name another after --kubeconfig")
    try:
        documents = [document.value for document in yaml_documents(data, str(path))]
    except InputError as error:
        # What stands in the file may be a credential: only the place is named.
        raise UnreadableClusterError(
            f"{str(error).removesuffix('; make the file again')}; mend the kubeconfig"
        ) from None
    if not documents:
        return {}
    if not isinstance(documents[0], dict):
        raise UnreadableClusterError(f"{path}: holds no clusters, contexts and users, so it is no kubeconfig; mend it")
    return documents[0]


def _named(listed: Any, member: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise UnreadableClusterError(f"{where}: expected a list; mend the kubeconfig")
    found = []
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise UnreadableClusterError(f"{where}: an entry has no name; mend the kubeconfig")
        value = item.get(member)
        if not isinstance(value, dict):
            value = {}
        found.append((item["name"], value))
    return found
