"""Policy documents: what is read, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from clusterproof.access.policy import Policy, parse
from clusterproof.snapshot.fields import Cause, Unknown

ALLOW = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}


def read(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    """A policy that parses."""
    found = parse({"Version": version, "Statement": list(statements)}, "inline-1")
    assert isinstance(found, Policy), found
    return found


def test_one_statement_without_a_list() -> None:
    """A single statement and single values need no brackets."""
    found = parse({"Version": "2012-10-17", "Statement": {**ALLOW, "Sid": "Send"}}, "inline-1")
    assert isinstance(found, Policy)
    (statement,) = found.statements
    assert (found.name, found.version, statement.index) == ("inline-1", "2012-10-17", 0)
    assert (statement.sid, statement.effect, statement.actions) == ("Send", "Allow", ("sqs:SendMessage",))
    assert statement.title == 'statement "Send"'
    assert read(ALLOW, ALLOW).statements[1].title == "statement 2"


def test_json_text_and_url_encoded_text() -> None:
    """A document may be JSON text, also URL-encoded, as the IAM API gives it."""
    document = {"Version": "2012-10-17", "Statement": [{**ALLOW, "Sid": "Grüße ÿ+", "Resource": "arn:aws:s3:::a b+c"}]}
    text = json.dumps(document, ensure_ascii=False)
    for form in (text, json.dumps(document), quote(text), f" {quote(text)}\n"):
        found = parse(form, "p")
        assert isinstance(found, Policy), form
        assert found.statements[0].sid == "Grüße ÿ+"
        assert found.statements[0].resources == ("arn:aws:s3:::a b+c",)


def test_version_is_the_old_one_where_none_is_named() -> None:
    """Without Version the document is one of 2008-10-17 (access rule 24)."""
    found = parse({"Statement": [ALLOW]}, "p")
    assert isinstance(found, Policy)
    assert found.version == "2008-10-17"


@pytest.mark.parametrize(
    ("actions", "action", "meant"),
    [
        ("sqs:SendMessage", "sqs:sendmessage", True),
        ("SQS:sendMESSAGE", "sqs:sendmessage", True),
        ("sqs:Send*", "sqs:sendmessage", True),
        ("sqs:Send?essage", "sqs:sendmessage", True),
        (["s3:*", "sqs:Get*"], "sqs:sendmessage", False),
        ("*", "sqs:sendmessage", True),
        ("*:*", "sqs:sendmessage", True),
        ("iam:*AccessKey*", "iam:createaccesskey", True),
    ],
)
def test_actions(actions: Any, action: str, *, meant: bool) -> None:
    """Actions match with wildcards and in any capitals; NotAction is everything else (access rules 5, 6)."""
    assert read({**ALLOW, "Action": actions}).statements[0].has_action(action) is meant
    (other,) = read({"Effect": "Allow", "NotAction": actions, "Resource": "*"}).statements
    assert other.has_action(action) is not meant


def test_about_is_kept() -> None:
    """Statements about an action are looked for once."""
    found = read(ALLOW, {**ALLOW, "Action": "s3:*"})
    assert found.about("sqs:sendmessage") is found.about("sqs:sendmessage")
    assert [one.index for one in found.about("s3:getobject")] == [1]


def test_principals() -> None:
    """Everyone, and principals by kind, one or several of each."""
    (everyone,) = read({**ALLOW, "Principal": "*"}).statements
    assert everyone.principals == (("*", "*"),)
    raw = {"AWS": ["111122223333", "arn:aws:iam::111122223333:root"], "Service": "pods.eks.amazonaws.com"}
    (several,) = read({**ALLOW, "NotPrincipal": raw}).statements
    assert several.principals is None
    assert several.not_principals == (
        ("AWS", "111122223333"),
        ("AWS", "arn:aws:iam::111122223333:root"),
        ("Service", "pods.eks.amazonaws.com"),
    )


def test_values_of_conditions_are_text() -> None:
    """Numbers and truth values of JSON are compared as the text that they stand for."""
    raw = {"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"s3:max-keys": [10, 2.5]}}
    (statement,) = read({**ALLOW, "Condition": raw}).statements
    assert [test.texts for test in statement.conditions] == [("true",), ("10", "2.5")]
    assert statement.conditions[0].key == "aws:securetransport"


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ("{", "it is no JSON"),
        ("", "it is no JSON"),
        ("%FF", "neither JSON nor URL-encoded JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it is no object"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "it has Version twice"),
        ('{"Statement": [{"Effect": "Allow", "Effect": "Deny"}]}', "it has Effect twice"),
        ({}, "it has no Statement"),
        ({"Statement": []}, "it has no Statement"),
        ({"Statement": [ALLOW], "Statements": []}, "the document has the element Statements"),
        ({"Version": "2024-01-01", "Statement": [ALLOW]}, "Version is '2024-01-01'"),
        ({"Version": ["2012-10-17"], "Statement": [ALLOW]}, "Version is ['2012-10-17']"),
        ({"Statement": ["x"]}, "statement 1 is no object"),
        ({"Statement": [ALLOW, {**ALLOW, "Effect": "allow"}]}, "Effect of statement 2 is 'allow'"),
        ({"Statement": [{**ALLOW, "Sid": 5}]}, "Sid of statement 1 is no text"),
        ({"Statement": [{**ALLOW, "Actions": "x:y"}]}, "statement 1 has the element Actions"),
        ({"Statement": [{**ALLOW, "NotAction": "x:y"}]}, "statement 1 has both Action and NotAction"),
        ({"Statement": [{**ALLOW, "NotResource": "x"}]}, "statement 1 has both Resource and NotResource"),
        ({"Statement": [{**ALLOW, "Principal": "*", "NotPrincipal": "*"}]}, "has both Principal and NotPrincipal"),
        ({"Statement": [{"Effect": "Allow", "Resource": "*"}]}, "neither Action nor NotAction"),
        ({"Statement": [{**ALLOW, "Action": []}]}, "Action of statement 1 is neither a text nor a list"),
        ({"Statement": [{**ALLOW, "Action": {"x": "y"}}]}, "Action of statement 1 is neither a text nor a list"),
        ({"Statement": [{**ALLOW, "Action": "SendMessage"}]}, "the action 'SendMessage'"),
        ({"Statement": [{**ALLOW, "Resource": [5]}]}, "Resource of statement 1 is neither a text nor a list"),
        ({"Statement": [{**ALLOW, "Resource": None}]}, "Resource of statement 1 is neither a text nor a list"),
        ({"Statement": [{**ALLOW, "Principal": "x"}]}, "Principal of statement 1 is neither"),
        ({"Statement": [{**ALLOW, "Principal": {"Aws": "*"}}]}, "Principal of statement 1 has the element Aws"),
        ({"Statement": [{**ALLOW, "Principal": {"AWS": []}}]}, "AWS of Principal of statement 1 is neither"),
        ({"Statement": [{**ALLOW, "Condition": "x"}]}, "Condition of statement 1 is no object"),
        ({"Statement": [{**ALLOW, "Condition": {"Bool": "x"}}]}, "Bool in Condition of statement 1 is no object"),
        ({"Statement": [{**ALLOW, "Condition": {"Bool": {"k": {}}}}]}, "has a value that is no text"),
        ({"Statement": [{**ALLOW, "Condition": {"Bool": {"k": [None]}}}]}, "has a value that is no text"),
    ],
)
def test_bad_documents_are_unknown(document: Any, wrong: str) -> None:
    """What AWS would not accept is unknown with what is wrong where; nothing raises (access rule 38)."""
    found = parse(document, "inline-1")
    assert isinstance(found, Unknown)
    assert found.cause is Cause.ERROR
    assert wrong in found.detail
    assert found.detail.startswith("the policy inline-1 cannot be read: ")
