"""``clusterproof fix``: the proven change, in the language of the tool that will make it."""

from __future__ import annotations

from pathlib import Path

import click

from clusterproof.cli import live, options
from clusterproof.cli.output import say, write

STYLES = ("aws-cli", "terraform", "kubectl", "cloudformation")


@click.command(
    short_help="Print the proven change that makes failing requirements pass.",
    epilog="Exit status: 0 nothing fails, or the fix printed is proven; 1 something fails and no proven fix was "
    "found; 3 nothing fails but something required could not be decided.",
)
@options.sources
@live.live("--as-user")
@options.overlays
@options.profile
@click.option(
    "--as", "style", type=click.Choice(STYLES), default="aws-cli", show_default=True, help="In which language."
)
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path), help="Write into FILE instead of stdout."
)
@options.quiet
def command(
    sources: tuple[str, ...],
    world: str | None,
    collected: tuple[str, ...],
    cluster: str,
    rendered: tuple[str, ...],
    namespace: str,
    profile: str,
    parameters: tuple[str, ...],
    node_sets: tuple[str, ...],
    workloads: tuple[str, ...],
    fail_on: str,
    style: str,
    file: Path | None,
    quiet: bool,
) -> int:
    """Print the proven change that makes failing requirements pass.

    Nothing is run and nothing is changed: the output is yours to read first.
    What was proven, and what it opens, stands in it as comments.

    Without SRC the live cluster and account are read.

    \b
      clusterproof fix prod.snapshot --profile dynamo --as terraform -o fix.tf
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import words
    from clusterproof.reports.text import clean

    adjusted = options.adjustments(parameters, node_sets, workloads, fail_on)
    snapshot = options.read(sources, world, collected, cluster, quiet=quiet, rendered=rendered, namespace=namespace, profile=profile)
    report = api.check(snapshot, profile, **adjusted)
    plan = report.plan
    if plan is None:
        say(
            "nothing fails: there is nothing to mend"
            if report.exit_status != 1
            else "no change was found that mends it"
        )
        return report.exit_status
    text = clean(api.render_fix(report, snapshot, style), newlines=True)
    if file is not None:
        write(file, text)
    else:
        click.echo(text, nl=not text.endswith("\n"), color=True)
    if not quiet:
        say(words.plan_sentence(report).rstrip(":") or "advice only: nothing here is proven")
        if file is not None:
            say(f"wrote {file}")
    return 0 if plan.proven else report.exit_status
