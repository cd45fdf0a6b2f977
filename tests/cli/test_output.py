from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterproof.cli import options, output
from clusterproof.cli.output import Target, deliver, write
from clusterproof.errors import UsageError


def test_files_and_stdout_get_their_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each target gets its own text; what was written where is said on stderr only."""
    deliver([Target("table", None), Target("json", tmp_path / "a.json")], lambda target: f"{target.format}\n")
    captured = capsys.readouterr()
    assert captured.out == "table\n"
    assert captured.err == f"clusterproof: wrote {tmp_path / 'a.json'}\n"
    assert (tmp_path / "a.json").read_text() == "json\n"


def test_quiet_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With -q the file is written without a word."""
    deliver([Target("json", tmp_path / "a.json")], lambda _: "x", quiet=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("files", [(None, None), ("a", "a"), ("a", "./a")])
def test_two_formats_in_one_place_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str | None, ...]
) -> None:
    """Two results never mix or overwrite one another; nothing is written or printed."""
    monkeypatch.chdir(tmp_path)
    targets = [
        Target(f, None if file is None else Path(file)) for f, file in zip(("table", "json"), files, strict=True)
    ]
    with pytest.raises(UsageError, match="two formats"):
        deliver(targets, lambda _: "x")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_when_one_text_cannot_be_made(tmp_path: Path) -> None:
    """All texts are made before the first file is touched."""

    def make(target: Target) -> str:
        if target.format == "json":
            raise UsageError("no")
        return "x"

    with pytest.raises(UsageError):
        deliver([Target("table", tmp_path / "a"), Target("json", tmp_path / "b")], make)
    assert list(tmp_path.iterdir()) == []


def test_of_several_files_none_is_changed_when_one_cannot_be(tmp_path: Path) -> None:
    """A second file that cannot be written leaves the first as it was, and nothing beside it."""
    first = tmp_path / "a.sarif"
    first.write_text("old")
    with pytest.raises(UsageError, match="cannot be written"):
        deliver([Target("sarif", first), Target("junit", tmp_path / "no" / "b.xml")], lambda _: "new", quiet=True)
    assert first.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.sarif"]


def test_file_is_replaced_whole(tmp_path: Path) -> None:
    """An existing file is replaced in one step, and nothing is left beside it."""
    path = tmp_path / "a"
    path.write_text("old and longer")
    write(path, "new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails, also by Ctrl-C, the old file stands and nothing is beside it."""
    path = tmp_path / "a"
    path.write_text("old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_unwritable_place_is_a_sentence(tmp_path: Path) -> None:
    """A missing directory or a directory in the way is said, with what to do."""
    with pytest.raises(
        UsageError, match=r"cannot be written \(No such file or directory\); name another place after -o"
    ):
        write(tmp_path / "no" / "a", "x")
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path, "x")


def test_a_pipe_is_written_to_not_replaced(tmp_path: Path) -> None:
    """A named pipe (or /dev/stdout) is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_link_stays_and_leads_to_what_was_written(tmp_path: Path) -> None:
    """What a link leads to is replaced, in its own directory; the link is not."""
    (tmp_path / "there").mkdir()
    link = tmp_path / "latest.json"
    for file in ("a.json", "b.json"):
        link.unlink(missing_ok=True)
        link.symlink_to(Path("there") / file)
        write(link, file)
        assert link.is_symlink()
        assert (tmp_path / "there" / file).read_text() == file
    assert sorted(entry.name for entry in (tmp_path / "there").iterdir()) == ["a.json", "b.json"]


def test_what_stdout_goes_to_is_stdout(tmp_path: Path) -> None:
    """``/dev/stdout``, or the file after ``>``: one format is printed there, two are refused, and no link is replaced."""
    link = tmp_path / "stdout"
    link.symlink_to("/proc/self/fd/1")
    arguments = [sys.executable, "-m", "clusterproof", "check", "--world", "demo", "--profile", "dynamo", "-q"]
    for one in (str(link), str(tmp_path / "out")):
        with (tmp_path / "out").open("wb") as out:
            done = subprocess.run([*arguments, "-o", f"jsonl={one}"], stdout=out, check=False)
        assert done.returncode == 1
        assert (tmp_path / "out").read_text("utf-8").startswith('{"type":"report"')
        with (tmp_path / "out").open("wb") as out:
            both = subprocess.run(
                [*arguments, "-o", f"jsonl={one}", "-o", "table"], stdout=out, stderr=subprocess.PIPE, check=False
            )
        assert both.returncode == 2
        assert b"two formats would go to the terminal" in both.stderr
        assert (tmp_path / "out").read_bytes() == b""
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("no/a.json",), "there is no directory no); make it"),
        (("file/a.json",), "there is no directory file)"),
        (("a", "link"), "two formats would go to one file"),
    ],
)
def test_places_are_judged_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], says: str
) -> None:
    """A directory that is not there, or one file under two names, is told at once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(UsageError) as error:
        output.apart([Target("json", Path(file)) for file in files])
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("tty", "env", "wanted"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colour_only_where_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, tty: bool, env: dict[str, str], wanted: bool
) -> None:
    """Colour needs a terminal, and NO_COLOR (if not empty) and a dumb terminal have their way."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty)
    assert output.colour() is wanted


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, "\r\x1b[Kreading a\r\x1b[Kreading bc\r\x1b[K"),
        ({"NO_COLOR": "1"}, "\rSreading a\rSreading bc\rS"),
        ({"TERM": "dumb"}, ""),
    ],
)
def test_progress_sends_only_what_the_terminal_takes(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], wanted: str
) -> None:
    """Escapes are not sent where they are not wanted: spaces clear the line; a dumb terminal is shown none at all."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", stream)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "31", **env}.items():
        monkeypatch.setenv(name, value)
    with output.progress(quiet=False) as observer:
        observer("a")
        observer("bc")
    assert stream.getvalue() == wanted.replace("S", " " * 30 + "\r")


