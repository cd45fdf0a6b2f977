"""Reading a live cluster and account from the command line: the options, who asks, and progress."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clusterproof.cli import configuration
from clusterproof.cli.output import progress, say
from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.snapshot.snapshot import Snapshot
    from clusterproof.sources.live import LiveOptions

F = TypeVar("F", bound=Callable[..., Any])

_KEY = "clusterproof.live"
_FLAGS = {
    "context": "--context",
    "kubeconfig": "--kubeconfig",
    "as_user": "--as-user",
    "as_groups": "--as-group",
    "aws_profiles": "--aws-profile",
    "region": "--region",
    "endpoint_url": "--endpoint-url",
    "no_aws": "--no-aws",
    "timeout": "--timeout",
}


def live(*impersonate: str) -> Callable[[F], F]:
    """What says which cluster and account are read where no SRC is named; kept for :func:`read`.

    Args:
        impersonate: the flags of ``--as``; empty where ``--as`` means something else.
    """
    text: dict[str, Any] = {"default": "", "expose_value": False, "callback": _keep}
    many: dict[str, Any] = {"multiple": True, "expose_value": False, "callback": _keep}
    options = (
        click.option(
            "--context", metavar="NAME", **text, help="Live: the kubeconfig's context.  [default: the current one]"
        ),
        click.option(
            "--kubeconfig", metavar="FILE", **text, help="Live: the kubeconfig.  [default: KUBECONFIG, ~/.kube/config]"
        ),
        click.option(
            *(impersonate or ("--as", "--as-user")), "as_user", metavar="USER", **text, help="Live: impersonate a user."
        ),
        click.option("--as-group", "as_groups", metavar="GROUP", **many, help="Live: impersonate a group; repeatable."),
        click.option(
            "--aws-profile",
            "aws_profiles",
            metavar="NAME",
            **many,
            help="Live: the AWS profile; repeatable where accounts share or peer VPCs.",
        ),
        click.option("--region", metavar="REGION", **text, help="Live: the AWS region."),
        click.option("--endpoint-url", metavar="URL", **text, help="Live: stands for every AWS endpoint."),
        click.option(
            "--no-aws",
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Live: leave the AWS account out; what rests on it is unknown.",
        ),
        click.option(
            "--timeout",
            metavar="SECONDS",
            type=click.FloatRange(min=0.1),
            expose_value=False,
            callback=_keep,
            help="Live: how long one kind of object may take.  [default: 120 in the cluster, 60 in AWS]",
        ),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    ctx.meta.setdefault(_KEY, {})[param.name] = value


def offered() -> bool:
    """Whether the running command can read live."""
    context = click.get_current_context(silent=True)
    return context is not None and _KEY in context.meta


def typed() -> tuple[str, ...]:
    """The options of :func:`live` that stand on the command line."""
    return tuple(flag for name, flag in _FLAGS.items() if offered() and configuration.typed(name))


def refuse_beside(what: str) -> None:
    """Refuse options of live reading beside something that is read instead.

    Raises:
        UsageError: both were given.
    """
    if typed():
        raise UsageError(
            f"both {what} and {typed()[0]} are given; leave one out: {what} is read instead of the cluster"
        )


def given() -> Mapping[str, Any]:
    """What stands on the command line, by the option's name without dashes."""
    kept = _kept()
    return {flag.lstrip("-"): kept[name] for name, flag in _FLAGS.items() if flag in typed()}


def again() -> Mapping[str, Sequence[str]]:
    """What was typed, to be repeated in proposed commands."""
    kept = _kept()
    found: dict[str, Sequence[str]] = {}
    for name, flag in _FLAGS.items():
        if flag in typed() and flag not in ("--timeout", "--no-aws"):
            value = kept[name]
            found[flag] = value if isinstance(value, tuple) else (value,)
    return found


def kubeconfig() -> str:
    """The kubeconfig that was named; empty where none was."""
    return str(_kept()["kubeconfig"]) if offered() else ""


def options_of(cluster: str) -> LiveOptions:
    """What the command line and the configuration say."""
    from clusterproof.sources.live import LiveOptions

    kept = _kept()
    return LiveOptions(
        context=kept["context"],
        kubeconfig=kept["kubeconfig"],
        as_user=kept["as_user"],
        as_groups=tuple(kept["as_groups"]),
        aws=not kept["no_aws"],
        aws_profiles=tuple(kept["aws_profiles"]),
        region=kept["region"],
        endpoint_url=kept["endpoint_url"],
        cluster=cluster,
        timeout=kept["timeout"] or 0.0,
    )


def read(cluster: str, profile: str, parameters: Mapping[str, str], *, quiet: bool) -> Snapshot:
    """The cluster and account that the command line names; who asks is shown first.

    Args:
        cluster: ``--cluster``.
        profile: whose kinds are read; empty: all that any check reads.
        parameters: the profile's parameters that were given.
        quiet: no notes and no progress.

    Raises:
        UnreadableClusterError: nothing could be read.
        InputError: cluster and account do not belong together.
    """
    from clusterproof import api

    # The only place that asks the clock: a snapshot says when its reading began.
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    params = click.get_current_context().params
    verbose = bool(params.get("verbose"))

    def greet(line: str) -> None:
        if not quiet:
            more = "; -v names them" if "verbose" in params and not verbose and line.endswith(" more") else ""
            say(line + more)

    with progress(quiet) as observer:
        return api.load_live(
            options_of(cluster),
            profile=profile,
            parameters=parameters,
            observer=observer,
            greet=greet,
            time=now,
            verbose=verbose,
        )


def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = click.get_current_context().meta[_KEY]
    return kept
