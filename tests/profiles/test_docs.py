from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import msgspec

from clusterproof.profiles import docs, schema
from clusterproof.profiles.expression import MAX_LENGTH, MAX_MACROS, MAX_SUMS
from clusterproof.profiles.functions import FUNCTIONS
from clusterproof.profiles.load import parse
from clusterproof.profiles.yamlfile import ALIAS_BUDGET, MAX_BYTES, read_values

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/profiles.md").read_text("utf-8")


def test_generated_files_do_not_drift() -> None:
    """What is generated from the profiles and structs is what is committed."""
    for path, text in docs.generated().items():
        assert (ROOT / path).read_text("utf-8") == text, f"{path}: run make generate"
    assert docs.with_keys(PAGE) == PAGE, "docs/profiles.md: run make generate"


def test_every_key_is_documented() -> None:
    """Each key of each struct stands in the page, below the heading of its place."""
    for kind in schema.structs():
        _, found, rest = PAGE.partition(f"### {docs._PLACES[kind.__name__]}\n")
        assert found, kind.__name__
        section = rest.partition("\n### ")[0]
        for item in msgspec.structs.fields(kind):
            assert f"| `{item.encode_name}` |" in section, f"{kind.__name__}.{item.encode_name}"


def test_the_pages_example_is_a_profile() -> None:
    """The complete example of the page parses, breaks no rule and conforms to the schema."""
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    profile = parse(example[1].encode(), "docs/profiles.md")
    assert [requirement.id for requirement in profile.requirements] == ["cache-from-trainers", "storage-is-encrypted"]
    values, _ = read_values(example[1].encode(), "docs/profiles.md")
    jsonschema.Draft202012Validator(schema.schema()).validate(values)


def test_the_page_tells_functions_and_limits() -> None:
    """Each function of ours and each limit stands in the page as it is in the code."""
    for name in FUNCTIONS:
        assert re.search(rf"`[^`\n]*\b{name}\b", PAGE), name
    assert f"{MAX_LENGTH:,} characters, {MAX_MACROS} comprehensions and {MAX_SUMS} sums" in " ".join(PAGE.split())
    assert f"{ALIAS_BUDGET:,} values" in PAGE
    assert f"{MAX_BYTES // 1024**2} MB" in PAGE
