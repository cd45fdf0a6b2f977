"""Arguments and options that several commands share, and reading what they name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clusterproof.cli import configuration, live
from clusterproof.cli.output import TargetType, notes, progress, say
from clusterproof.cli.suggest import did_you_mean
from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.snapshot.snapshot import Snapshot

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = ("must", "should", "may")
DUMP_KINDS = (
    "nodes",
    "pods",
    "deployments",
    "statefulsets",
    "daemonsets",
    "services",
    "endpointslices",
    "networkpolicies",
    "persistentvolumeclaims",
    "persistentvolumes",
    "namespaces",
    "customresourcedefinitions",
)
"""What one ``kubectl get -A`` has to ask for; a test judges the demo from just these."""
SHOWN_SOURCES = 2
"""More inputs than these are not repeated in proposed commands."""


def sources(function: F) -> F:
    """``[SRC]...`` with ``--world``, ``--collected`` and ``--cluster``: what a command reads; and ``--config``."""
    return _all(
        configuration.configured(function),
        click.argument("sources", metavar="[SRC]...", nargs=-1),
        click.option("--world", metavar="NAME", help="A world that ships with clusterproof, instead of SRC."),
        *_reading(),
    )


def lively(function: F) -> F:
    """``--context``, ``--aws-profile`` and others: what is read where no SRC is named."""
    return live.live()(function)


def overlays(function: F) -> F:
    """``--with`` and ``--namespace``: what is judged as if it were applied."""
    return _all(
        function,
        click.option(
            "--with",
            "rendered",
            metavar="FILE|DIR|-",
            multiple=True,
            help="Rendered manifests (helm template, kustomize build): judge as if they were applied; repeatable.",
        ),
        click.option(
            "--namespace",
            metavar="NS",
            default="",
            help="The namespace of rendered objects that name none.  [default: default]",
        ),
    )


def reading(function: F) -> F:
    """``--collected`` and ``--cluster``: how sources are read."""
    return _all(function, *_reading())


def _reading() -> tuple[Callable[[F], F], ...]:
    return (
        click.option(
            "--collected",
            metavar="KINDS",
            multiple=True,
            help="Kinds that were asked for, with commas: one that no file shows is then empty, not unknown.",
        ),
        click.option("--cluster", metavar="NAME", default="", help="The EKS cluster meant, where there are several."),
    )


def profile(function: F) -> F:
    """``--profile`` and everything that adjusts it."""
    return _all(
        function,
        click.option("--profile", metavar="NAME|FILE", required=True, help="A built-in profile, or your own file."),
        *_adjusting(),
    )


def adjusting(function: F) -> F:
    """``--set``, ``--nodes``, ``--workload`` and ``--fail-on``: what adjusts a profile."""
    return _all(function, *_adjusting())


def _adjusting() -> tuple[Callable[[F], F], ...]:
    return (
        click.option(
            "--set", "parameters", metavar="PARAM=VALUE", multiple=True, help="Set a parameter of the profile."
        ),
        click.option(
            "--nodes", "node_sets", metavar="SET=GROUP[,GROUP]", multiple=True, help="Say which node groups a set is."
        ),
        click.option(
            "--workload", "workloads", metavar="NAME=KIND/NS/NAME", multiple=True, help="Say which workload is meant."
        ),
        click.option(
            "--fail-on",
            type=click.Choice(LEVELS, case_sensitive=False),
            default="must",
            show_default=True,
            help="The level from which a failing requirement makes the exit status 1.",
        ),
    )


def judging(function: F) -> F:
    """``--baseline`` and ``--as-of``: which failures count."""
    return _all(
        function,
        click.option(
            "--baseline", metavar="FILE", help="A JSON report: what fails in it already is shown and does not count."
        ),
        click.option(
            "--as-of",
            metavar="DATE",
            default="",
            help="Judge waivers' expiry by this day.  [default: the snapshot's, else today]",
        ),
    )


def formats(*names: str) -> Callable[[F], F]:
    """``-o FORMAT[=FILE]``, repeatable; the first name is the default."""
    return click.option(
        "-o",
        "--output",
        "targets",
        type=TargetType(names),
        multiple=True,
        default=(names[0],),
        help=f"What to print and, after =, into which file; repeatable.  [default: {names[0]}]",
    )


def verbosity(function: F) -> F:
    """``-v`` and ``-q``."""
    return _all(
        function,
        click.option("-v", "--verbose", is_flag=True, help="Open every finding and show all evidence."),
        quiet,
    )


def quiet(function: F) -> F:
    """``-q``."""
    option: Callable[[F], F] = click.option(
        "-q", "--quiet", is_flag=True, help="No notes or progress on stderr; results and errors remain."
    )
    return option(function)


def _all(function: F, *decorators: Callable[[F], F]) -> F:
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def pairs(option: str, items: Sequence[str], shape: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a mapping.

    Raises:
        UsageError: one has no ``=``, an empty side, or a name twice.
    """
    found: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{option} {item}: expected {shape}")
        if name in found:
            raise UsageError(f"{option} {item}: {name} is given twice; keep one")
        found[name] = value
    return found


