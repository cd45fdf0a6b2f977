"""Which proxy a connection takes, by the rules that kubectl has from Go's net/http.

``proxy-url`` of the cluster first; else ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the server's scheme, unless
``NO_PROXY`` names the host (golang.org/x/net/http/httpproxy): names match themselves and what is below them, a
leading dot only what is below, addresses and CIDR blocks match addresses, ``*`` everything; loopback is never proxied.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def proxy_for(server: str, proxy_url: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL, or empty for none.

    Args:
        server: the API server's URL.
        proxy_url: the cluster's ``proxy-url``; may be empty.
        environ: the environment.
    """
    if proxy_url:
        return proxy_url if "://" in proxy_url else f"http://{proxy_url}"
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    name = f"{parts.scheme}_proxy"
    found = environ.get(name.upper()) or environ.get(name) or ""
    if not found or _spared(host, port, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return ""
    return found if "://" in found else f"http://{found}"


def _spared(host: str, port: int, listed: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(host, port, address, word.strip().lower()) for word in listed.split(",") if word.strip())


def _matches(host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, word: str) -> bool:
    if word == "*":
        return True
    if "/" in word:
        try:
            return address is not None and address in ipaddress.ip_network(word, strict=False)
        except ValueError:
            return False
    name, colon, digits = word.rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.endswith("]")):
        if int(digits) != port:
            return False
        word = name
    word = word.strip("[]")
    if address is not None:
        return _address(word) == address
    if word.startswith("*."):
        word = word[1:]
    if word.startswith("."):
        return host.endswith(word)
    return host == word or host.endswith(f".{word}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
