"""The rules of the house that no linter knows (docs/design.md, CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PURE_ROOMS = ("world", "placement", "reach", "access", "verdict", "checks", "fixes")
LONGEST_MODULE = 420
# Structs that are named for an API's objects; their modules name the reference that describes each.
API_SHAPES = ("src/clusterproof/snapshot/aws/", "src/clusterproof/snapshot/kubernetes/")
# Calls that reach outside, ask the clock, or give another answer in another run.
IMPURE_NAMES = {"open", "print", "input", "eval", "exec", "hash", "__import__"}
IMPURE_METHODS = {"now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes"}
# Words that no committed file may hold, in halves so that this file does not hold them either.
MACHINE_PATHS = ["/wo" + "rk/", "/tmp/bash" + "_jobs", "/tmp/pro" + "be", "/opt/whe" + "els", "/ro" + "ot/."]
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry.npm" + "js.org",
    "proxy.golang" + ".org",
    "index" + "-url",
    "find" + "-links",
    "trusted" + "-host",
]
# scripts/lock.sh must name the options that keep addresses out; these forms of them only.
ALLOWED = [
    "--no-emit-index" + "-url",
    "--no-emit-find" + "-links",
    "--no-emit-trusted" + "-host",
    "(find" + "-links, another index)",
]


def committed() -> list[str]:
    """Paths of all files that are or would be committed, relative to the checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return sorted(path for path in set(listing.split("\0")) if path and (ROOT / path).is_file())


FILES = committed()
MODULES = [path for path in FILES if path.startswith("src/") and path.endswith(".py")]
TESTS = [path for path in FILES if re.fullmatch(r"tests/(.*/)?test_[^/]*\.py", path)]
REQUIREMENTS = ["requirements/build.txt", "requirements/dev.txt", "requirements/runtime.txt"]
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: str) -> ast.Module:
    """The syntax tree of a committed module."""
    return ast.parse((ROOT / path).read_text("utf-8"), path)


def undocumented(tree: ast.Module) -> list[str]:
    """Names of the public module, classes, functions and methods of a tree that have no docstring."""
    missing = [] if ast.get_docstring(tree) else ["the module"]

    def visit(node: Documented, prefix: str) -> None:
        for child in node.body:
            if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if child.name.startswith("_") or any(
                ast.unparse(mark).split(".")[-1] in {"overload", "override", "setter"} for mark in child.decorator_list
            ):
                continue
            if not ast.get_docstring(child):
                missing.append(prefix + child.name)
            if isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")

    visit(tree, "")
    return missing


def impure_calls(tree: ast.Module) -> list[str]:
    """Calls in a tree that reach outside, ask the clock or differ between runs, with their lines."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in IMPURE_NAMES:
                found.append(f"line {node.lineno}: {name}()")
            case ast.Attribute(attr=name) if name in IMPURE_METHODS:
                found.append(f"line {node.lineno}: .{name}()")
    return found


def forbidden_words(text: str) -> list[str]:
    """Machine paths and registry addresses in a text, each with its line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        rest = line
        for allowed in ALLOWED:
            rest = rest.replace(allowed, "")
        found += [f"line {number}: {word}" for word in MACHINE_PATHS + REGISTRIES if word in rest.lower()]
    return found


def unhashed(text: str) -> list[str]:
    """Requirements of a pip requirement file without a version or a hash, and lines that are neither."""
    faults = []
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        if not re.match(r"[A-Za-z0-9._-]+==[^ ]+( ;[^-]*)? +--hash=sha256:[0-9a-f]{64}", entry):
            faults.append(entry[:60])
    return faults


def test_modules_are_short() -> None:
    """A module is about one thing: none is longer than LONGEST_MODULE lines."""
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in MODULES}
    long = [
        f"{path} has {lines} lines: it is asking to be two" for path, lines in lengths.items() if lines > LONGEST_MODULE
    ]
    assert MODULES
    assert not long, "\n".join(long)