def adjustments(
    parameters: Sequence[str], node_sets: Sequence[str], workloads: Sequence[str], fail_on: str
) -> dict[str, Any]:
    """The options of :func:`adjusting` as keyword arguments of ``clusterproof.check``, on top of the configuration's."""
    from clusterproof.profiles.model import Level

    context = click.get_current_context(silent=True)
    kept = configuration.mappings(context.params.get("profile") if context is not None else None)
    groups = {
        name: tuple(group for group in value.split(",") if group)
        for name, value in pairs("--nodes", node_sets, "SET=GROUP[,GROUP]").items()
    }
    return {
        "parameters": {**kept["parameters"], **pairs("--set", parameters, "PARAM=VALUE")},
        "node_sets": {**kept["node_sets"], **groups},
        "workloads": {**kept["workloads"], **pairs("--workload", workloads, "NAME=KIND/NAMESPACE/NAME")},
        "fail_on": Level(fail_on.upper()),
    }


def read(
    inputs: Sequence[str],
    world: str | None,
    collected: Sequence[str],
    cluster: str,
    *,
    quiet: bool,
    verbose: bool = False,
    rendered: Sequence[str] = (),
    namespace: str = "",
    profile: str = "",
) -> Snapshot:
    """The snapshot that the command line, else the configuration names, else the live one; rendered manifests on top.

    Raises:
        UsageError: files and a world, or either and options of live reading.
        UnreadableClusterError: nothing is named, and neither a cluster nor an account can be read.
        InputError: something named cannot be used.
    """
    if configuration.note() and not quiet:
        say(configuration.note())
    if "-" in rendered and "-" in inputs:
        raise UsageError("standard input is both SRC and --with; write one of them into a file")
    snapshot = _read(inputs, world, collected, cluster, profile, quiet=quiet)
    if rendered:
        from clusterproof import api

        known = len(snapshot.meta.notes)
        stdin = sys.stdin.buffer if "-" in rendered else None
        snapshot = api.load_manifests(snapshot, rendered, stdin=stdin, namespace=namespace)
        # What the manifests leave out is what the user asks about now: it is said first.
        notes(snapshot.meta.notes[known:], quiet=quiet, verbose=verbose)
        notes(snapshot.meta.notes[:known], quiet=quiet, verbose=verbose)
    else:
        notes(snapshot.meta.notes, quiet=quiet, verbose=verbose)
    return snapshot


def _read(
    inputs: Sequence[str], world: str | None, collected: Sequence[str], cluster: str, profile: str, *, quiet: bool
) -> Snapshot:
    from clusterproof import api

    if world is not None:
        if inputs:
            raise UsageError("both SRC and --world are given; leave one out")
        live.refuse_beside("--world")
        return api.load_world(world)
    if inputs:
        live.refuse_beside("SRC")
    elif not live.typed():
        inputs = configuration.inputs()
    if not inputs:
        if not live.offered():
            raise UsageError(
                "no input was named; name a snapshot or a directory, or dump the cluster and name the files:\n"
                f"  kubectl get {','.join(DUMP_KINDS)} -A -o json |\n"
                "    clusterproof check - AWS-JSON-DIRECTORY --profile dynamo\n"
                "or try it first without a cluster: clusterproof demo"
            )
        return live.read(cluster, profile, quiet=quiet)
    kinds = [kind for item in collected for kind in item.split(",") if kind]
    stdin = sys.stdin.buffer if "-" in inputs else None
    with progress(quiet) as observer:
        return api.load(inputs, stdin=stdin, collected=kinds, cluster=cluster, observer=observer)


def given(inputs: Sequence[str], world: str | None, extra: Mapping[str, Sequence[str]] | None = None) -> str:
    """The input and adjustments as they stand on the command line, to be repeated in proposed commands.

    Many inputs, as a shell makes them of ``dump/*.json``, are ``SRC``, as in the usage.
    """
    import shlex

    words = ["--world", world] if world is not None else list(inputs) if len(inputs) <= SHOWN_SOURCES else ["SRC"]
    for option, values in (extra or {}).items():
        for value in values:
            words += [option, value]
    return shlex.join(words)


def own(profile: str) -> str:
    """A profile file as proposed commands name it, for a shell; empty for a built-in profile, which has its name."""
    import shlex

    from clusterproof.cli.library import builtin

    return "" if profile in builtin() else shlex.quote(profile)


def unknown(what: str, name: str, known: Sequence[str]) -> UsageError:
    """The error for a name that does not exist, with a suggestion or the list."""
    hint = did_you_mean(name, known)
    return UsageError(f"there is no {what} {name!r}" + (hint or f"; there are {', '.join(known)}"))
