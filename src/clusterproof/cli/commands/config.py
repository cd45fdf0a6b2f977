"""``clusterproof config``: what counts, and where it came from."""

from __future__ import annotations

from typing import Any

import click

from clusterproof.cli import configuration, live, options
from clusterproof.cli.output import Target, deliver, layout

_LIVE = {"aws-profile": "aws_profiles"}
"""Options of live reading whose key in the file has another name."""


@click.group(short_help="Show what counts: clusterproof.yaml, the command line, and defaults.")
def command() -> None:
    """Show what counts: clusterproof.yaml, the command line, and defaults.

    clusterproof.yaml (or .clusterproof.yaml) is looked for in the working
    directory and upwards, as far as the repository's root or your home
    directory. docs/config.md tells what each key does.
    """


@command.command("show")
@options.sources
@options.lively
@options.overlays
@click.option("--profile", "-p", metavar="NAME|FILE", help="A built-in profile, or your own file.")
@options.adjusting
@options.judging
@options.formats("table", "json")
@click.option("-v", "--verbose", is_flag=True, help="Show values that are left at their defaults too.")
@click.option("-q", "--quiet", is_flag=True, help="As for check; nothing here is said that it would leave out.")
def show(
    inputs: options.Inputs, adjusted: options.Adjusted, targets: tuple[Target, ...], verbose: bool, **given: Any
) -> None:
    """Print each value that counts, and where it came from.

    Takes the options of check, to show what they change.

    \b
      clusterproof config show
      clusterproof config show --profile dynamo --set dynamo.version=1.2.0
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof.config.effective import COMMAND_LINE, Setting, effective
    from clusterproof.reports import configuration as report
    from clusterproof.reports.encoding import encode

    loaded = configuration.current()
    settings = effective(loaded, _typed({**inputs._asdict(), **adjusted._asdict(), **given}))
    known = {setting.key for setting in settings}
    asked = {_LIVE.get(name, name): value for name, value in live.given().items()}
    settings += tuple(Setting(name, value, COMMAND_LINE) for name, value in asked.items() if name not in known)

    def make(target: Target) -> str:
        if target.format == "json":
            return encode({"file": loaded.where, "settings": settings})
        return report.render(settings, loaded.where, **layout(target), verbose=verbose)

    deliver(targets, make)


def _typed(given: dict[str, Any]) -> dict[str, Any]:
    """What stands on the command line, by the configuration's keys."""
    keys = {parameter: key for key, parameter in configuration.PARAMETERS.items() if key != "output"}
    keys["sources"] = "inputs"
    found = {keys[name]: value for name, value in given.items() if name in keys and configuration.typed(name)}
    if "fail_on" in found:
        found["fail_on"] = found["fail_on"].upper()
    groups = options.pairs("--nodes", given["node_sets"], "SET=GROUP[,GROUP]")
    return {
        **found,
        **{_LIVE.get(name, name): value for name, value in live.given().items()},
        "parameters": options.pairs("--set", given["parameters"], "PARAM=VALUE"),
        "nodes": {name: value.split(",") for name, value in groups.items()},
        "workloads": options.pairs("--workload", given["workloads"], "NAME=KIND/NAMESPACE/NAME"),
    }