def test_public_things_have_docstrings() -> None:
    """Every public module, class, function and method says what it is."""
    faults = []
    for path in MODULES:
        tree = parse(path)
        shapes = (
            {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
            if path.startswith(API_SHAPES)
            else set()
        )
        faults += [f"{path}: no docstring on {name}" for name in undocumented(tree) if name not in shapes]
    assert not faults, "\n".join(faults)


def test_tests_state_behaviour() -> None:
    """Every test function has a docstring that says what holds."""
    faults = [
        f"{path}: no docstring on {node.name}"
        for path in TESTS
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test")
        and not ast.get_docstring(node)
    ]
    assert TESTS
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_core_is_pure(room: str) -> None:
    """No module of the core opens a file, prints, asks the clock or hashes by the run's own seed."""
    modules = [path for path in MODULES if path.startswith(f"src/clusterproof/{room}/")]
    assert modules
    found = [f"{path} {call}" for path in modules for call in impure_calls(parse(path))]
    assert not found, "\n".join(found)


def test_no_machine_and_no_registry_is_named() -> None:
    """No committed file names a path of the machine that it was written on, or a package registry."""
    found = []
    for path in FILES:
        try:
            text = (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue  # not text: a compressed fixture
        found += [f"{path} {word}" for word in forbidden_words(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", REQUIREMENTS)
def test_requirements_are_hashed(path: str) -> None:
    """A requirement file pins each package by version and hash and holds nothing else."""
    text = (ROOT / path).read_text("utf-8")
    assert "--hash=" in text
    assert not unhashed(text)
    assert "://" not in text


def test_requirement_files_agree() -> None:
    """One environment can hold all requirement files: what two of them pin, they pin alike."""
    pins: dict[str, set[str]] = {}
    for path in REQUIREMENTS:
        for name, version in re.findall(
            r"^([A-Za-z0-9._-]+)==([^ ;]+)", (ROOT / path).read_text("utf-8"), re.MULTILINE
        ):
            pins.setdefault(name, set()).add(version)
    assert not {name: versions for name, versions in pins.items() if len(versions) > 1}


def test_declared_dependencies_are_locked() -> None:
    """Every dependency that pyproject.toml declares stands in the requirement file that installs it."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = pyproject["dependency-groups"]
    wanted = {
        "runtime": pyproject["project"]["dependencies"],
        "build": groups["build"] + pyproject["build-system"]["requires"],
        "dev": [entry for entry in groups["dev"] if isinstance(entry, str)] + pyproject["project"]["dependencies"],
    }
    for name, declared in wanted.items():
        text = (ROOT / f"requirements/{name}.txt").read_text("utf-8")
        locked = {_normal(pin) for pin in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}
        missing = {_normal(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in declared} - locked
        assert not missing, f"requirements/{name}.txt lacks {sorted(missing)}: run make lock"


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_only_one_lock() -> None:
    """The requirement files are the only lock: no other tool's lock file, whose entries hold addresses, is there."""
    assert not {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"} & {Path(f).name for f in FILES}


def test_changelog_fragments_are_readable() -> None:
    """Every changelog fragment has a known type and text, and towncrier builds the next entry from them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    kinds = "|".join(kind["directory"] for kind in config["type"])
    fragments = [Path(path) for path in FILES if path.startswith("CHANGELOG.d/") and not path.endswith("README.md")]
    for fragment in fragments:
        assert re.fullmatch(rf"(\d+|\+[a-z0-9-]+)\.({kinds})(\.\d+)?\.md", fragment.name), fragment.name
        assert (ROOT / fragment).read_text("utf-8").strip(), f"{fragment} is empty"
    draft = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "0.0.0", "--date", "2026-01-01"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = " ".join(draft.split())
    for fragment in fragments:
        assert " ".join((ROOT / fragment).read_text("utf-8").split()) in text, f"{fragment} is not in the draft"


def test_the_rules_here_can_fail() -> None:
    """Each of the searches above finds what it is for."""
    assert undocumented(ast.parse("class A:\n    def f(self): ...\n    def _g(self): ...\n")) == [
        "the module",
        "A",
        "A.f",
    ]
    assert impure_calls(ast.parse("x = datetime.now()\nopen(p)\n")) == ["line 1: .now()", "line 2: open()"]
    assert forbidden_words("--" + REGISTRIES[4] + "=x\n" + ALLOWED[0] + "\n" + MACHINE_PATHS[0]) == [
        f"line 1: {REGISTRIES[4]}",
        f"line 3: {MACHINE_PATHS[0]}",
    ]
    good = "a==1 ; python_version < '3.12' \\\n    --hash=sha256:" + "0" * 64
    assert unhashed(f"# comment\n{good}\n\nb==2\n--{REGISTRIES[4]} x\n") == ["b==2", f"--{REGISTRIES[4]} x"]
