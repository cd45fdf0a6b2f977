"""Network namespaces that are built once and given new rules for every world; real TCP between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.reach.lab.rules import End, Topology, acl_rules, end_rules, routes

Dial = tuple[str, int, str, int]
DIALLER = str(Path(__file__).with_name("dialler.py"))


def missing_tools() -> str:
    """What the lab needs and does not find; empty when it can run."""
    if os.geteuid() != 0:
        return "the namespace lab needs root"
    for tool in (["nft", "--version"], ["ip", "-Version"]):
        try:
            subprocess.run(tool, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return f"{tool[0]} (apt-get install nftables iproute2)"
    return ""


class Lab:
    """One bridge and a namespace per end, each with a process that listens and dials."""

    def __init__(self, ends: Sequence[End], ports: Sequence[int], prefix: str) -> None:
        self.ends = ends
        self.ports = ports
        self.prefix = prefix
        self.made: list[str] = []
        self.diallers: dict[str, subprocess.Popen[str]] = {}

    def build(self) -> None:
        """Make the namespaces, the wires and the processes; nothing is filtered yet."""
        vpc = self._namespace("vpc")
        run("ip", "-n", vpc, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", vpc, "link", "set", "br0", "up")
        for number, end in enumerate(self.ends):
            name = self._namespace(end.name)
            run("ip", "-n", vpc, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "-n", vpc, "link", "set", f"p{number}", "master", "br0", "up")
            for address in end.addresses:
                run("ip", "-n", name, "addr", "add", f"{address}/32", "dev", "eth0", "noprefixroute")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            ports = [str(port) for port in self.ports]
            command = ["ip", "netns", "exec", name, sys.executable, DIALLER, *ports]
            self.diallers[end.name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        for dialler in self.diallers.values():
            assert dialler.stdout is not None
            assert dialler.stdout.readline().strip() == "ready"

    def destroy(self) -> None:
        """End every process and remove every namespace that was made; the wires go with them."""
        for dialler in self.diallers.values():
            if dialler.stdin is not None:
                dialler.stdin.close()
                dialler.stdin = None
            dialler.communicate(timeout=60)
        for name in reversed(self.made):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def apply(self, topology: Topology) -> None:
        """Replace all rules and routes."""
        for end in topology.ends:
            name = f"{self.prefix}-{end.name}"
            run("ip", "netns", "exec", name, "nft", "-f", "-", text=end_rules(topology, end))
            run("ip", "-n", name, "-batch", "-", text="\n".join([*routes(topology, end), ""]))
        run("ip", "netns", "exec", f"{self.prefix}-vpc", "nft", "-f", "-", text=acl_rules(topology))

    def dial(self, dials: dict[str, list[Dial]], seconds: float) -> dict[Dial, bool]:
        """Dial from each end named, all ends at the same time; what was accepted within so many seconds."""
        for name, items in dials.items():
            stdin = self.diallers[name].stdin
            assert stdin is not None
            stdin.write(json.dumps([seconds, items]) + "\n")
            stdin.flush()
        answers: dict[Dial, bool] = {}
        for name, items in dials.items():
            stdout = self.diallers[name].stdout
            assert stdout is not None
            answers |= dict(zip(items, json.loads(stdout.readline()), strict=True))
        return answers

    def _namespace(self, name: str) -> str:
        full = f"{self.prefix}-{name}"
        run("ip", "netns", "add", full)
        self.made.append(full)
        run("ip", "-n", full, "link", "set", "lo", "up")
        return full


@contextmanager
def lab(ends: Sequence[End], ports: Sequence[int], number: int) -> Iterator[Lab]:
    """A built lab, removed again whatever happens."""
    made = Lab(ends, ports, f"cplab{os.getpid()}x{number}")
    try:
        made.build()
        yield made
    finally:
        made.destroy()


def run(*command: str, text: str | None = None) -> None:
    """Run a tool; what it says goes into the error."""
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\n{text or ''}")
