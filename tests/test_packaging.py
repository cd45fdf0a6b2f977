"""The wheel holds all that clusterproof needs to run: code, profiles, worlds, schemas, types."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without a network."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(root)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_wheel_holds_the_whole_package(root: Path, wheel: Path) -> None:
    """Every file of src/clusterproof that is or would be committed is in the wheel, byte for byte, and no other."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "src/clusterproof"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    source = {path.removeprefix("src/") for path in listing.split("\0") if path and (root / path).is_file()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("clusterproof/")}
        assert packed == source
        assert "clusterproof/py.typed" in packed
        assert all(archive.read(name) == (root / "src" / name).read_bytes() for name in packed)


def test_wheel_says_what_it_is(root: Path, wheel: Path) -> None:
    """Name, version (from its one place), licence, Python and the command are in the wheel's metadata."""
    version = re.search(r'"(.+)"', (root / "src/clusterproof/_version.py").read_text("utf-8").splitlines()[-1])
    assert version is not None
    with zipfile.ZipFile(wheel) as archive:
        info = f"clusterproof-{version[1]}.dist-info"
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        assert metadata["Name"] == "clusterproof"
        assert metadata["Version"] == version[1]
        assert metadata["License-Expression"] == "Apache-2.0"
        assert metadata["Requires-Python"] == ">=3.11"
        assert "clusterproof = clusterproof.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
        assert b"Apache License" in archive.read(f"{info}/licenses/LICENSE")


def test_installed_wheel_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    """Installed elsewhere, without the checkout, the package imports from there and sees its data as resources."""
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import clusterproof; from importlib.resources import files\n"
        "print(clusterproof.__file__)\n"
        "print(files('clusterproof').joinpath('py.typed').is_file())\n"
    )
    # -I: neither the checkout's directory nor PYTHONPATH can stand in for what was installed.
    run = subprocess.run(
        [sys.executable, "-I", "-c", program, str(target)], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert run.stdout.splitlines() == [str(target / "clusterproof" / "__init__.py"), "True"]
