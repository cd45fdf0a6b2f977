"""``clusterproof explain``: a requirement's manual, from the one text that every report uses."""

from __future__ import annotations

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout
from clusterproof.errors import NotFoundError


@click.command(short_help="Print a requirement's manual: what, why, how, and the remedy.")
@click.argument("identity", metavar="ID")
@click.option("--profile", metavar="NAME|FILE", help="Where to look for it; else all built-in profiles.")
@options.formats("table", "json")
def command(identity: str, profile: str | None, targets: tuple[Target, ...]) -> None:
    """Print a requirement's manual.

    ID is PROFILE/REQUIREMENT as reports print it; the requirement alone is
    enough where only one profile has it.

    \b
      clusterproof explain dynamo/etcd-from-gpu-nodes
      clusterproof explain mine/etcd-is-reached --profile mine.yaml
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof.checks.waivers import UPKEEP
    from clusterproof.cli.library import builtin, load
    from clusterproof.cli.suggest import did_you_mean
    from clusterproof.reports import manual
    from clusterproof.reports.encoding import encode

    entries = [load(profile)] if profile is not None else [*map(load, builtin()), UPKEEP]
    known = {f"{entry.name}/{item.id}": (item, entry) for entry in entries for item in entry.requirements}
    found = [key for key in known if identity in (key, key.partition("/")[2])]
    if not found:
        bare = {key.partition("/")[2]: key for key in known}
        hint = did_you_mean(identity, known) or did_you_mean(identity, bare)
        where = profile or "NAME"
        hint = hint or f"; clusterproof profiles show {where} lists them"
        more = "" if profile is not None else "; for a profile of your own add --profile FILE"
        raise NotFoundError(f"there is no requirement {identity!r}{hint}{more}")
    if len(found) > 1:
        raise NotFoundError(f"{identity!r} is in several profiles; name one: {', '.join(found)}")
    item, entry = known[found[0]]

    def make(target: Target) -> str:
        if target.format == "json":
            return encode(item)
        return manual.requirement(item, entry, **layout(target))

    deliver(targets, make)
