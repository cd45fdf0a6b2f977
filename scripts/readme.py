"""Keep the output in README.md, or in another page, real: run each command of its ``console`` blocks, and compare or rewrite.

A line that starts with ``$`` is a command; what follows, up to the next one, is
its output. A line that is just ``…`` in the output stands for any number of
lines. Commands run in one empty directory, in order, so a later block may use
what an earlier one made. Blocks marked ``sh`` are not run here; the test that
follows the README in a fresh clone runs them too.

    python scripts/readme.py            # compare; exit status 1 when the README is not true
    python scripts/readme.py --write    # put in what the commands print now
    python scripts/readme.py --write docs/formats.md
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_GAP = "…"


class Step(msgspec.Struct):
    """One command of a block, with the output that the README shows."""

    command: str
    shown: list[str]


def steps(body: str) -> list[Step]:
    """The commands of one block; a command ends where its line does not end in a backslash."""
    found: list[Step] = []
    continued = False
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], []))
        elif continued:
            found[-1].command += "\n" + line
        elif found:
            found[-1].shown.append(line)
        continued = bool(found) and not found[-1].shown and found[-1].command.endswith("\\")
    return found


def run(command: str, directory: Path, path: str) -> list[str]:
    """What a command prints, stdout and stderr as a terminal shows them, 80 columns wide, without colour."""
    environment = {**os.environ, "PATH": path, "COLUMNS": "80", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(  # noqa: S602 - the commands are the README's own
        command,
        shell=True,
        executable="/bin/bash",
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return [line.rstrip() for line in done.stdout.rstrip("\n").splitlines()]


def fits(shown: list[str], real: list[str]) -> bool:
    """Whether output is as shown, where ``…`` stands for any lines."""
    pattern = "\n".join("(?:.*\n?)*?" if line.strip() == _GAP else re.escape(line.rstrip()) for line in shown)
    return re.fullmatch(pattern.replace("(?:.*\n?)*?\n", "(?:.*\n)*?"), "\n".join(real)) is not None


def rewritten(shown: list[str], real: list[str]) -> list[str]:
    """The real output, with the parts left out that the README leaves out: from a ``…`` to the next line shown."""
    if _GAP not in [line.strip() for line in shown] or fits(shown, real):
        return shown if fits(shown, real) else real
    result: list[str] = []
    rest = real
    pieces = "\n".join(line.strip() and line for line in shown).split(f"\n{_GAP}\n")
    for number, piece in enumerate(pieces):
        lines = piece.splitlines()
        anchor = next((index for index, line in enumerate(rest) if lines and line == lines[0]), None)
        if anchor is None:
            return real
        result += [_GAP] if number else []
        result += rest[anchor : anchor + len(lines)]
        rest = rest[anchor + len(lines) :]
    return result


def process(text: str, *, write: bool, path: str) -> tuple[str, list[str]]:
    """The README's text, rewritten with ``write``, and what was not true in it."""
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "src").symlink_to(ROOT / "src")

        def replace(block: re.Match[str]) -> str:
            lines: list[str] = []
            for step in steps(block["body"]):
                real = run(step.command, directory, path)
                if not fits(step.shown, real):
                    faults.append(f"$ {step.command}\n" + "\n".join(real))
                lines += [f"$ {step.command}", *(rewritten(step.shown, real) if write else step.shown)]
            return "```console\n" + "".join(f"{line}\n" for line in lines) + "```"

        return _BLOCK.sub(replace, text), faults


def main() -> int:
    """Compare or rewrite; the exit status is 1 when something was not true and nothing was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="put in what the commands print now")
    parser.add_argument("page", nargs="?", default="README.md", help="the page, from the checkout's root on")
    arguments = parser.parse_args()
    readme = ROOT / arguments.page
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    text, faults = process(readme.read_text("utf-8"), write=arguments.write, path=path)
    if arguments.write:
        readme.write_text(text, "utf-8")
        return 0
    for fault in faults:
        print(f"{arguments.page} is not true; this prints now:\n{fault}\n", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
