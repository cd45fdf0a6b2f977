"""Lives in a namespace for a whole run: listens on ports, and dials what it is told, line by line.

``dialler.py PORT…`` prints ``ready``; each line on stdin is ``[seconds, [[saddr, sport, daddr, dport], …]]`` as JSON,
each line on stdout the list of booleans that answers it. Ends with stdin. Standard library only.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

Dial = tuple[str, int, str, int]


async def dial(item: Dial, seconds: float) -> bool:
    """Whether a TCP connection from this very address and port is accepted."""
    source, source_port, target, port = item
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(0)
        sock.bind((source, source_port))
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (target, port)), seconds)
        except (TimeoutError, OSError):
            return False
        return True


async def main(ports: list[int]) -> None:
    """Accept and close on every port; dial each line's connections at once."""

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    servers = [await asyncio.start_server(accepted, None, port, backlog=1024) for port in ports]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        seconds, dials = json.loads(line)
        answers = await asyncio.gather(*(dial(tuple(item), seconds) for item in dials))
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main([int(text) for text in sys.argv[1:]]))
