"""What is shown of a credential plugin's command line and of what it said."""

from __future__ import annotations

import pytest

from clusterproof.sources.kubernetes_api.plugin import _one_line, _shown

SECRET = "SECRETTOK"


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (["-c", 'echo {\\"status\\":{\\"token\\":\\"SECRETTOK\\"}}'], "…"),
        (["-c", 'echo {"status":{"token":"SECRETTOK"}}'], "…"),
        (["SECRETTOK"], "…"),
        (["get-token", "--client-secret", SECRET, "--region", "us-west-2"], "get-token … --region us-west-2"),
        (["get-token", "--region=SECRET TOK"], "get-token …"),
        (
            ["--region", "us-west-2", "eks", "get-token", "--cluster-name", "demo", "--output", "json"],
            "--region us-west-2 eks get-token --cluster-name demo --output json",
        ),
        (["token", "-i", "demo"], "token -i demo"),
        (
            ["get-token", "--login", "spn", "--server-id", "6dae42f8-4368-4678-94ff-3960e28e3630"],
            "get-token --login spn --server-id 6dae42f8-4368-4678-94ff-3960e28e3630",
        ),
        (["--cluster-name", "AbcdefghijklmnopqrstuvwxyzABCDEFGH0123456789"], "--cluster-name …"),
        ([], ""),
    ],
)
def test_only_what_is_known_to_be_no_credential_is_shown(args: list[str], shown: str) -> None:
    """Sub-commands and options of known plugins with plain values; a shell's program text never."""
    assert " ".join(_shown(args)) == shown


@pytest.mark.parametrize(
    "line",
    [
        '{"status": {"token": "SECRETTOK"}}',
        '+ echo {\\"status\\":{\\"token\\":\\"SECRETTOK\\"}}',
        "{'client-key-data': 'SECRETTOK'}",
    ],
)
def test_json_in_what_it_said_shows_no_credential(line: str) -> None:
    """Also JSON in a quoted text, as ``sh -x`` prints it."""
    assert SECRET not in _one_line(line)
