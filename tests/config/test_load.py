from __future__ import annotations

from pathlib import Path

import pytest

from clusterproof.config.load import NONE, find, load, parse
from clusterproof.config.model import EXAMPLE, Config
from clusterproof.errors import ConfigError
from clusterproof.profiles.model import Level


def test_example_of_the_documentation_is_valid(root: Path) -> None:
    """What docs/config.md shows is what the model's example says, and it can be read."""
    config, lines = parse(EXAMPLE.encode(), "clusterproof.yaml")
    assert EXAMPLE in (root / "docs" / "config.md").read_text("utf-8")
    assert config.profile == "dynamo"
    assert config.fail_on is Level.MUST
    assert config.waivers[0].expires == "2026-09-01"
    assert lines["parameters.dynamo.version"] == 4
    assert lines["waivers[0]"] == 9


def test_found_upwards_to_the_repository(tmp_path: Path) -> None:
    """The nearest file counts; the search ends at the repository's root, its own file included."""
    inner = tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "clusterproof.yaml").write_text("profile: outside\n")
    assert find(inner, None) is None
    (tmp_path / "repo" / "clusterproof.yaml").write_text("profile: root\n")
    assert find(inner, None) == tmp_path / "repo" / "clusterproof.yaml"
    (inner.parent / ".clusterproof.yaml").write_text("profile: near\n")
    assert find(inner, None) == inner.parent / ".clusterproof.yaml"


def test_found_upwards_to_home_and_no_further(tmp_path: Path) -> None:
    """The home directory ends the search; outside a repository and home only the working directory counts."""
    inner = tmp_path / "home" / "work"
    inner.mkdir(parents=True)
    (tmp_path / "clusterproof.yaml").write_text("profile: stranger\n")
    assert find(inner, tmp_path / "home") is None
    assert find(inner, None) is None
    (tmp_path / "home" / "clusterproof.yaml").write_text("profile: mine\n")
    assert find(inner, tmp_path / "home") == tmp_path / "home" / "clusterproof.yaml"
    assert find(tmp_path, tmp_path / "home") == tmp_path / "clusterproof.yaml"


def test_both_names_in_one_directory_is_an_error(tmp_path: Path) -> None:
    """Which one counts is not guessed."""
    for name in ("clusterproof.yaml", ".clusterproof.yaml"):
        (tmp_path / name).write_text("profile: x\n")
    with pytest.raises(ConfigError, match="keep one of the two"):
        find(tmp_path, None)


def test_no_file_is_an_empty_configuration(tmp_path: Path) -> None:
    """Nothing found is nothing chosen; a file of comments is the same."""
    assert load(start=tmp_path, home=tmp_path) == NONE
    assert parse(b"# later\n~\n", "x")[0] == Config()


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """From a directory below, inputs, manifests, the baseline and output files are found all the same."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mine.yaml").write_text("")
    (tmp_path / "clusterproof.yaml").write_text(
        "profile: mine.yaml\ninputs: [dump, /abs]\nwith: [r.yaml]\nbaseline: last.json\noutput: [table, json=out.json]\n"
    )
    (tmp_path / "sub").mkdir()
    loaded = load(start=tmp_path / "sub")
    assert loaded.where == "../clusterproof.yaml"
    assert loaded.found
    assert loaded.config.inputs == ("../dump", "/abs")
    assert loaded.config.with_ == ("../r.yaml",)
    assert loaded.config.profile == "../mine.yaml"
    assert loaded.config.baseline == "../last.json"
    assert loaded.config.output == ("table", "json=../out.json")
    assert loaded.origin("inputs") == "../clusterproof.yaml line 2"
    assert load(start=tmp_path).config.inputs == ("dump", "/abs")


WAIVER = "waivers: [{{id: {0}, reason: '{1}', owner: o, expires: {2}}}]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profil: x\n", "unknown key 'profil'; did you mean 'profile'? (line 1)"),
        ("profile: x\nwaivers:\n  - {id: a/b, owner: o, expires: 2026-01-01}\n", "waivers[0]: the key 'reason' is missing (line 3)"),
        (WAIVER.format("b", "r", "2026-01-01"), "is no finding's id; write profile/requirement"),
        (WAIVER.format("clusterproof/waiver-expired", "r", "2026-01-01"), "is about waivers themselves, and is not waived"),
        (WAIVER.format("a/b", "r", "soon"), "'soon' is no date; write YYYY-MM-DD"),
        (WAIVER.format("a/b", "r", "20260101"), "expires"),
        (WAIVER.format("a/b", " ", "2026-01-01"), "waivers[0].reason: is empty"),
        ("parameters: {a: b}\n", "parameters: is for one profile; say which with the key 'profile'"),
        ("profile: x\nparameters: {dynamo.version: 1.1}\n", "put it in quotes (line 2)"),
        ("inputs: [-]\n", "standard input cannot be kept in a file"),
        ("fail_on: must\n", "did you mean 'MUST'?"),
        ("inputs: dump\n", "inputs: expected a list, found a text"),
        ("profile: [\n", "this is not YAML"),
        ("profile: a\nprofile: b\n", "a second time"),
        ("", "is empty; docs/config.md shows a small configuration to begin with"),
        ("a: 1\n---\nb: 1\n", "a file holds one configuration"),
    ],
)  # fmt: skip
def test_bad_file_is_told_with_its_line(text: str, says: str) -> None:
    """What is wrong, where, and what was meant."""
    with pytest.raises(ConfigError) as error:
        parse(text.encode(), "clusterproof.yaml")
    assert says in str(error.value)
    assert str(error.value).startswith("clusterproof.yaml: ")


def test_same_waiver_twice_is_an_error() -> None:
    """Two entries for one finding: which reason counts is not guessed."""
    entry = "{id: a/b, reason: r, owner: o, expires: 2026-01-01}"
    with pytest.raises(ConfigError, match="a/b is waived twice"):
        parse(f"waivers: [{entry}, {entry}]".encode(), "x")


def test_found_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """A directory of that name, a link to nowhere, a link to itself: its waivers would be missed without a word."""
    path = tmp_path / "clusterproof.yaml"
    path.mkdir()
    with pytest.raises(
        ConfigError, match=r"^clusterproof.yaml: cannot be read \(it is a directory\); mend it, or leave it"
    ):
        load(start=tmp_path, home=tmp_path)
    path.rmdir()
    for target in ("nowhere", "clusterproof.yaml"):
        path.symlink_to(target)
        with pytest.raises(ConfigError, match=r"^clusterproof.yaml: cannot be read .*with --no-config"):
            load(start=tmp_path, home=tmp_path)
        path.unlink()


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """A file that was named and is not there is not passed over."""
    with pytest.raises(ConfigError, match=r"cannot be read \(no such file or directory\)"):
        load(tmp_path / "nope.yaml")
    with pytest.raises(ConfigError, match="it is a directory"):
        load(tmp_path)
