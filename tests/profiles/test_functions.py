"""The functions of our CEL that look into what APIs give, and what an expression reads."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.profiles.chains import chains, members, without
from clusterproof.profiles.expression import evaluate, parse_check, value
from clusterproof.profiles.many import values
from clusterproof.profiles.memberpath import MISSING, read, settable, steps
from clusterproof.profiles.partly import Hidden, Partly
from clusterproof.snapshot.fields import Cause, Unknown

DENIED = Unknown(Cause.DENIED, "not allowed", "grant it")
CONTAINER: dict[str, Any] = {
    "name": "c",
    "env": [
        {"name": "A", "value": "1"},
        {"name": "A", "value": "2"},
        {"name": "S", "valueFrom": {"secretKeyRef": {}}},
        {"name": "E"},
    ],
}
VALUES: dict[str, Any] = {
    "it": {
        "spec": {"containers": [CONTAINER], "initContainers": [{"name": "i"}]},
        "two": {"containers": [CONTAINER, {"env": [{"name": "A", "value": "3"}]}]},
        "from": {"containers": [{"envFrom": [{}]}]},
        "metadata": {"labels": {"app": "x", "a.b/c": "d"}, "none": None},
        "Tags": [{"Key": "Name", "Value": "n"}, {"Key": "empty", "Value": ""}],
        "tags": {"Name": "m"},
        "selector": {"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "y", "operator": "DoesNotExist"}]},
        "policy": '{"transports": {"sqs": {"enabled": true, "n": 2}}}',
    }
}


@pytest.mark.parametrize(
    "expression",
    [
        "json(it.policy).transports.sqs.enabled && json(it.policy).transports.sqs.n == 2",
        "json('[1, 2]').size() == 2",
        "get(it, 'metadata.labels.app', '') == 'x'",
        "get(it, ['metadata', 'labels', 'a.b/c'], '') == 'd' && it.get('metadata.labels.app', '') == 'x'",
        "get(it, 'metadata.none', 'z') == 'z' && get(it, 'metadata.labels.app.deeper', 5) == 5",
        "get(it, 'Tags.0.Key', '') == 'Name' && get(it, 'Tags.9.Key', '') == ''",
        "env(it.spec, 'A') == '2' && env(it.spec.containers[0], 'A') == '2'",
        "env(it.spec, 'NONE') == '' && env(it.spec, 'E') == ''",
        "tag(it.Tags, 'Name') == 'n' && tag(it.tags, 'Name') == 'm' && tag(it.Tags, 'x') == '' && tag(null, 'x') == ''",
        "has_tag(it.Tags, 'empty') && !has_tag(it.Tags, 'x') && has_tag(it.tags, 'Name')",
        "last('a/b/c', '/') == 'c' && last('abc', '/') == 'abc'",
        "'eks.13'.split('.')[1] == '13' && split('', ',').size() == 0 && int(split('1,2', ',')[1]) == 2",
        "like('asya-x', 'asya-*') && like('a.c', 'a?c') && !like('abc', 'a.c') && !like('xasya-', 'asya-*')",
        "selects({}, {}) && !selects(null, {}) && selects(it.selector, it.metadata.labels)",
        (
            "!selects(it.selector, {'app': 'x', 'y': '1'}) && selects({'matchExpressions': [{'key': 'a', 'operator': 'In', "
            "'values': ['b']}]}, {'a': 'b'}) && selects({'matchExpressions': [{'key': 'a', 'operator': 'NotIn', 'values': []}]}, {})"
        ),
        "version_of('host:5000/a/b:v1.16.2-eksbuild.1@sha256:00') == '1.16.2'",
        "'a-1'.matches('^a-[0-9]$')",
    ],
)
def test_functions_give_what_they_say(expression: str) -> None:
    """Each function on texts, lists and mappings as APIs write them."""
    assert parse_check(expression) is None
    assert evaluate(expression, VALUES) is True


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("json('{') == 1", "is no JSON"),
        ("1 == 1 ? unknown('of another account') : true", "of another account"),
        ("json('NaN') == 1", "is no JSON"),
        ("json(1) == 1", "takes a text of JSON"),
        ("env(it.spec, 'S') == ''", "S is taken from elsewhere (valueFrom)"),
        ("env(it.two, 'A') == ''", "A differs between containers"),
        ("env(it.from, 'A') == ''", "A may come from a ConfigMap or Secret"),
        ("env('x', 'A') == ''", "env() takes"),
        ("tag('x', 'A') == ''", "tags are a list of {Key, Value}"),
        ("split('x', '') == []", "split() takes two texts"),
        ("like(1, 'x')", "like() takes two texts"),
        ("selects({'matchExpressions': [{'key': 'a', 'operator': 'Gt'}]}, {})", "'Gt' is no operator"),
        ("selects('x', {})", "selects() takes a label selector"),
        ("version_of('host:5000/a') == ''", "is no image with a tag"),
        ("get(it, 5, '') == ''", "get() takes a path"),
    ],
)
def test_what_they_cannot_read_is_unknown(expression: str, said: str) -> None:
    """An argument of another kind is an error with its reason, so unknown, never false."""
    answer = evaluate(expression, VALUES)
    assert isinstance(answer, Unknown)
    assert said in answer.detail


def test_what_an_expression_reads() -> None:
    """Dotted chains, what ``get`` reads by a path, and nothing of texts, comments or functions' names."""
    text = "it.a.b.size() == 1 && get(it, 'c.d', '') == 'it.e' && get(x.y, ['z', 'k.l'], 1) == 1 // it.f"
    assert chains(text) == (("it", "a", "b"), ("it", "c", "d"), ("x", "y", "z"))
    assert members("it.spec.all(c, c.x) || env(it, 'A') == ''", "it") == (("spec",), ())


