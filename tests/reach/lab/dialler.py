"""Runs inside a namespace: listens on ports until stdin closes, or dials what stdin lists and prints what answered.

``dialler.py listen PORT…`` prints ``ready``; ``dialler.py dial`` reads ``[[saddr, sport, daddr, dport], …]`` as JSON
and prints a JSON list of booleans. Standard library only.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

TIMEOUT = 0.5
"""Seconds; less than the second a kernel waits before it sends a SYN again."""


async def listen(ports: list[int]) -> None:
    """Accept and close on every port."""

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    servers = [await asyncio.start_server(accepted, None, port, backlog=1024) for port in ports]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


async def dial(source: str, source_port: int, target: str, port: int) -> bool:
    """Whether a TCP connection from this very address and port is accepted."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(0)
        sock.bind((source, source_port))
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (target, port)), TIMEOUT)
        except (TimeoutError, OSError):
            return False
        return True


async def dial_all(dials: list[tuple[str, int, str, int]]) -> list[bool]:
    """All at once; what did not answer is tried once more, for a machine that was busy elsewhere."""
    answers = list(await asyncio.gather(*(dial(*item) for item in dials)))
    again = [index for index, answer in enumerate(answers) if not answer]
    for index, answer in zip(again, await asyncio.gather(*(dial(*dials[i]) for i in again)), strict=True):
        answers[index] = answer
    return answers


if __name__ == "__main__":
    if sys.argv[1] == "listen":
        asyncio.run(listen([int(text) for text in sys.argv[2:]]))
    else:
        sys.stdout.write(json.dumps(asyncio.run(dial_all([tuple(item) for item in json.load(sys.stdin)]))))
