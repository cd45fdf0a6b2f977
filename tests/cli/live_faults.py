"""What every live command promises when reading goes wrong, and kubeconfigs that make it go wrong."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.cli.conftest import Done
from tests.sources.kubernetes_api.stub import TOKEN, Stub

API = "client.authentication.k8s.io/v1"
EKS_TOKEN = "k8s-aws-v1.aHR0cHM6Ly9zdHMudXMtd2VzdC0yLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxs"
SECRET_KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYab"
"""Of the length and the letters of an AWS secret access key (AWS General Reference shows one like it)."""
ENCODED = "aNbC-encoded-authorization-message-dEfG"
SECRETS = (TOKEN, EKS_TOKEN, SECRET_KEY, ENCODED, "hunter2")
"""What no output may hold."""

COMMANDS = (
    ("check", "--profile", "dynamo"),
    ("fix", "--profile", "dynamo"),
    ("why", "deploy/dynamo/vllm-agg-vllmdecodeworker", "svc/dynamo/dynamo-platform-etcd:2379"),
    ("place", "deploy/dynamo/vllm-agg-vllmdecodeworker"),
    ("connections",),
    ("diagnose",),
    ("snapshot",),
)
"""Every command that reads live; snapshot writes a file only."""


def into_file(command: tuple[str, ...], name: str = "out") -> list[str]:
    """The command with its result in a file; ``fix`` and ``snapshot`` take a bare name after ``-o``."""
    return [*command, "-o", name if command[0] in ("fix", "snapshot") else f"json={name}"]


def no_secret(done: Done) -> None:
    """Nothing that was printed is a credential, a traceback, or a sentence about a fault of ours."""
    printed = done.stdout + done.stderr
    for secret in SECRETS:
        assert secret not in printed
    assert "Traceback" not in printed
    assert "fault in clusterproof" not in printed


def refused(done: Done, status: int, *says: str) -> str:
    """Asserts that a command ended with one sentence that says these things, and gives it.

    Besides it stderr may only hold who asks (``cluster: …``, ``AWS: …``), and of these none that says the same again.
    """
    no_secret(done)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    *before, last = done.stderr.splitlines()
    sentence = last.removeprefix("clusterproof: ")
    for line in before:
        assert line.startswith(
            ("clusterproof: cluster: context ", "clusterproof: cluster: may not", "clusterproof: AWS: ")
        )
    for part in says:
        assert part in sentence, sentence
        assert not any(part in line for line in before), done.stderr
    assert len(sentence) <= 700, sentence
    assert advises(sentence), sentence
    return sentence


def advises(sentence: str) -> bool:
    """Whether a sentence ends in something to do."""
    tail = sentence.rpartition("; ")[2] if "; " in sentence else sentence.rpartition(": ")[2]
    first = ("--", "run ", "add ", "name ", "mend ", "put ", "see ", "set ", "check ", "install ", "sign in", "make ")
    return any(
        word in tail for word in (*first, "wait ", "choose ", "grant ", "leave ", "or name", "update ", "needed?")
    )


def undecided(done: Done, *says: str) -> str:
    """Asserts that a report came, that it is not decided, and that one line of stderr says the cause; gives that line."""
    no_secret(done)
    assert done.returncode == 3, done.stderr
    lines = [line for line in done.stderr.splitlines() if all(part in line for part in says)]
    assert len(lines) == 1, done.stderr
    return lines[0]


def left_behind(home: Path, before: set[str]) -> set[str]:
    """Files that were not there before, here or among the temporary ones that are ours."""
    return {path.name for path in home.rglob("*")} - before | {
        path.name for path in Path(tempfile.gettempdir()).glob("clusterproof-*")
    }


# --- kubeconfigs ---


def write(folder: Path, name: str, config: Any) -> str:
    """A kubeconfig; text as it is, else JSON. Gives its path."""
    path = folder / name
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return str(path)


def with_plugin(folder: Path, stub: Stub, body: str, **entry: Any) -> str:
    """A kubeconfig whose credentials come from a shell script."""
    script = folder / "sign-in"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    plugin = {"apiVersion": API, "command": str(script), "interactiveMode": "Never", **entry}
    return write(folder, "plugin-config", stub.config(user={"exec": plugin}))


def credential(token: str, **status: str) -> str:
    """What a plugin prints, as a shell command."""
    answer = {"kind": "ExecCredential", "apiVersion": API, "status": {"token": token, **status}}
    return f"echo '{json.dumps(answer)}'"
