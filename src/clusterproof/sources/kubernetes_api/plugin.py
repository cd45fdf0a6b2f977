"""Credential plugins: the command that a kubeconfig names under ``exec``.

Kubernetes documentation, "Authenticating", client-go credential plugins: the command prints an ExecCredential;
``KUBERNETES_EXEC_INFO`` tells it what is wanted. A plugin that hangs is stopped, one that fails is quoted by the
last line of what it said, and what it printed as credential is never shown.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from clusterproof.errors import UnreadableClusterError
from clusterproof.snapshot.redact import is_credential
from clusterproof.sources.kubernetes_api.kubeconfig import ExecSpec

_MAX_OUTPUT = 1024 * 1024
_TICK = 0.05
_RANDOM = re.compile(r"(?<![A-Za-z0-9+_=/.-])[A-Za-z0-9+_=][A-Za-z0-9+/_=-]{31,}")
"""A long word without dots that is no path; a key or a token when it also mixes digits and both cases."""

_WORDS = frozenset(
    [
        "auth",
        "ce",
        "cluster",
        "config-helper",
        "credential",
        "credentials",
        "eks",
        "exec-credential",
        "generate-token",
        "get-token",
        "kube",
        "kubeconfig",
        "kubernetes",
        "login",
        "oidc-login",
        "token",
    ]
)
"""Sub-commands of the plugins of aws, aws-iam-authenticator, kubelogin, doctl, oci, tsh and others."""
_OPTIONS = frozenset(
    [
        "--cluster",
        "--cluster-id",
        "--cluster-name",
        "--environment",
        "--login",
        "--output",
        "--profile",
        "--region",
        "--server-id",
        "-i",
    ]
)
"""Their options that name a cluster or how to sign in, each with a value."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")
_QUOTED = re.compile(r"""(?i)((?:token|secret|password|key|data)\\*["']\s*:\s*)\\*["'][^"'\\]*\\*["']?""")
"""A member of JSON, also of JSON in a quoted text, whose name is that of a credential."""

_running: set[subprocess.Popen[bytes]] = set()
"""Plugins in sessions of their own: the terminal's Ctrl-C does not reach them, so they are stopped at the end."""


class Credential(msgspec.Struct, frozen=True):
    """What a plugin gave.

    Attributes:
        token: bearer token; empty when it gave a certificate only.
        certificate, key: PEM; empty when it gave a token only.
        expires: when it ends; None when it does not say.
    """

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""
    expires: datetime | None = None


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str = ""


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


def run(spec: ExecSpec, *, timeout: float, cancelled: Callable[[], bool] = lambda: False) -> Credential:
    """Runs a plugin once.

    Args:
        spec: the command.
        timeout: seconds until it is stopped.
        cancelled: asked while waiting; the plugin is stopped when it says yes.

    Raises:
        UnreadableClusterError: the command is not there, fails, hangs, or prints no ExecCredential.
    """
    name = Path(spec.command).name
    if os.sep not in spec.command and shutil.which(spec.command) is None:
        hint = f"; {_one_line(spec.install_hint)}" if spec.install_hint else "; install it, or put it in PATH"
        raise UnreadableClusterError(f"the credential plugin {name} that the kubeconfig names is not installed{hint}")
    interactive = spec.interactive != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if spec.interactive == "Always" and not interactive:
        raise UnreadableClusterError(
            f"the credential plugin {name} needs a terminal (interactiveMode: Always) and there is none; "
            "run this at a terminal, or name a context with other credentials after --context"
        )
    output, said, status = _run(spec, name, interactive=interactive, timeout=timeout, cancelled=cancelled)
    if status != 0:
        why = _last_line(said)
        how = f"was ended by signal {-status}" if status < 0 else f"failed with status {status}"
        raise UnreadableClusterError(
            f"the credential plugin {name} {how}{f': {why}' if why else ''}; {_by_hand(spec, name)}"
        )
    return _credential(output, spec, name)


