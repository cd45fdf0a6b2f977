"""The configuration on the command line: ``--config``, ``--no-config``, and where each value came from.

Values become click's own defaults, so that whatever is on the command line wins by itself. Mappings (``--set``,
``--nodes``, ``--workload``) are joined name by name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.config.load import Loaded

F = TypeVar("F", bound=Callable[..., Any])

_KEY = "clusterproof.config"
_OFF = "clusterproof.no-config"
PARAMETERS = {
    "profile": "profile",
    "fail_on": "fail_on",
    "with": "rendered",
    "namespace": "namespace",
    "cluster": "cluster",
    "collected": "collected",
    "context": "context",
    "kubeconfig": "kubeconfig",
    "aws_profiles": "aws_profiles",
    "region": "region",
    "baseline": "baseline",
    "output": "targets",
}
"""The command's parameter that each key of the file is a default of."""
MAPPINGS = {"parameters": "parameters", "nodes": "node_sets", "workloads": "workloads"}
"""The keys that are joined name by name with what the command line says."""
_CHECK_ONLY = {"output", "baseline"}
"""Keys that say what ``check`` writes; other commands have other formats."""
_NOT_DIFF = {"with"}
"""Keys that ``diff`` leaves aside: put on one of the two that are compared, they would be the difference."""


def configured(function: F) -> F:
    """``--config`` and ``--no-config``; the configuration that counts becomes the defaults of the other options."""
    for decorator in (
        click.option(
            "--config",
            metavar="FILE",
            type=click.Path(path_type=Path),
            expose_value=False,
            is_eager=True,
            callback=_load,
            help="The configuration; else clusterproof.yaml is looked for here and upwards.",
        ),
        click.option(
            "--no-config",
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_off,
            help="Read no configuration.",
        ),
    ):
        function = decorator(function)
    return function


def current() -> Loaded:
    """The configuration of the command that runs; an empty one where it takes none."""
    from clusterproof.config.load import NONE

    context = click.get_current_context(silent=True)
    found: Loaded = context.meta.get(_KEY, NONE) if context is not None else NONE
    return found


def inputs() -> tuple[str, ...]:
    """What the configuration says to read."""
    return current().config.inputs


def mappings(profile: str | None) -> dict[str, dict[str, Any]]:
    """Parameters, node sets and workloads of the configuration, by check's argument; none for another profile."""
    config = current().config
    if profile is not None and profile != config.profile:
        return {"parameters": {}, "node_sets": {}, "workloads": {}}
    return {"parameters": config.parameters, "node_sets": config.nodes, "workloads": config.workloads}


def typed(name: str) -> bool:
    """Whether a parameter of the running command stands on its command line."""
    context = click.get_current_context(silent=True)
    source = context.get_parameter_source(name) if context is not None else None
    return source is click.core.ParameterSource.COMMANDLINE


def named() -> bool:
    """Whether the configuration was named with ``--config``."""
    loaded = current()
    return bool(loaded.where) and not loaded.found


def note() -> str:
    """What to say on stderr of a configuration that nobody named; empty when there is none."""
    loaded = current()
    return f"with {loaded.where}; --no-config leaves it out" if loaded.found else ""


def _off(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        if _KEY in ctx.meta:
            raise UsageError("both --config and --no-config are given; leave one out")
        ctx.meta[_OFF] = True


def _load(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if ctx.resilient_parsing:
        return
    if ctx.meta.get(_OFF):
        if value is not None:
            raise UsageError("both --config and --no-config are given; leave one out")
        return
    from clusterproof.config import load

    loaded = load.load(value)
    if not loaded.where:
        return
    ctx.meta[_KEY] = loaded
    defaults: dict[str, Any] = {}
    for key, parameter in PARAMETERS.items():
        member = "with_" if key == "with" else key
        given = getattr(loaded.config, member)
        aside = ctx.info_name != "check" if key in _CHECK_ONLY else ctx.info_name == "diff" and key in _NOT_DIFF
        if key in loaded.lines and not aside:
            defaults[parameter] = str(given.value).lower() if key == "fail_on" else given
    ctx.default_map = {**(ctx.default_map or {}), **defaults}
