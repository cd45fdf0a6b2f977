"""Keep the output in README.md, or in other pages, real: run the commands of their ``console`` blocks; compare or rewrite.

A line that starts with ``$`` is a command, which goes on after a backslash and to
the end of a here-document; what follows, up to the next command, is its output. A line that is just ``…`` in the output stands for any number of
lines. Commands run in one empty directory, in order, so a later block may use
what an earlier one made. Blocks marked ``sh`` are not run here; the test that
follows the README in a fresh clone runs them too.

Blocks marked ``console live`` read a cluster and an account: the demo's world,
served as tests/e2e/pages.py says, which is also where all that differs from run
to run (port, ids, time) is made equal. They are compared by the slow suite; the
fast one passes them by, so no other block may use what they make. All other
blocks run without a kubeconfig and without AWS credentials.

    python scripts/readme.py            # compare; exit status 1 when the README is not true
    python scripts/readme.py --write    # put in what the commands print now
    python scripts/readme.py --write docs/formats.md docs/live.md
    python scripts/readme.py --all      # every page with a console block
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import msgspec

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^```console(?P<live> live)?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_GAP = "…"
_BROKEN = "this is a fault in clusterproof"


class Live(Protocol):
    """Where ``console live`` blocks run; tests/e2e/pages.py has it."""

    @property
    def env(self) -> dict[str, str]:
        """What a command needs in its environment."""

    def shown(self, text: str) -> str:
        """What a command printed, less what differs from run to run."""


class Step(msgspec.Struct):
    """One command of a block, with the output that the README shows."""

    command: str
    shown: list[str]


def steps(body: str) -> list[Step]:
    """The commands of one block; a command goes on after a backslash, and to the end of its here-document."""
    found: list[Step] = []
    continued = False
    for line in body.splitlines():
        if continued:
            found[-1].command += "\n" + line
        elif line.startswith("$ "):
            found.append(Step(line[2:], []))
        elif found:
            found[-1].shown.append(line)
            continue
        if found:
            here = re.search(r"<<'(\w+)'", found[-1].command)
            continued = line != here[1] if here else line.endswith("\\")
    return found


def pages() -> list[str]:
    """Every page of the checkout with a block that is run, README.md first."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [str(page.relative_to(ROOT)) for page in found if _BLOCK.search(page.read_text("utf-8"))]


def reads_live(text: str) -> bool:
    """Whether a page has a block that reads live."""
    return any(block["live"] for block in _BLOCK.finditer(text))


def run(command: str, directory: Path, path: str, live: Live | None = None) -> list[str]:
    """What a command prints, stdout and stderr as a terminal shows them, 80 columns wide, without colour."""
    inherited = {name: value for name, value in os.environ.items() if name != "KUBECONFIG" and name[:4] != "AWS_"}
    nothing = {"HOME": str(directory), "KUBECONFIG": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    fixed = {"PATH": path, "COLUMNS": "80", "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    environment = {**inherited, **(live.env if live else nothing), **fixed}
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
    printed = live.shown(done.stdout) if live else done.stdout
    return [line.rstrip() for line in printed.rstrip("\n").splitlines()]


def _pieces(shown: list[str]) -> list[list[str]]:
    """What is shown, cut where a line is just ``…``."""
    pieces: list[list[str]] = [[]]
    for line in shown:
        if line.strip() == _GAP:
            pieces.append([])
        else:
            pieces[-1].append(line.rstrip())
    return pieces


def fits(shown: list[str], real: list[str]) -> bool:
    """Whether output is as shown, where ``…`` stands for any lines."""
    first, *others = _pieces(shown)
    if not others:
        return first == real
    last = others.pop()
    if real[: len(first)] != first:
        return False
    at, end = len(first), len(real) - len(last)
    for piece in others:
        found = next((index for index in range(at, end + 1) if real[index : index + len(piece)] == piece), None)
        if found is None:
            return False
        at = found + len(piece)
    return at <= end and real[end:] == last


def rewritten(shown: list[str], real: list[str]) -> list[str]:
    """The real output, with the parts left out that the page leaves out: from a ``…`` to the next line shown."""
    if fits(shown, real):
        return shown
    result: list[str] = []
    rest = real
    for number, piece in enumerate(_pieces(shown)):
        result += [_GAP] if number else []
        if not piece:
            continue
        anchor = next((index for index, line in enumerate(rest) if line == piece[0]), None)
        if anchor is None:
            return real
        result += rest[anchor : anchor + len(piece)]
        rest = rest[anchor + len(piece) :]
    return result if fits(result, real) else real


def process(text: str, *, write: bool, path: str, live: Live | None = None) -> tuple[str, list[str]]:
    """The page's text, rewritten with ``write``, and what was not true in it; without ``live`` such blocks stay."""
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "src").symlink_to(ROOT / "src")

        def replace(block: re.Match[str]) -> str:
            if block["live"] and live is None:
                return block[0]
            lines: list[str] = []
            for step in steps(block["body"]):
                real = run(step.command, directory, path, live if block["live"] else None)
                if write and any(_BROKEN in line for line in real):
                    raise SystemExit(f"nothing is written: $ {step.command}\n" + "\n".join(real))
                if not fits(step.shown, real):
                    faults.append(f"$ {step.command}\n" + "\n".join(real))
                lines += [f"$ {step.command}", *(rewritten(step.shown, real) if write else step.shown)]
            return f"```console{block['live'] or ''}\n" + "".join(f"{line}\n" for line in lines) + "```"

        return _BLOCK.sub(replace, text), faults


def main() -> int:
    """Compare or rewrite; the exit status is 1 when something was not true and nothing was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="put in what the commands print now")
    parser.add_argument("--all", action="store_true", help="every page with a console block")
    parser.add_argument("--no-live", action="store_true", help="pass by the blocks that read live")
    parser.add_argument("pages", nargs="*", default=["README.md"], help="pages, from the checkout's root on")
    arguments = parser.parse_args()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    texts = {page: (ROOT / page).read_text("utf-8") for page in (pages() if arguments.all else arguments.pages)}
    untrue = False
    with ExitStack() as stack:
        live: Live | None = None
        if not arguments.no_live and any(map(reads_live, texts.values())):
            sys.path[:0] = [str(ROOT), str(ROOT / "src")]
            from tests.e2e.pages import live_world  # needs moto, which only developing needs

            live = stack.enter_context(live_world())
        for page, text in texts.items():
            made, faults = process(text, write=arguments.write, path=path, live=live)
            if arguments.write:
                (ROOT / page).write_text(made, "utf-8")
                continue
            for fault in faults:
                print(f"{page} is not true; this prints now:\n{fault}\n", file=sys.stderr)
            untrue = untrue or bool(faults)
    return 1 if untrue else 0


if __name__ == "__main__":
    sys.exit(main())
