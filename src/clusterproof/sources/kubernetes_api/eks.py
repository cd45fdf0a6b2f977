"""Which EKS cluster a kubeconfig's context means, as far as its own words tell.

``aws eks update-kubeconfig`` names cluster and context by ARN and writes ``aws eks get-token`` as credential plugin
(Amazon EKS User Guide, "Connect kubectl to an EKS cluster by creating a kubeconfig file"); eksctl names them
``NAME.REGION.eksctl.io``; an API server's host ends in ``.REGION.eks.amazonaws.com``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from clusterproof.sources.kubernetes_api.kubeconfig import Connection

_ARN = re.compile(r"arn:[\w-]+:eks:(?P<region>[\w-]+):(?P<account>\d{12}):cluster/(?P<name>[\w-]+)")
_EKSCTL = re.compile(r"(?:.*@)?(?P<name>[A-Za-z0-9][\w-]*)\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d+)\.eksctl\.io")
_HOST = re.compile(r"\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d+)\.(?:eks\.amazonaws\.com(?:\.cn)?|api\.aws)(?::\d+)?(?:/|$)")
_FLAGS = {
    "--cluster-name": "cluster",
    "--cluster-id": "cluster",
    "-i": "cluster",
    "--region": "region",
    "--role-arn": "role_arn",
    "--role": "role_arn",
    "-r": "role_arn",
    "--profile": "aws_profile",
}
_PLUGINS = re.compile(
    r"(^|[/\\])(aws|aws-iam-authenticator|heptio-authenticator-aws|aws-vault|granted|assume)(\.exe|\.cmd)?$"
)


class Guess(msgspec.Struct, frozen=True):
    """What the words say; empty where they say nothing."""

    cluster: str = ""
    region: str = ""
    account: str = ""
    aws_profile: str = ""
    role_arn: str = ""


def of(found: Connection) -> Guess:
    """The EKS cluster that a context's connection means."""
    plugin = found.plugin
    return guess(
        [found.cluster_name, found.context, found.user_name],
        found.server,
        plugin.command if plugin else "",
        plugin.args if plugin else (),
        plugin.env if plugin else {},
    )


def guess(names: Sequence[str], server: str, command: str, args: Sequence[str], env: Mapping[str, str]) -> Guess:
    """The EKS cluster of a context.

    Args:
        names: the names of the cluster entry, the context and the user, in this order of trust.
        server: the API server's URL.
        command: the credential plugin's; empty when there is none.
        args: its arguments.
        env: what the kubeconfig adds to its environment.
    """
    found: dict[str, str] = {}
    if _PLUGINS.search(command) or "get-token" in args:
        found |= _from_args(args)
        for variable, field in (
            ("AWS_PROFILE", "aws_profile"),
            ("AWS_REGION", "region"),
            ("AWS_DEFAULT_REGION", "region"),
        ):
            if env.get(variable):
                found.setdefault(field, env[variable])
    for name in names:
        match = _ARN.search(name)
        if match and found.get("cluster", match["name"]) == match["name"]:
            found.setdefault("cluster", match["name"])
            found.setdefault("region", match["region"])
            found.setdefault("account", match["account"])
        match = _EKSCTL.fullmatch(name)
        if match:
            found.setdefault("cluster", match["name"])
            found.setdefault("region", match["region"])
    host = _HOST.search(server)
    if host:
        found.setdefault("region", host["region"])
    return Guess(**found)


def _from_args(args: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, word in enumerate(args):
        flag, joined, value = word.partition("=")
        field = _FLAGS.get(flag)
        if field is None:
            continue
        if not joined:
            value = args[number + 1] if number + 1 < len(args) else ""
        if value:
            found.setdefault(field, value)
    return found
