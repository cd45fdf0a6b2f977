from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clusterproof.checks.cel import applies, conjunction, evaluate, nest, parse_check
from clusterproof.profiles.expression import MAX_LENGTH, MAX_MACROS, MAX_SUMS, names_of
from clusterproof.profiles.load import load
from clusterproof.snapshot.fields import Cause, Unknown

SOURCE = Path(__file__).resolve().parents[2] / "src"
DENIED = Unknown(Cause.DENIED, "pods may not be listed", "grant list pods")
VALUES: dict[str, Any] = {
    "dynamo": {"version": "1.1.0"},
    "pods": [{"spec": {"nodeName": "a"}}, {"spec": {"nodeName": "b"}}],
    "unread": DENIED,
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('semver(dynamo.version).lt("1.2.0")', True),
        ('lt(semver(dynamo.version), semver("1.2.0"))', True),
        ('semver("1.2.0").lt("1.2.0")', False),
        ('semver("1.2.0").le("1.2") && semver("v1.2").ge("1.2.0") && semver("1.2").eq("1.2.0")', True),
        ('semver("1.10.0").gt("1.9.0")', True),
        ('semver("1.2.0-rc.1").lt("1.2.0")', True),
        ('semver("1.2.0-rc.2").gt("1.2.0-rc.1")', True),
        ('semver("1.2.0-rc.10").gt("1.2.0-rc.9")', True),
        ('semver("1.2.0rc1").lt("1.2.0") && semver("1.2.0.dev3").lt("1.2.0rc1")', True),
        ('semver("1.2.0.post1").eq("1.2.0")', True),
        ('semver("1.2.0+build5").eq("1.2.0") && semver("1.2.0+a") == semver("1.2.0")', True),
        ('is_version("document") || is_version("") || is_version(dynamo.version) == false', False),
        ('is_version("v1") && is_version("1.2.3-alpha.1")', True),
        ('quantity("500m").lt("1") && quantity("1").eq("1000m") && quantity("1") == quantity("1000m")', True),
        ('quantity("1Gi").gt("1G") && quantity("0.1").eq("100m") && quantity(2).ge("1999m")', True),
        ('cidr("10.0.0.0/8").contains("10.1.2.3") && cidr("10.0.0.0/8").contains(cidr("10.9.0.0/16"))', True),
        ('cidr("10.0.0.0/8").contains(ip("11.0.0.1")) || cidr("10.0.0.0/8").contains("::1")', False),
        ('cidr("2001:db8::/32").contains("2001:db8::5")', True),
        ('"abc".contains("b") && [1, 2].contains(2)', True),
        ("pods.all(p, p.spec.nodeName in ['a', 'b'])", True),
        ("pods.exists(p, has(p.spec.hostNetwork))", False),
        ("size(pods) == 2 && pods.map(p, p.spec.nodeName).filter(n, n == 'a').size() == 1", True),
    ],
)
def test_conditions_have_their_value(expression: str, expected: bool) -> None:
    """Versions, quantities, addresses and CEL's own functions give what their documents say."""
    assert parse_check(expression) is None
    assert evaluate(expression, VALUES) is expected


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("dynamo.release == '1'", "the field 'release' is missing"),
        ("pods.all(p, p.spec.hostNetwork == false)", "the field 'hostNetwork' is missing"),
        ("nothing == 1", "'nothing' is not known here"),
        ('semver("document").lt("1.2.0")', "'document' is no version"),
        ('semver("1.2.3.4").lt("1.2.0")', "more than three numbers"),
        ("semver(1).lt('2')", "semver() takes a text"),
        ('semver("1.0.0").lt(quantity("1"))', "compared with something else"),
        ('quantity("lots") == quantity("lots")', "is no Kubernetes quantity"),
        ('cidr("10.0.0.0/40").contains("10.0.0.1")', "is no range of addresses"),
        ('ip("host") == ip("host")', "is no IP address"),
        ("lt(1, 2)", "compare semver"),
        ("contains(1, 2)", "takes a text, a list or cidr"),
        ("dynamo.version", "gives str, not true or false"),
        ("size(pods)", "gives int, not true or false"),
        ("'a' < 1", "No such overload"),
        ("1 / 0 == 1", "zero"),
    ],
)
def test_errors_are_unknown_and_say_why(expression: str, said: str) -> None:
    """An error or a missing field makes the answer unknown with its reason, never false."""
    answer = evaluate(expression, VALUES)
    assert isinstance(answer, Unknown)
    assert answer.cause is Cause.ERROR
    assert said in answer.detail


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("unread.size() == 0", DENIED),
        ("true || unread.size() == 0", True),
        ("unread.size() == 0 || true", True),
        ("false && unread.size() == 0", False),
        ("true && unread.size() == 0", DENIED),
        ("dynamo.version == '1.1.0' || dynamo.nothing", True),
        ("has(unread.x)", DENIED),
        ("inner.known == 1", True),
        ("inner.unread == 1", DENIED),
    ],
)
def test_three_values(expression: str, expected: bool | Unknown) -> None:
    """What was not read keeps its own cause, unless the expression is true or false without it."""
    assert evaluate(expression, {**VALUES, "inner": {"known": 1, "unread": DENIED}}) == expected


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "is empty"),
        ("1 +", "it is not CEL: line 1, column 4"),
        ("(" * 500, "nested too deeply"),
        ("true || " * MAX_LENGTH + "true", f"at most {MAX_LENGTH}"),
        ("[1]" + ".map(a, a)" * (MAX_MACROS + 1) + " == [1]", f"at most {MAX_MACROS}"),
        ("1 + " * (MAX_SUMS + 1) + "1 == 2", f"at most {MAX_SUMS}"),
        ("sevmer('1').lt('2')", "did you mean 'semver'?"),
        ("frobnicate(1)", "there is no function 'frobnicate'"),
    ],
)
def test_unusable_expressions_are_named_before_they_run(expression: str, said: str) -> None:
    """What does not parse, is too large or calls an unknown function is told by parse_check and unknown when run."""
    text = parse_check(expression)
    assert text is not None
    assert said in text
    assert isinstance(evaluate(expression, {}), Unknown)


