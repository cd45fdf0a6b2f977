from __future__ import annotations

import pytest

from clusterproof.checks.finding import MatrixCell
from clusterproof.checks.paths import Answer
from clusterproof.reach.trace import Outcome
from clusterproof.reports import answers
from clusterproof.verdict.algebra import Verdict
from tests.reports import examples


def answer(verdict: Verdict = Verdict.DEPENDS, sentence: str = "It depends. From system it works.") -> Answer:
    """The Prometheus question of the demo."""
    finding = examples.depends()
    assert finding.matrix is not None
    return Answer("job/x/y", "svc/monitoring/prometheus", "9090/TCP", verdict, finding.matrix.cells, sentence)


def text(value: Answer, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """The answer as the terminal gets it."""
    return answers.render(value, width=width, colour=colour, verbose=verbose)


def test_path_is_drawn_top_to_bottom_and_ends_in_a_sentence() -> None:
    """From, the hops in order, to, every pair of groups, and one sentence."""
    lines = text(answer()).splitlines()
    assert lines[0] == "job/x/y to svc/monitoring/prometheus, 9090/TCP"
    marks = [
        i for i, line in enumerate(lines) if line.startswith(("  from  ", "    1  ", "    6  ", "    7  ", "  to    "))
    ]
    assert len(marks) == 5
    assert marks == sorted(marks)
    assert "  gpu to system       BLOCKED at hop 6" in lines
    assert "  system to system    works" in lines
    assert lines[-1] == "It depends. From system it works."


@pytest.mark.parametrize(
    ("verdict", "status", "start"),
    [
        (Verdict.PASS, 0, "Yes. "),
        (Verdict.FAIL, 1, "No. "),
        (Verdict.DEPENDS, 1, "It depends. "),
        (Verdict.UNKNOWN, 3, "Not known. "),
        (Verdict.NOT_APPLICABLE, 0, ""),
    ],
)
def test_every_verdict_is_a_word_and_a_status(verdict: Verdict, status: int, start: str) -> None:
    """The sentence begins with the answer, and the exit status says the same."""
    value = answer(verdict, "the rest")
    assert answers.exit_status(value) == status
    assert text(value).splitlines()[-1] == f"{start}the rest."


def test_verbose_draws_each_distinct_path_once() -> None:
    """Pairs that share a path are drawn once."""
    assert text(answer()).count("  from  ") == 1
    assert text(answer(), verbose=True).count("  from  ") == 3


def test_answer_without_a_place_has_only_its_sentence() -> None:
    """Something that cannot be scheduled anywhere has no path, but an answer."""
    value = Answer("job/x/y", "svc/a/b", "1/TCP", Verdict.FAIL, (), "No. job/x/y cannot be scheduled: no node fits")
    assert text(value).splitlines() == [
        "job/x/y to svc/a/b, 1/TCP",
        "",
        "No. job/x/y cannot be scheduled: no node fits.",
    ]


def test_hostile_names_reach_no_terminal() -> None:
    """Names are neutralised, also in the sentence."""
    cells = (MatrixCell("g\x1b[2J", "s\u202e", Outcome.BLOCKED, 1, 1, 0, None, (), "p\n", "q\x07"),)
    value = Answer("a\x1b", "b\x9b", "1/TCP", Verdict.FAIL, cells, "No.\x1b]0;x\x07")
    assert all(char == "\n" or char.isprintable() for char in text(value, verbose=True))
