"""The examples that AWS publishes, each with the document that it stands in, and its answer."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from clusterproof.access.context import ABSENT, Given
from clusterproof.access.decide import Authority, Request, decide
from clusterproof.access.policy import Policy, parse
from tests.conftest import ROOT, Oracle

FOLDER = ROOT / "tests" / "data" / "access"
EXAMPLES = [one for name in ("evaluation", "elements") for one in yaml.safe_load((FOLDER / f"{name}.yaml").read_text())]
CASES = [
    pytest.param(example, request, id=f"{n}-{request['action']}-{m}")
    for n, example in enumerate(EXAMPLES)
    for m, request in enumerate(example["requests"])
]


def policy(raw: Any, name: str) -> Policy:
    """A policy of an example."""
    found = parse(raw, name)
    assert isinstance(found, Policy), found
    return found


def policies(raws: list[Any], name: str) -> tuple[Policy, ...]:
    """Several policies of an example."""
    return tuple(policy(raw, f"{name} {n}") for n, raw in enumerate(raws))


def given(value: Any) -> Given:
    """What an example says of a condition key; null is absent."""
    return ABSENT if value is None else tuple(value) if isinstance(value, list) else (value,)


@pytest.mark.parametrize(("example", "request_"), CASES)
def test_the_documents_examples(example: dict[str, Any], request_: dict[str, Any]) -> None:
    """AWS's own examples are answered as AWS says (access rules 29, 30)."""
    authority = Authority(
        identity=policies(example["identity"], "identity"),
        boundary=policy(example["boundary"], "boundary") if "boundary" in example else None,
        session=policies(example.get("session", []), "session"),
        resource=policy(example["resource"], "resource") if "resource" in example else None,
        organization=tuple(policies(level, "organization") for level in example.get("organization", [])),
        resource_account=example.get("resource_account", ""),
    )
    context = {**example.get("context", {}), **request_.get("context", {})}
    asked = Request(
        request_["action"],
        request_["resource"],
        example["principal"],
        {key.lower(): given(value) for key, value in context.items()},
    )
    found = decide(authority, asked)
    assert found.answer.value == request_["says"], (example["document"], found.why)
    if "sid" in request_:
        assert found.statement is not None
        assert found.statement.sid == request_["sid"]
    if "layer" in request_:
        assert found.layer == request_["layer"], found.why


def test_they_are_counted(oracle: Oracle) -> None:
    """How many examples of which documents there are."""
    documents = {example["document"].split(",")[0] + example["document"].split('"')[1] for example in EXAMPLES}
    assert len(CASES) > 60
    oracle("access examples", {"pages": len(documents), "examples": len(EXAMPLES), "requests": len(CASES)})
