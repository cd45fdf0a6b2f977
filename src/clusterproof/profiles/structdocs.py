"""What a struct's docstring says of it and of each of its fields: the words of JSON Schemas and of tables in pages."""

from __future__ import annotations

import enum
import inspect
import re
from typing import Any

import msgspec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The JSON Schema that all published schemas are written in."""
BEGIN, END = "<!-- keys: generated from the structs by `make generate` -->", "<!-- end of keys -->"
"""Between these marks of a page stand its generated tables."""
_ENTRY = re.compile(r" {4}(\w+(?:, \w+)*): (.*)")


def parts(root: Any) -> list[type[Any]]:
    """The structs and enumerations that values of a type are made of, each once, outermost first."""
    found: dict[type[Any], None] = {}

    def visit(current: Any) -> None:
        if isinstance(current, type) and issubclass(current, msgspec.Struct | enum.Enum) and current not in found:
            found[current] = None
            for item in msgspec.structs.fields(current) if issubclass(current, msgspec.Struct) else ():
                visit(item.type)
        for inner in getattr(current, "__args__", ()):
            visit(inner)

    visit(root)
    return list(found)


def summary(kind: type[Any]) -> str:
    """The text before ``Attributes:``, on one line."""
    before = inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:\n")[0]
    return " ".join(before.split()).replace("``", "`")


def attributes(kind: type[Any]) -> dict[str, str]:
    """The text of each field by its encoded name, in the docstring's order."""
    _, _, section = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry is not None:
            names = entry[1].split(", ")
            found |= dict.fromkeys(names, entry[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    fields = msgspec.structs.fields(kind) if issubclass(kind, msgspec.Struct) else ()
    encoded = {item.name: item.encode_name for item in fields}
    return {encoded.get(name, name): text.replace("``", "`") for name, text in found.items()}


def cell(text: str) -> str:
    """A text inside a Markdown table."""
    return text.replace("|", "\\|")


def with_tables(page: str, tables: str) -> str:
    """A page with its generated tables made anew; the rest of it is written by hand.

    Raises:
        ValueError: the page lacks one of the two marks between which they stand.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"