def test_width_is_columns_else_80(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS counts; in a pipe without it, 80."""
    monkeypatch.setenv("COLUMNS", "133")
    assert output.width() == 133


def test_notes_are_few_unless_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    """The first notes are shown and the rest counted; all with -v; none with -q."""
    found = [f"n{i}" for i in range(8)]
    output.notes(found, quiet=False, verbose=False)
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "clusterproof: note: n4",
        "clusterproof: note: 3 more notes; -v shows them",
    ]
    output.notes(found, quiet=False, verbose=True)
    assert len(capsys.readouterr().err.splitlines()) == 8
    output.notes(found, quiet=True, verbose=True)
    assert capsys.readouterr().err == ""


def test_pairs_are_parsed_or_refused() -> None:
    """NAME=VALUE; the value may hold another =."""
    assert options.pairs("--set", ["a=b", "c=d=e"], "PARAM=VALUE") == {"a": "b", "c": "d=e"}
    for wrong in ("a", "a=", "=b"):
        with pytest.raises(UsageError, match=f"--set {wrong}: expected PARAM=VALUE"):
            options.pairs("--set", [wrong], "PARAM=VALUE")
    with pytest.raises(UsageError, match="a is given twice"):
        options.pairs("--set", ["a=b", "a=c"], "PARAM=VALUE")


def test_adjustments_become_arguments() -> None:
    """The options of a profile become what the API takes."""
    made = options.adjustments(options.Adjusted(("p=1",), ("gpu=a,b",), ("etcd=sts/x/y",), "should"))
    assert made == {
        "parameters": {"p": "1"},
        "node_sets": {"gpu": ("a", "b")},
        "workloads": {"etcd": "sts/x/y"},
        "fail_on": "SHOULD",
    }


def test_given_repeats_the_input_for_a_shell() -> None:
    """Proposed commands name the input as the user did, quoted; what came from a pipe cannot be read again."""
    files = options.Inputs(("my dump", "-"))
    assert options.given(files, {"--set": ["a=b c"]}) == "'my dump' SRC --set 'a=b c'"
    assert options.given(options.Inputs(world="demo")) == "--world demo"


def test_a_text_in_pieces_is_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Small pieces and large ones come out in their order, in a file and on stdout, made while they are written."""
    pieces = ["a\n", "b" * 200_000, "c\n", "", "d" * 70_000, "é\n", "e" * 5]
    deliver([Target("json", None), Target("csv", tmp_path / "a.csv")], lambda _: iter(pieces), quiet=True)
    assert capsys.readouterr().out == "".join(pieces)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "".join(pieces)


def test_pieces_that_cannot_be_made_leave_no_file(tmp_path: Path) -> None:
    """A fault in the middle of a text leaves what stood in its place, and nothing beside it."""
    place = tmp_path / "a.csv"
    place.write_text("old")

    def make(_target: Target) -> Iterator[str]:
        yield "x" * 100_000
        raise UsageError("no")

    with pytest.raises(UsageError):
        deliver([Target("csv", place)], make)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.csv", "old")]
