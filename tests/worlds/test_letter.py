from __future__ import annotations

import functools
import re

import clusterproof
from clusterproof.checks.finding import Report
from clusterproof.verdict.algebra import Verdict
from tests.worlds.page import PAGE
from worldgen.asya import asya
from worldgen.asya_letter import to_the_letter


@functools.cache
def report() -> Report:
    """The report of the world that is set up to the letter of Asya's page."""
    return clusterproof.check(clusterproof.load_world("asya"), "asya", fixes=False)


def test_what_fails_is_what_the_page_says() -> None:
    """What fails is the table of docs/worlds.md, nothing depends on chance, and nothing is unknown."""
    section = PAGE.read_text("utf-8").partition("## A world to the letter")[2].partition("\n## ")[0]
    told = re.findall(r"^\| ([a-z0-9-]+) \| .+ \|$", section, re.MULTILINE)
    told.remove("fails")
    assert len(told) == len(set(told)) > 15
    failing = {finding.name for finding in report().findings if finding.verdict.failing}
    assert failing == set(told)
    assert not [one.name for one in report().findings if one.verdict in (Verdict.UNKNOWN, Verdict.DEPENDS)]


def test_only_what_the_page_of_asya_has_wrong_is_changed() -> None:
    """The world differs from the correct one in the files of roles, pods, policies and the GPU group alone."""
    right, letter = asya(), to_the_letter()
    changed = {name for name in letter if right[name] != letter[name]} | (right.keys() ^ letter.keys())
    assert {name.partition("-a-")[0].removesuffix(".json") for name in changed} == {
        "aws/nodegroup-gpu",
        "aws/pod-identity-association-ids",
        "aws/podidentityassociation",
        "aws/roles",
        "kubernetes/asyncactors",
        "kubernetes/deployments",
        "kubernetes/networkpolicies",
        "kubernetes/pods",
        "kubernetes/scaledobjects",
        "kubernetes/serviceaccounts",
    }
