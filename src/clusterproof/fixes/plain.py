"""Text from a cluster inside comments: it must stay on its line."""

from __future__ import annotations

import re
import unicodedata


def comment(text: str, mark: str = "#") -> str:
    """One comment line; whatever could end the line, or is no character for people, becomes a space."""
    safe = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text)
    return f"{mark} {' '.join(safe.split())}"


def rule_description(text: str) -> str:
    """A rule's description: at most 255 of the characters that EC2 takes there (EC2 API Reference, IpRange)."""
    return re.sub(r"[^a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]", " ", f"clusterproof: {text}")[:255]