def _run(
    spec: ExecSpec, name: str, *, interactive: bool, timeout: float, cancelled: Callable[[], bool]
) -> tuple[bytes, bytes, int]:
    info: dict[str, Any] = {
        "apiVersion": spec.api_version,
        "kind": "ExecCredential",
        "spec": {"interactive": interactive},
    }
    if spec.cluster is not None:
        info["spec"]["cluster"] = dict(spec.cluster)
    env = {**os.environ, **spec.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's kubeconfig names it, as for kubectl
            [spec.command, *spec.args],
            env=env,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # In a session of its own a plugin can be stopped with its children; a dialogue needs the terminal.
            start_new_session=not interactive,
        )
    except OSError as error:
        raise UnreadableClusterError(
            f"the credential plugin {name} cannot be started ({error.strerror}): {spec.command}; "
            "install it, or mend the kubeconfig"
        ) from None
    if not interactive:
        _running.add(process)
    output, said = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_pump, args=(process.stdout, output, None), daemon=True),
        threading.Thread(target=_pump, args=(process.stderr, said, sys.stderr if interactive else None), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        status = _wait(process, timeout, cancelled)
    finally:
        _stop(process, group=not interactive)
        _running.discard(process)
    if status is None:
        raise UnreadableClusterError(
            f"the credential plugin {name} did not finish in {timeout:g} s and was stopped; {_by_hand(spec, name)}"
        )
    for reader in readers:
        reader.join(1.0)  # a child that it left behind may hold the pipe
    return bytes(output), bytes(said), status


def _wait(process: subprocess.Popen[bytes], timeout: float, cancelled: Callable[[], bool]) -> int | None:
    """The exit status, or None when the time is over or the reading was cancelled."""
    waited = 0.0
    while waited < timeout and not cancelled():
        try:
            return process.wait(_TICK)
        except subprocess.TimeoutExpired:
            waited += _TICK
    return None


def _pump(stream: Any, into: bytearray, echo: Any) -> None:
    while piece := stream.read1(65536):
        if len(into) < _MAX_OUTPUT:
            into += piece
        if echo is not None:
            echo.write(piece.decode("utf-8", "replace"))
            echo.flush()
    stream.close()


def _stop(process: subprocess.Popen[bytes], *, group: bool) -> None:
    if process.poll() is not None:
        return
    try:
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        return
    process.wait()


@atexit.register
def _stop_all() -> None:
    """An interrupted reading ends without waiting for the thread that runs a plugin."""
    for process in tuple(_running):
        _stop(process, group=True)


def _credential(output: bytes, spec: ExecSpec, name: str) -> Credential:
    try:
        found = msgspec.json.decode(output, type=_ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableClusterError(
            f"the credential plugin {name} printed no ExecCredential (JSON); {_by_hand(spec, name)}"
        ) from None
    if found.kind != "ExecCredential" or found.status is None:
        raise UnreadableClusterError(
            f"the credential plugin {name} printed no ExecCredential with a status; {_by_hand(spec, name)}"
        )
    if found.api_version != spec.api_version:
        raise UnreadableClusterError(
            f"the credential plugin {name} answers in {found.api_version or 'no version'}, the kubeconfig asks for "
            f"{spec.api_version}; update the plugin, or make the kubeconfig again"
        )
    status = found.status
    if bool(status.client_certificate_data) != bool(status.client_key_data) or not (
        status.token or status.client_certificate_data
    ):
        raise UnreadableClusterError(
            f"the credential plugin {name} gave neither a token nor a certificate with its key; {_by_hand(spec, name)}"
        )
    return Credential(
        token=status.token,
        certificate=status.client_certificate_data.encode(),
        key=status.client_key_data.encode(),
        expires=_time(status.expiration_timestamp),
    )


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _by_hand(spec: ExecSpec, name: str) -> str:
    """What to do about a plugin; of its arguments only what is known to be no credential is shown."""
    return f"run it by hand to see why: {' '.join([name, *_shown(spec.args)])}"


def _shown(args: Sequence[str]) -> list[str]:
    """Sub-commands and options that plugins are known by, with plain values; all else is an ellipsis."""
    shown: list[str] = []
    named = False
    for word in args:
        option, equals, value = word.partition("=")
        if named:
            safe, named = _is_plain(word), False
        elif option in _OPTIONS:
            safe, named = not equals or _is_plain(value), not equals
        else:
            safe = word in _WORDS
        if safe or shown[-1:] != ["…"]:
            shown.append(word if safe else "…")
    return shown


def _is_plain(value: str) -> bool:
    return _PLAIN.fullmatch(value) is not None and not _secret(value)


def _last_line(said: bytes) -> str:
    """The last thing that a command said, without anything that looks like a credential."""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return _one_line(lines[-1].rstrip(" .;")) if lines else ""


def _one_line(text: str) -> str:
    shown: list[str] = []
    named = ""
    for word in _QUOTED.sub(r"\1…", text).split():
        name, equals, value = word.partition("=")
        if _secret(word) or (named and is_credential(named, word)):
            shown.append("…")
        elif equals and value and is_credential(name, value):
            shown.append(f"{name}=…")
        else:
            shown.append(word)
        # "token: x", "Bearer x"; a word of prose after "token" stays.
        named = word.rstrip(":") if word.endswith(":") or word.lower() == "bearer" else ""
    return _short("".join(character for character in " ".join(shown) if character.isprintable()))


def _secret(word: str) -> bool:
    """Whether a word is a credential by its own shape, or long and random as keys of AWS and session tokens are."""
    if len(word) < 8:
        return False
    return is_credential("", word) or any(
        set("aA0") <= {_class(character) for character in found[0]} for found in _RANDOM.finditer(word)
    )


def _class(character: str) -> str:
    return "0" if character.isdigit() else "A" if character.isupper() else "a"


def _short(line: str) -> str:
    return line if len(line) <= 200 else line[:197] + "..."
