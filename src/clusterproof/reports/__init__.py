"""Findings to text: terminal, Markdown, JSON, and what pipelines read. Nothing here asks the world.

Formats are imported when they are first used, so that a command pays only for
the one it prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clusterproof.checks.finding import Report
    from clusterproof.profiles.located import Located

FORMATS = ("table", "json", "markdown", "sarif", "junit", "ctrf", "jsonl")
"""What :func:`render` can make of any report."""
CHECKLIST = "checklist"
"""What :func:`render` can make besides where the profile has its document's checklist."""


def render(
    report: Report,
    format: str = "table",  # noqa: A002 - the option's name
    *,
    width: int = 80,
    colour: bool = False,
    verbose: bool = False,
    arguments: str = "SRC",
    located: Located | None = None,
    profile: str = "",
) -> str:
    """A report as text that ends in a newline.

    Args:
        report: what ``check`` found.
        format: one of :data:`FORMATS`, or :data:`CHECKLIST` with ``located``.
        width: columns to lay a table out for; the other formats do not wrap.
        colour: add colour to a table; nothing is said by colour alone.
        verbose: open every finding, also those that pass, and show all evidence.
        arguments: how the user named the input, for the commands that the report proposes.
        located: the profile and its file, from which SARIF has the rules' help and their lines, and the checklist its
            boxes; without it a rule says only what its finding says.
        profile: how the user named a profile file, for these commands; empty for a built-in profile.

    Raises:
        ValueError: no such format, or a checklist is asked for and the profile has none.
    """
    if format == "table":
        from clusterproof.reports import terminal

        return terminal.render(
            report, width=width, colour=colour, verbose=verbose, arguments=arguments, profile=profile
        )
    if format == "json":
        from clusterproof.reports import encoding

        return encoding.render(report)
    if format == "markdown":
        from clusterproof.reports import markdown

        return markdown.render(report, verbose=verbose, arguments=arguments, profile=profile)
    if format == "sarif":
        from clusterproof.reports import sarif

        return sarif.render(report, located)
    if format == "junit":
        from clusterproof.reports import junit

        return junit.render(report)
    if format == "ctrf":
        from clusterproof.reports import ctrf

        return ctrf.render(report)
    if format == "jsonl":
        from clusterproof.reports import jsonlines

        return jsonlines.render(report)
    if format == CHECKLIST and located is not None and located.profile.checklist:
        from clusterproof.reports import checklist

        return checklist.render(report, located.profile)
    raise ValueError(f"no format {format!r}; there are {', '.join(FORMATS)}")
