"""The command line: parse, call, render. Nothing is decided here."""

from __future__ import annotations


def main() -> None:
    """The ``clusterproof`` command; exits with its status."""
    from clusterproof.cli.app import run

    run()
