"""Arguments and options that several commands share, and reading what they name."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from clusterproof.cli import configuration, live, overwriting
from clusterproof.cli.output import Target, TargetType, apart, notes, progress, say
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
    "replicasets",
    "jobs",
    "cronjobs",
    "services",
    "endpointslices",
    "networkpolicies",
    "persistentvolumeclaims",
    "persistentvolumes",
    "namespaces",
    "customresourcedefinitions",
    "storageclasses",
    "runtimeclasses",
)
"""What one ``kubectl get -A`` has to ask for; a test judges the demo from just these."""
SHOWN_SOURCES = 2
"""More inputs than these are not repeated in proposed commands."""


class Inputs(NamedTuple):
    """What the command line says to read; nothing at all: the configuration's inputs, else the live cluster.

    Attributes:
        sources: ``SRC``.
        world: ``--world``.
        collected: ``--collected``, as it was written.
        cluster: ``--cluster``.
        rendered: ``--with``.
        namespace: ``--namespace``.
    """

    sources: tuple[str, ...] = ()
    world: str | None = None
    collected: tuple[str, ...] = ()
    cluster: str = ""
    rendered: tuple[str, ...] = ()
    namespace: str = ""


class Adjusted(NamedTuple):
    """What the command line adjusts of a profile, as it was written.

    Attributes:
        parameters: ``--set``.
        node_sets: ``--nodes``.
        workloads: ``--workload``.
        fail_on: ``--fail-on``.
    """

    parameters: tuple[str, ...] = ()
    node_sets: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    fail_on: str = "must"


def sources(function: F) -> F:
    """``[SRC]...`` with ``--world``, ``--collected`` and ``--cluster``, and ``--config``.

    The command is given them, and what :func:`overlays` adds, as ``inputs``.
    """
    return _all(
        configuration.configured(_packed(function, "inputs", Inputs)),
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
        click.option(
            "--profile", "-p", metavar="NAME|FILE", required=True, help="A built-in profile, or your own file."
        ),
        adjusting,
    )


def profile_or_baseline(function: F) -> F:
    """``--profile``, which may be left out beside ``--baseline``, and everything that adjusts it."""
    return _all(
        function,
        click.option(
            "--profile",
            "-p",
            metavar="NAME|FILE",
            help="A built-in profile, or your own file; needed unless --baseline says it.",
        ),
        adjusting,
    )


def adjusting(function: F) -> F:
    """``--set``, ``--nodes``, ``--workload`` and ``--fail-on``, which the command is given as ``adjusted``."""
    return naming(
        _all(
            function,
            click.option(
                "--fail-on",
                type=click.Choice(LEVELS, case_sensitive=False),
                default="must",
                show_default=True,
                help="The level from which a failing requirement makes the exit status 1.",
            ),
        )
    )


def naming(function: F) -> F:
    """``--set``, ``--nodes`` and ``--workload``, which the command is given as ``adjusted``."""
    return _all(
        _packed(function, "adjusted", Adjusted),
        click.option(
            "--set", "parameters", metavar="PARAM=VALUE", multiple=True, help="Set a parameter of the profile."
        ),
        click.option(
            "--nodes", "node_sets", metavar="SET=GROUP[,GROUP]", multiple=True, help="Say which node groups a set is."
        ),
        click.option(
            "--workload", "workloads", metavar="NAME=KIND/NS/NAME", multiple=True, help="Say which workload is meant."
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
        callback=_apart,
        help=f"What to print and, after =, into which file; repeatable.  [default: {names[0]}]",
    )


def _apart(_ctx: click.Context, _param: click.Parameter, value: tuple[Target, ...]) -> tuple[Target, ...]:
    apart(value)
    return value


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


def _packed(function: F, name: str, record: type[Inputs | Adjusted]) -> F:
    """The function with those of its arguments that a record has as that record."""

    @functools.wraps(function)
    def unpacked(**given: Any) -> Any:
        packed = record(**{field: given.pop(field) for field in record._fields if field in given})
        return function(**{name: packed}, **given)

    return unpacked  # type: ignore[return-value] # what stands on the command line is the same


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


def names(adjusted: Adjusted) -> dict[str, Any]:
    """The options of :func:`naming` as keyword arguments of ``clusterproof.check``, on top of the configuration's."""
    context = click.get_current_context(silent=True)
    kept = configuration.mappings(context.params.get("profile") if context is not None else None)
    groups = {
        name: tuple(group for group in value.split(",") if group)
        for name, value in pairs("--nodes", adjusted.node_sets, "SET=GROUP[,GROUP]").items()
    }
    chosen = pairs("--workload", adjusted.workloads, "NAME=KIND/NAMESPACE/NAME")
    return {
        "parameters": {**kept["parameters"], **pairs("--set", adjusted.parameters, "PARAM=VALUE")},
        "node_sets": {**kept["node_sets"], **groups},
        "workloads": {**kept["workloads"], **chosen},
    }


