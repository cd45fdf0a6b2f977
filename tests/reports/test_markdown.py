from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from clusterproof import reports
from clusterproof.reports.markdown import block, code, escape, table
from tests.reports import examples

PARSER = MarkdownIt("commonmark").enable("table")
"""CommonMark with GitHub's tables, an implementation that is not ours."""
NASTY = st.text("ab `|\\*_[]()<>#~!&$1.-+=@\"'", max_size=30)


def words(html: str) -> str:
    """The text that a reader sees, without markup; runs of spaces as HTML shows them."""
    bare = re.sub(r"<[^>]*>", "", html)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        bare = bare.replace(entity, char)
    return " ".join(bare.split())


@given(NASTY)
def test_escaped_text_is_what_a_reader_sees(text: str) -> None:
    """Whatever the text holds, a Markdown reader shows exactly it, and nothing else than a paragraph or a code span."""
    html = PARSER.render("x " + escape(text))
    assert words(html) == " ".join(("x " + text).split())
    assert set(re.findall(r"<(\w+)", html)) <= {"p", "code"}


@given(NASTY)
def test_text_at_the_start_of_a_line_begins_no_block(text: str) -> None:
    """A name that begins like a list, a heading or a quotation stays a paragraph."""
    html = PARSER.render(escape(text.strip()))
    assert set(re.findall(r"<(\w+)", html)) <= {"p", "code"}


@given(NASTY)
def test_code_is_what_a_reader_sees(text: str) -> None:
    """Backticks in it end no code span."""
    html = PARSER.render("x " + code(text))
    assert words(html) == " ".join(("x " + text).split())


@given(st.lists(st.lists(NASTY, min_size=2, max_size=2), min_size=1, max_size=4), st.booleans())
def test_table_cells_hold_anything(rows: list[list[str]], as_code: bool) -> None:
    """No cell ends early or swallows its neighbour, as text or as code."""
    make = code if as_code else escape
    html = PARSER.render(table(["a", "b"], [[make(cell) for cell in row] for row in rows]))
    cells = [words(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", html, re.DOTALL)]
    assert cells == [" ".join(cell.split()) for row in rows for cell in row]


@given(NASTY)
def test_block_holds_anything(text: str) -> None:
    """Fences in a command end no block."""
    html = PARSER.render(block(f"run\n{text}\n```\nend", "shell"))
    assert html.count("<pre>") == 1
    assert html.rstrip().endswith("</code></pre>")


@pytest.mark.parametrize("text", ["ask @octocat", "see https://evil.example/x", "www.evil.example", "MAILTO:a@b"])
def test_mentions_and_addresses_are_code(text: str) -> None:
    """What GitHub would notify somebody about, or link, stands in a code span, where it does neither."""
    assert escape(text) == f"`{text}`"


def test_report_renders_as_tables_and_blocks() -> None:
    """A Markdown reader finds the requirement table, a matrix and a path per opened finding, and the commands."""
    text = reports.render(examples.demo(), "markdown", arguments="--world demo")
    html = PARSER.render(text)
    assert html.count("<h1>") == 1
    assert [words(h) for h in re.findall(r"<h2>(.*?)</h2>", html)] == [
        "FAIL: etcd-from-gpu-nodes (MUST)",
        "FAIL: nats-from-gpu-nodes (MUST)",
        "DEPENDS: prometheus-from-validator (MUST)",
        "UNKNOWN: acl-return-ports (SHOULD)",
    ]
    assert html.count("<table>") == 1 + 2 * 3
    assert html.count('<pre><code class="language-shell">') == 4
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    assert all(len(re.findall(r"<t[hd]", row)) in (2, 4, 6) for row in rows)
    assert "With 4 changes all 3 pass" in html
    assert "clusterproof check exits with 1: something at MUST or above fails." in html


def test_hostile_report_renders_as_the_same_structure() -> None:
    """Nothing that a cluster can set adds, ends or links anything: the structure is that of the harmless report."""
    plain = PARSER.render(reports.render(examples.demo(), "markdown", verbose=True))
    html = PARSER.render(reports.render(examples.hostile(), "markdown", verbose=True))
    for tag in ("h1", "h2", "table", "tr", "td", "th", "pre", "ul", "li", "hr"):
        assert html.count(f"<{tag}>") == plain.count(f"<{tag}>"), tag
    assert not set(re.findall(r"<(\w+)", html)) & {"script", "a", "img"}
    assert all(char == "\n" or char.isprintable() for char in html)


def test_passing_findings_are_opened_only_when_verbose() -> None:
    """The short form opens what needs attention."""
    assert "## pass" not in reports.render(examples.demo(), "markdown")
    assert "## pass: `dns-from-workers`" in reports.render(examples.demo(), "markdown", verbose=True)
