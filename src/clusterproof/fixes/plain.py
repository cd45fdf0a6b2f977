"""Text from a cluster inside comments: it must stay on its line."""

from __future__ import annotations

import re
import unicodedata

import msgspec


def comment(text: str, mark: str = "#") -> str:
    """One comment line; whatever could end the line, or is no character for people, becomes a space."""
    safe = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text)
    return f"{mark} {' '.join(safe.split())}"


class Step(msgspec.Struct, frozen=True):
    """A change that is made by commands of its own.

    Attributes:
        text: in a sentence.
        made_by: what makes it, by style.
        notes: what to know before making it, that no step before said.
    """

    text: str
    made_by: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def comments(self) -> list[str]:
        """What stands above its command."""
        return [comment(self.text), *(comment(f"Note: {note}") for note in self.notes)]


def does(text: str) -> bool:
    """Whether a command, or Terraform, does anything: text of comments alone tells a reader what to do himself."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def rule_description(text: str) -> str:
    """A rule's description: at most 255 of the characters that EC2 takes there (EC2 API Reference, IpRange)."""
    return re.sub(r"[^a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]", " ", f"clusterproof: {text}")[:255]