def adjustments(adjusted: Adjusted) -> dict[str, Any]:
    """The options of :func:`adjusting` as keyword arguments of ``clusterproof.check``, on top of the configuration's."""
    from clusterproof.profiles.model import Level

    return {**names(adjusted), "fail_on": Level(adjusted.fail_on.upper())}


def repeated(adjusted: Adjusted) -> dict[str, Sequence[str]]:
    """The options of :func:`naming` as they were typed, for :func:`given`."""
    return {"--set": adjusted.parameters, "--nodes": adjusted.node_sets, "--workload": adjusted.workloads}


def read(
    inputs: Inputs,
    *,
    quiet: bool,
    verbose: bool = False,
    profile: str = "",
    parameters: Mapping[str, str] | None = None,
    beside_live: bool = False,
) -> Snapshot:
    """The snapshot that the command line, else the configuration names, else the live one; rendered manifests on top.

    Args:
        inputs: what the command line says.
        quiet: no notes and no progress.
        verbose: all notes.
        profile: whose kinds are read, live; empty: all that any check reads.
        parameters: the profile's parameters that were given, which may name what is read, live.
        beside_live: options of live reading are for another snapshot.

    Raises:
        UsageError: files and a world, or either and options of live reading.
        UnreadableClusterError: nothing is named, and neither a cluster nor an account can be read.
        InputError: something named cannot be used.
    """
    overwriting.refuse()
    if configuration.note() and not quiet:
        say(configuration.note())
    rendered = inputs.rendered
    if "-" in rendered and "-" in inputs.sources:
        raise UsageError("standard input is both SRC and --with; write one of them into a file")
    if not beside_live and (inputs.sources or inputs.world is not None):
        live.refuse_beside("SRC" if inputs.world is None else "--world")
    snapshot = _read(inputs, profile, parameters or {}, quiet=quiet)
    if rendered:
        from clusterproof import api

        known = len(snapshot.meta.notes)
        stdin = sys.stdin.buffer if "-" in rendered else None
        snapshot = api.load_manifests(snapshot, rendered, stdin=stdin, namespace=inputs.namespace)
        # What the manifests leave out is what the user asks about now: it is said first.
        notes(snapshot.meta.notes[known:], quiet=quiet, verbose=verbose)
        notes(snapshot.meta.notes[:known], quiet=quiet, verbose=verbose)
    else:
        notes(snapshot.meta.notes, quiet=quiet, verbose=verbose)
    return snapshot


def _read(inputs: Inputs, profile: str, parameters: Mapping[str, str], *, quiet: bool) -> Snapshot:
    from clusterproof import api

    if inputs.world is not None:
        if inputs.sources:
            raise UsageError("both SRC and --world are given; leave one out")
        return api.load_world(inputs.world)
    paths = inputs.sources or (() if live.typed() else configuration.inputs())
    if not paths:
        if not live.offered():
            raise UsageError(
                "no input was named; name a snapshot or a directory, or dump the cluster and name the files:\n"
                f"  KINDS={','.join(DUMP_KINDS)}\n"
                "  helm list -A -o json > helm.json\n"
                "  kubectl get $KINDS -A -o json |\n"
                "    clusterproof check - helm.json AWS-JSON-DIRECTORY --collected $KINDS --profile dynamo\n"
                "or try it first without a cluster: clusterproof demo"
            )
        return live.read(inputs.cluster, profile, parameters, quiet=quiet)
    kinds = [kind for item in inputs.collected for kind in item.split(",") if kind]
    stdin = sys.stdin.buffer if "-" in paths else None
    with progress(quiet) as observer:
        return api.load(paths, stdin=stdin, collected=kinds, cluster=inputs.cluster, observer=observer)


def given(inputs: Inputs, extra: Mapping[str, Sequence[str]] | None = None) -> str:
    """The input and adjustments as they stand on the command line, to be repeated in proposed commands.

    Many inputs, as a shell makes them of ``dump/*.json``, and standard input are ``SRC``, as in the usage.
    """
    import shlex

    words = list(inputs.sources) if len(inputs.sources) <= SHOWN_SOURCES else ["SRC"]
    words = ["SRC" if word == "-" else word for word in words]  # standard input was read and cannot be read again
    if inputs.world is not None:
        words = ["--world", inputs.world]
    for option, values in (extra or {}).items():
        for value in values:
            words += [option, "FILE" if option == "--with" and value == "-" else value]
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
