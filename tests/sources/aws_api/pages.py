"""Lists in pages, as AWS gives them: what moto answers whole is cut up behind the proxy.

Which calls have pages, by which parameters and members, and which page sizes they take, is botocore's own data
(``paginators-1.json``, ``service-2.json``). A page may hold fewer objects than were asked for, and the last may hold
none, although a token led to it (API references of Amazon EC2, "Pagination", and of EC2 Auto Scaling, ``MaxRecords``).
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from xml.etree import ElementTree as ET

import msgspec

Answered = tuple[int, bytes, str, dict[str, Any]]
"""Status, body, content type and other headers."""


class Listing(msgspec.Struct, frozen=True):
    """One call that has pages.

    Attributes:
        token: the parameter, and the answer's member, that leads to the next page.
        limit: the parameter that says how many objects a page may hold.
        least, most: what it may be.
        member: the answer's member that holds the objects, as it is on the wire.
        wire_token: the answer's token, as it is on the wire.
        more: the answer's member that says whether another page follows, as it is on the wire; empty where none does.
    """

    token: str
    limit: str
    least: int
    most: int
    member: str
    wire_token: str
    more: str = ""


@cache
def listing(action: str) -> Listing | None:
    """How an action (``ec2:DescribeSubnets``) has pages; None where its answer is always whole."""
    import botocore.session
    from botocore.exceptions import DataNotFoundError

    service, _, operation = action.partition(":")
    session = botocore.session.get_session()
    try:
        found = session.get_paginator_model(service).get_paginator(operation)
    except (DataNotFoundError, ValueError):
        return None
    model = session.get_service_model(service).operation_model(operation)
    size = model.input_shape.members[found["limit_key"]].metadata
    out = model.output_shape.members

    def wire(name: str) -> str:
        return str(out[name].serialization.get("name", name))

    # Auto Scaling's model has no bounds; its reference has: at most 100.
    return Listing(
        found["input_token"],
        found["limit_key"],
        size.get("min", 1),
        size.get("max", 1000 if service == "ec2" else 100),
        wire(found["result_key"]),
        wire(found["output_token"]),
        wire(found["more_results"]) if "more_results" in found and service == "ec2" else "",
    )


class Pages:
    """Cuts lists up.

    Attributes:
        most: the most objects that a page holds, whatever more is asked for, where a list that fits into one page has
            an empty one after it; 0 for what is asked for.
        of: the action whose pages are so small; empty: all.
        circles: actions of which the last page's token leads to the first page again; the number is of pages until
            then (1: a page leads to itself).
    """

    def __init__(self, most: int = 0, of: str = "") -> None:
        self.most = most
        self.of = of
        self.circles: dict[str, int] = {}

    def whole(self, action: str, path: str, body: bytes) -> tuple[str, bytes]:
        """The same request for all objects at once."""
        how = listing(action)
        assert how is not None
        return _without(action, path, body, {how.token, how.limit})

    def page(self, action: str, path: str, body: bytes, answer: Answered) -> Answered:
        """What is asked for of a whole answer; a refusal where AWS would refuse the token or the size."""
        how = listing(action)
        assert how is not None
        if answer[0] != 200:
            return answer
        given = dict(_parameters(action, path, body))
        size = int(given.get(how.limit, how.most))
        if not how.least <= size <= how.most:
            return _refused(action, "InvalidParameterValue", f"{how.limit} is from {how.least} to {how.most}")
        if how.limit in given and any(name.startswith("InstanceId.") for name in given):
            return _refused(action, "InvalidParameterCombination", f"{how.limit} goes with no instance ids")
        number = start = 0
        if how.token in given:
            try:
                start, number, rest = json.loads(base64.urlsafe_b64decode(given[how.token]))
            except ValueError:
                return _refused(action, "InvalidNextToken", "no such token")
            if rest != _rest(how, given):
                return _refused(action, "InvalidNextToken", "the token is of another request")
        small = self.most > 0 and self.of in ("", action)
        size = min(size, self.most) if small else size

        def token_after(total: int) -> str:
            place = [start + size, number + 1]
            if self.circles.get(action) == number + 1:
                place = [0, 0]
            elif start + size >= total and not (small and number == 0):
                return ""
            return base64.urlsafe_b64encode(json.dumps([*place, _rest(how, given)]).encode()).decode()

        cut = _json_page if action.startswith("eks:") else _xml_page
        return (answer[0], cut(answer[1], how, start, size, token_after), *answer[2:])


def _parameters(action: str, path: str, body: bytes) -> list[tuple[str, str]]:
    text = path.partition("?")[2] if action.startswith("eks:") else body.decode()
    return parse_qsl(text, keep_blank_values=True)


def _without(action: str, path: str, body: bytes, names: set[str]) -> tuple[str, bytes]:
    kept = urlencode([(k, v) for k, v in _parameters(action, path, body) if k not in names], quote_via=quote)
    if action.startswith("eks:"):
        return path.partition("?")[0] + (f"?{kept}" if kept else ""), body
    return path, kept.encode()


def _rest(how: Listing, given: dict[str, str]) -> str:
    """What a token holds for: the other parameters of the request."""
    return "&".join(f"{k}={v}" for k, v in sorted(given.items()) if k not in (how.token, how.limit))


def _json_page(text: bytes, how: Listing, start: int, size: int, token_after: Any) -> bytes:
    found = json.loads(text)
    held = found.get(how.member) or []
    found[how.member] = held[start : start + size]
    found.pop(how.wire_token, None)
    if token := token_after(len(held)):
        found[how.wire_token] = token
    return json.dumps(found).encode()


@lru_cache(maxsize=64)
def _parsed(text: bytes) -> ET.Element:
    """Moto's answer; nobody changes it."""
    return ET.fromstring(text)  # noqa: S314 - moto's own answer


def _xml_page(text: bytes, how: Listing, start: int, size: int, token_after: Any) -> bytes:
    whole = _parsed(text)
    space = re.match(r"\{.*\}|", whole.tag)[0]  # type: ignore[index] # it always matches
    member, token_tag = f"{space}{how.member}", f"{space}{how.wire_token}"
    inside = next((node for node in whole if node.tag.endswith("Result")), whole)
    items = [item for held in inside.findall(member) for item in held]
    page = ET.Element(inside.tag, inside.attrib)
    more_tag = f"{space}{how.more}"
    page.extend(node for node in inside if node.tag not in (member, token_tag, more_tag))
    ET.SubElement(page, member).extend(items[start : start + size])
    token = token_after(len(items))
    if token:
        ET.SubElement(page, token_tag).text = token
    if how.more:
        ET.SubElement(page, more_tag).text = "true" if token else "false"
    if inside is whole:
        return ET.tostring(page)
    root = ET.Element(whole.tag, whole.attrib)
    root.extend(page if node is inside else node for node in whole)
    return ET.tostring(root)


def _refused(action: str, code: str, message: str) -> Answered:
    if action.startswith("eks:"):
        body = json.dumps({"message": message}).encode()
        return 400, body, "application/json", {"x-amzn-errortype": "InvalidParameterException", "x-amzn-requestid": "r"}
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if action.startswith("ec2:"):
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>r</RequestID></Response>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>r</RequestId></ErrorResponse>"
    return 400, text.encode(), "text/xml", {}