def test_text_literals_do_not_count() -> None:
    """Plus signs, comprehensions and calls inside text literals and comments are only text."""
    text = "'" + "+" * 50 + ' .all( foo(\' == "b" || true // foo(1) + + + + + + + + + +'
    assert parse_check(text) is None
    assert evaluate(text, {}) is True


def test_nested_comprehensions_are_bounded_by_the_objects() -> None:
    """Every object against every other is refused when there are too many; each object's own list is not."""
    many = [{"containers": [1]} for _ in range(4000)]
    answer = evaluate("pods.all(p, pods.all(q, p == q))", {"pods": many})
    assert isinstance(answer, Unknown)
    assert "steps" in answer.detail
    chained = evaluate("pods.all(p, pods.filter(q, true).all(r, p == r))", {"pods": many})
    assert isinstance(chained, Unknown)
    assert "steps" in chained.detail
    assert evaluate("pods.all(p, p.containers.all(c, c == 1))", {"pods": many}) is True
    assert evaluate("pods.all(p, p.containers == [1]) && pods.exists(p, true)", {"pods": many}) is True


def test_names_of() -> None:
    """The dotted names that an expression reads, without bound variables, functions and text."""
    text = '!is_version(a.b) || pods.all(p, p.x == c.d.size()) && "e.f" == g && true in [h.i]'
    assert names_of(text) == ("a.b", "pods", "c.d", "g", "h.i")


def test_nest() -> None:
    """Dotted parameter names become members."""
    assert nest({"a.b": "1", "a.c": "2", "d": "3"}) == {"a": {"b": "1", "c": "2"}, "d": "3"}


def test_conjunction() -> None:
    """False wins, then the first unknown, then true; nothing at all holds."""
    assert conjunction([True, DENIED, False]) is False
    assert conjunction([True, DENIED]) is DENIED
    assert conjunction([True, True]) is True
    assert conjunction([]) is True


def test_applies_by_version() -> None:
    """Which requirements of dynamo apply follows the installed version; an unreadable one means the document's."""
    profile = load("dynamo")

    def applying(version: object) -> set[str]:
        return {r.id for r in profile.requirements if applies(profile, r, {"dynamo.version": version}) is True}

    always = {
        "prometheus-from-validator",
        "dns-from-workers",
        "dns-tcp-from-workers",
        "validator-can-be-scheduled",
        "dynamo-worker-can-be-scheduled",
    }
    document = always | {"etcd-from-gpu-nodes", "nats-from-gpu-nodes"}
    direct = always | {"zmq-from-frontend", "requests-from-frontend", "responses-from-workers"}
    for version in ("document", "nightly", "1.1.0", "v0.7.1", "1.2.0-rc.1"):
        assert applying(version) == document
    for version in ("1.2.0", "1.3", "1.4.0-rc.1"):
        assert applying(version) == always | {"nats-from-gpu-nodes"}
    for version in ("1.4.0", "v1.4.1", "2.0"):
        assert applying(version) == direct
    etcd = profile.requirements[0]
    assert applies(profile, etcd, {}) is True
    assert applies(profile, etcd, {"dynamo.version": DENIED}) is DENIED


def test_quiet_and_light() -> None:
    """An error writes nothing to stderr, and evaluating imports neither the library's command line nor rich."""
    code = (
        "import sys; from clusterproof.checks.cel import evaluate; "
        'evaluate(\'semver("x").lt("1")\', {}); '
        "print(sorted(m for m in ('cel.cli', 'rich', 'prompt_toolkit', 'yaml') if m in sys.modules)); "
        "import cel; print(cel.evaluate('1 + 1'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SOURCE)}
    )
    assert done.stderr == ""
    assert done.stdout == "[]\n2\n"
