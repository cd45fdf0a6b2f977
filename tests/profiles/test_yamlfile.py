from __future__ import annotations

import pytest

from clusterproof.errors import ProfileError
from clusterproof.profiles.yamlfile import MAX_BYTES, read_values


def test_values_and_lines() -> None:
    """Values come as JSON would have them, each with the line it stands on."""
    text = "on: yes\na:\n  - b: 1\n    c: 'x'\n  - {d: 1.5, e: null, f: true, g: 0x1, h: 1_0}\n"
    values, lines = read_values(text.encode(), "f")
    assert values == {
        "on": "yes",
        "a": [{"b": 1, "c": "x"}, {"d": 1.5, "e": None, "f": True, "g": "0x1", "h": "1_0"}],
    }
    assert lines["on"] == 1
    assert lines["a[0].c"] == 4
    assert lines["a[1].e"] == 5


def test_json_is_read_too() -> None:
    """JSON is YAML; escapes and nesting come out the same."""
    assert read_values(b'{"a": ["b\\n", {"c": -1e3}], "d": "\\u00e9"}', "f")[0] == {
        "a": ["b\n", {"c": -1000.0}],
        "d": "é",
    }


def test_anchors_are_followed() -> None:
    """A value may be written once and named again."""
    values, _ = read_values(b"a: &x {b: 1}\nc: *x\nd: &y text\ne: [*y]\n", "f")
    assert values == {"a": {"b": 1}, "c": {"b": 1}, "d": "text", "e": ["text"]}


def test_a_bomb_is_refused() -> None:
    """Aliases that multiply are refused before they take memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(ProfileError, match="aliases that multiply"):
        read_values("\n".join(lines).encode(), "f")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"a: 1\na: 2\n", "line 2: has the key 'a' a second time"),
        (b"a: 1\n---\nb: 2\n", "begins a second document"),
        (b"a: [1\n", "is not YAML"),
        (b"[" * 100_000, "nested more than"),
        (b"a: !!python/object:os.system x\n", "has the tag"),
        (b"a: !mine {b: 1}\n", "has the tag"),
        (b"a: &x {b: 1}\nc:\n  <<: *x\n", "merge key"),
        (b"a: *x\n", "alias"),
        (b"? [a]\n: 1\n", "as a key"),
        (b"a: \xff\xfe\xfa\n", "UTF-8|not YAML"),
        (b"#" * (MAX_BYTES + 1), "is 4 MB; a profile is read up to 4 MB"),
    ],
)
def test_bad_files_are_one_sentence(data: bytes, said: str) -> None:
    """What is not one plain YAML document is refused with the file's name and the line."""
    with pytest.raises(ProfileError, match=said) as caught:
        read_values(data, "f.yaml")
    assert str(caught.value).startswith("f.yaml: ")
    assert "\n" not in str(caught.value)
