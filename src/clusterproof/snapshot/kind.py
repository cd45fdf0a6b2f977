"""What a kind is: how its objects are typed and keyed, what prints them and which permission that needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kind(Generic[T]):
    """One kind of object.

    Attributes:
        name: the plural that kubectl or the AWS CLI uses; also the file name inside a snapshot.
        type: the msgspec struct that decodes one object.
        key: gives an object's key from the typed object: ``ns/name``, ``name`` or an AWS id.
        origin: ``kubernetes`` or ``aws``.
        wire: Kubernetes: the ``kind`` on the wire; AWS: the member that holds the list.
        group: Kubernetes: the API group (``""`` is core); AWS: the service.
        command: what prints the objects, to be quoted to a user.
        permission: RBAC ``verb resource.group`` or IAM action.
        also: further IAM actions, where one object is the answer of several calls.
        namespaced: Kubernetes only: whether a namespaced permission can limit it.
    """

    __slots__ = ("also", "command", "group", "key", "name", "namespaced", "origin", "permission", "type", "wire")

    def __init__(
        self,
        name: str,
        type_: type[T],
        *,
        key: Callable[[T], str],
        origin: str,
        wire: str,
        group: str,
        command: str,
        permission: str,
        namespaced: bool = False,
        also: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.type = type_
        self.key = key
        self.origin = origin
        self.wire = wire
        self.group = group
        self.command = command
        self.permission = permission
        self.namespaced = namespaced
        self.also = also

    @property
    def resource(self) -> str:
        """The plural on the wire: the name, without the group's part that tells two resources of one name apart."""
        return self.name.partition("-")[0] if self.origin == "kubernetes" else self.name

    def __repr__(self) -> str:
        return f"Kind({self.name})"


def _named(obj: Any) -> str:
    return str(obj.metadata.name)


def namespaced_key(obj: Any) -> str:
    """``namespace/name``."""
    return f"{obj.metadata.namespace}/{obj.metadata.name}"


def kubernetes_kind(name: str, type_: type[T], wire: str, group: str = "", *, namespaced: bool = True) -> Kind[T]:
    """A kind of the Kubernetes API, by the name of its resource; an empty group is core."""
    # Two groups may have a resource of one name; the kind's own name then ends in the group's.
    plural = name.partition("-")[0]
    resource = f"{plural}.{group}" if group else plural
    scope = " -A" if namespaced else ""
    return Kind(
        name,
        type_,
        key=namespaced_key if namespaced else _named,
        origin="kubernetes",
        wire=wire,
        group=group,
        command=f"kubectl get {resource}{scope} -o json",
        permission=f"list {resource}",
        namespaced=namespaced,
    )


def aws_kind(
    name: str,
    type_: type[T],
    wire: str,
    service: str,
    call: str,
    action: str,
    key: Callable[[T], str],
    also: tuple[str, ...] = (),
) -> Kind[T]:
    """A kind of an AWS API: ``wire`` is the member that holds the list, ``call`` the CLI's words for it."""
    return Kind(
        name,
        type_,
        key=key,
        origin="aws",
        wire=wire,
        group=service,
        command=f"aws {service} {call} --output json",
        permission=action,
        also=also,
    )


def ec2_kind(name: str, type_: type[T], wire: str, action: str, key: Callable[[T], str]) -> Kind[T]:
    """A kind of EC2 whose call is ``describe-`` and its name."""
    return aws_kind(name, type_, wire, "ec2", f"describe-{name}", f"ec2:{action}", key)
