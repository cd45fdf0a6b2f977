from __future__ import annotations

import shlex
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks.finding import Report
from clusterproof.reports.text import (
    Paint,
    clean,
    cleaned,
    columns,
    command_lines,
    hang,
    listing,
    phrases,
    sentence,
    width_of,
    wrap,
)
from tests.reports import examples


@given(st.text())
def test_clean_leaves_nothing_that_a_terminal_obeys(text: str) -> None:
    """No control, format, private or unassigned character survives, and harmless text is unchanged."""
    result = clean(text)
    assert all(
        unicodedata.category(char)[0] != "C" and unicodedata.category(char) not in ("Zl", "Zp") for char in result
    )
    if text.isprintable():
        assert result == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\u200b\ufeff", "\\u200b\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
        ("größe 東京", "größe 東京"),
    ],
)
def test_clean_spells_out(text: str, shown: str) -> None:
    """What could be obeyed is spelled out, so that a reader sees that it was there."""
    assert clean(text) == shown


def test_clean_keeps_line_feeds_only_when_asked() -> None:
    """Commands of several lines stay such; nothing else of them is left to act."""
    assert clean("a\n\x1bb", newlines=True) == "a\n\\x1bb"


def test_cleaned_reaches_every_string_of_a_record() -> None:
    """Cleaning a report reaches names, evidence, hops, fixes: nothing is left to forget."""
    text = msgspec.json.encode(cleaned(examples.hostile(), Report)).decode()
    assert "\\u001b" not in text
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert "\\\\x1b[31mred\\\\x07\\\\x9b2J\\\\u202eevil" in text


def test_cleaned_changes_nothing_that_is_clean() -> None:
    """A clean report comes back equal."""
    assert cleaned(examples.demo(), Report) == examples.demo()


@given(st.lists(st.text("abc-東", min_size=1, max_size=30), min_size=1), st.integers(5, 40))
def test_wrap_keeps_words_whole(words: list[str], width: int) -> None:
    """Lines fit unless one word alone is wider, and joining them gives the text back."""
    lines = wrap(" ".join(words), width)
    assert " ".join(lines) == " ".join(words)
    assert all(width_of(line) <= width or " " not in line for line in lines)


def test_hang_indents_further_lines() -> None:
    """Further lines stand under the first word, and a colour does not move them."""
    assert hang("  note  ", "one two three four five six", 28) == ["  note  one two three four", "        five six"]
    coloured = hang("  note  ", "one two three four five six", 28, shown="  \x1b[1mnote\x1b[0m  ")
    assert coloured[1] == "        five six"


def test_phrases_break_between_items() -> None:
    """A fact of several words is not torn apart, unless it is wider than a line."""
    assert wrap(phrases(["alpha beta", "gamma delta"]), 20) == ["alpha beta,", "gamma delta"]
    assert wrap(phrases(["one two three four five six seven"]), 12) == ["one two", "three four", "five six", "seven"]


def test_width_counts_columns() -> None:
    """Wide characters take two columns, combining ones none."""
    assert width_of("東京") == 4
    assert width_of("e\u0301") == 1
    assert columns([["東京", "x"], ["abc", "yy"]]) == [6, 2]


COMMANDS = [
    "aws ec2 authorize-security-group-ingress --group-id sg-0b2c4d6e8f0a1b2c3 --protocol tcp --port 9090 --source-group sg-1",
    'aws ec2 x --ip-permissions \'IpProtocol=tcp, --not-an-option FromPort=1\' --tag "a \\" --b" --last-one-is-quite-long z',
    "kubectl annotate a\\ --b -n dynamo --overwrite --with-a-very-long-option=value --and-another-very-long-option=value",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_command_lines_can_be_pasted(command: str, width: int) -> None:
    """A shell reads the printed lines as the same words as the command."""
    printed = "\n".join(command_lines(command, width, 6))
    assert shlex.split(printed.replace("\\\n", "")) == shlex.split(command)


def test_command_lines_break_before_options_and_leave_several_lines_alone() -> None:
    """A long command is broken before its options; a here-document stays byte for byte."""
    lines = command_lines(COMMANDS[0], 80, 6)
    assert len(lines) == 2
    assert lines[0].endswith(" \\")
    assert all(width_of(line) <= 80 for line in lines)
    assert all(line.lstrip().startswith("--") for line in lines[1:])
    document = "kubectl apply -f - <<'EOF'\na: " + "b" * 100 + "\nEOF"
    assert "\n".join(command_lines(document, 40, 6)) == document


def test_command_lines_join_what_was_continued() -> None:
    """Continuation lines are laid out anew; a line feed in a quotation or a here-document is kept as it is."""
    continued = "aws ec2 x \\\n  --group-id 'sg 1'  \\\n  --port 1"
    assert command_lines(continued, 80, 6) == ["      aws ec2 x --group-id 'sg 1' --port 1"]
    for kept in ("echo 'a \\\n b'", 'echo "a \\\n b"', "cat <<E\n a \\\n b\nE", "a \\\n b\nc"):
        assert "\n".join(command_lines(kept, 80, 6)) == kept


def test_sentences_and_lists() -> None:
    """Proper names keep their first letter; lists read as English."""
    assert sentence("etcd grants leases") == "etcd grants leases."
    assert sentence("Done.") == "Done."
    assert sentence("") == ""
    assert [listing(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_paint_is_nothing_when_off() -> None:
    """Without colour every text is itself; with it, only escapes are added around it."""
    assert Paint(on=False).bad("x") == "x"
    assert Paint(on=True).bad("x") == "\x1b[1;31mx\x1b[0m"
    assert Paint(on=True).bad("") == ""