def test_a_field_that_is_unknown_is_replaced_where_it_is_read() -> None:
    """Chains that read the field, or all of what holds it, read nothing known; others stay as they are."""
    text = "has(it.a.b) && it.a.c == 'it.a.b' || get(it, 'a.b.d', '') == get(it, 'a.c', '') || it.a == it"
    assert without(text, "it", "a.b") == (
        "has(unread_.x) && it.a.c == 'it.a.b' || get(unread_.x, 'a.b.d', '') == get(it, 'a.c', '') || unread_.x == unread_.x"
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rows.exists(x, has(x.b))", DENIED),
        ("rows.exists(x, x.a == 1)", True),
        ("rows.filter(x, x.a == 1)[0].b == 2", DENIED),
        ("rows.filter(x, x.a == 1)[0].a == 1 && rows[1].a in [2]", True),
        ("get(rows[0], 'a', 0) == 1", DENIED),
        ("rows[0].get('a', 0) == 1", DENIED),
        ("rows[0] == rows[0]", DENIED),
        ("rows.map(x, x.a) == [1, 2]", True),
        ("rows.exists(x, x.c == 'REDACTED')", DENIED),
        ("rows.exists(x, x.c == 'other')", DENIED),
        ("true || rows.exists(x, has(x.b))", True),
    ],
)
def test_lists_whose_objects_have_unknown_fields(expression: str, expected: bool | Unknown) -> None:
    """A field that was not read makes what reads it unknown; a value in place of a redacted one decides nothing."""
    hidden = (Hidden("b", DENIED, kept=False), Hidden("c", DENIED, kept=True))
    whole = {"a": 2, "b": 3, "c": "known"}
    rows = Partly([{"a": 1, "c": "REDACTED"}, whole], hidden, [{"a": 1}, whole])
    assert evaluate(expression, {"rows": rows}) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "it.n % 3 == 0",
        "has(it.odd) && it.odd.x > 5",
        "it.odd.x > 5",
        "others.exists(o, o.n == it.n) || it.odd.x == 7",
        "unread.size() == 0 || it.n == 4",
        "it.n",
        "it.list.all(l, l != it.n)",
        "it == it",
        "1 +",
    ],
)
def test_many_objects_give_what_each_gives(expression: str) -> None:
    """All in one run or one after another: the same values, errors and unknowns."""
    objects = [{"n": n % 40, "list": [n], **({"odd": {"x": n}} if n % 2 else {})} for n in range(120)]
    beside: dict[str, object] = {"others": [{"n": n} for n in range(0, 120, 5)], "unread": DENIED}
    together = values(expression, "it", objects, beside)
    assert together == [value(expression, {**beside, "it": item}) for item in objects]


def test_too_many_comparisons_are_refused() -> None:
    """Every object against every other of very many is unknown before anything runs."""
    many = [{"n": n} for n in range(6_000)]
    (answer, *_) = values("others.exists(o, o.n == it.n)", "it", many, {"others": many})
    assert isinstance(answer, Unknown)
    assert "6000 objects with 6000 others" in answer.detail


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('metadata.labels["a.b/c"]', ("metadata", "labels", "a.b/c")),
        ("a['x y'].0.b", ("a", "x y", 0, "b")),
    ],
)
def test_paths_are_read(path: str, expected: tuple[str | int, ...]) -> None:
    """Names, places in lists, and names that hold dots."""
    assert steps(path) == expected


@pytest.mark.parametrize("path", ["", ".", "a..b", "a[", "a[x]", "a.b.", "[]"])
def test_what_is_no_path_is_told(path: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="is no path"):
        steps(path)


def test_reading_and_setting_by_path() -> None:
    """What is not there is told apart from null; a name with dots is set with the mapping around it."""
    raw = {"a": {"b": [{"c": None}]}, "labels": {"x": "1"}}
    assert read(raw, ("a", "b", 0, "c")) is None
    assert read(raw, ("a", "b", 1, "c")) is MISSING
    assert settable(raw, ("a", "b", 0, "c"), 5) == ("a.b.0.c", 5)
    assert settable(raw, ("labels", "a.b"), "2") == ("labels", {"x": "1", "a.b": "2"})
    assert settable(raw, ("other", "a.b", "c"), "2") == ("other", {"a.b": {"c": "2"}})
    assert raw["labels"] == {"x": "1"}


def test_a_map_comes_in_the_order_of_its_keys() -> None:
    """What an expression gives is written the same in every run, however deep its maps are."""
    found = value(
        '[{"Status": "Enabled", "Filter": {"b": 1, "a": 2}, "Expiration": it}]', {"it": {"Days": 90, "At": 1}}
    )
    assert found == [{"Expiration": {"At": 1, "Days": 90}, "Filter": {"a": 2, "b": 1}, "Status": "Enabled"}]
    assert [list(found[0]), list(found[0]["Filter"]), list(found[0]["Expiration"])] == [
        ["Expiration", "Filter", "Status"],
        ["a", "b"],
        ["At", "Days"],
    ]
