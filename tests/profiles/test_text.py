from __future__ import annotations

from clusterproof.profiles.load import load
from clusterproof.profiles.text import check_text, explain, manual, markdown, paragraphs
from tests.profiles.example import VALUES, parsed


def test_a_manual_has_its_sections_in_order() -> None:
    """Every requirement's manual tells what, why, how, when unknown and what to do, then the lists it has."""
    profile = load("dynamo")
    for requirement in profile.requirements:
        headings = [section.heading for section in manual(profile, requirement).sections]
        assert headings[:5] == [
            "What it decides",
            "Why it matters",
            "How it is decided",
            "When it is unknown",
            "What to do",
        ]
        assert ("Seen in logs as" in headings) == bool(requirement.symptoms)
        assert ("Notes" in headings) == bool(requirement.notes)


def test_explain_holds_the_whole_text_within_the_width() -> None:
    """Plain text of a manual keeps to its width and loses no word."""
    profile = load("dynamo")
    for requirement in profile.requirements:
        for width in (60, 100):
            text = explain(profile, requirement, width)
            flat = " ".join(text.replace("  - ", " ").split())
            assert text.startswith(f"dynamo/{requirement.id}\n")
            for part in (requirement.what, requirement.why, requirement.how, requirement.remedy, *requirement.symptoms):
                assert " ".join(part.split()) in flat
            too_long = [line for line in text.splitlines() if len(line) > width and " " in line.strip()[2:]]
            assert not [line for line in too_long if "http" not in line]


def test_markdown_has_the_bare_id_as_heading() -> None:
    """The heading is the id, so that a link to it stays; pipes in cells are escaped."""
    profile = load("dynamo")
    text = markdown(profile, profile.requirements[0])
    assert text.startswith("## etcd-from-gpu-nodes\n")
    assert "| Applies | `!is_version(dynamo.version) \\|\\| semver" in text
    assert "### What to do" in text


def test_check_text() -> None:
    """A check is told in a clause, whichever kind it is."""
    one, two, three = parsed(VALUES).requirements
    assert check_text(one.check) == "client on gpu reaches server on 80/TCP, by name"
    assert check_text(two.check) == "over security-groups: security_groups.all(g, g.GroupId != '')"
    assert check_text(three.check) == "deploy/some/thing can be scheduled"


def test_paragraphs() -> None:
    """Folded text is one paragraph a line, with single spaces."""
    assert paragraphs("a  b\n\n c\n") == ("a b", "c")
