"""Access decisions per second on one core: ``python benchmarks/access.py [--seconds 2] [--json]``.

Two worlds, made without chance: six policies of ten statements, and twenty managed policies of 6 kB each, which is the
most that IAM stores. Policies are compiled once, which is measured by itself. For comparison the plain way: every
statement of every policy, and each of its patterns as a regular expression, for every request.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable
from typing import Any

from clusterproof.access.context import Request, of_session
from clusterproof.access.decide import Answer, Authority, decide
from clusterproof.access.policy import Policy, parse

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/asya-actor"
SERVICES = ("sqs", "s3", "kms", "ec2", "autoscaling", "eks")
VERBS = ("Send", "Receive", "Delete", "Change", "Get", "Set", "Create", "List", "Tag", "Untag")
Raw = dict[str, Any]


def statement(service: str, number: int, verb: str) -> Raw:
    """One statement, as people write them: some actions, two patterns of resources, now and then a condition."""
    made: Raw = {
        "Sid": f"{service.title()}{verb}{number}",
        "Effect": "Allow",
        "Action": [f"{service}:{verb}*", f"{service}:Describe{verb}"],
        "Resource": [f"arn:aws:{service}:*:{ACCOUNT}:asya-{number}*", f"arn:aws:{service}:*:{ACCOUNT}:crew-{number}/*"],
    }
    if number % 3 == 0:
        made["Condition"] = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    return made


def small() -> list[Raw]:
    """Six policies of ten statements, the last of each a Deny of what does not come over TLS."""
    plain: Raw = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "NotAction": "iam:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return [
        {"Version": "2012-10-17", "Statement": [*(statement(s, n, v) for n, v in enumerate(VERBS[:9])), plain]}
        for s in SERVICES
    ]


def large() -> list[Raw]:
    """Twenty policies, each as long as IAM lets a managed policy be (6,144 characters, not counting white space)."""
    found = []
    for n in range(20):
        document: Raw = {"Version": "2012-10-17", "Statement": []}
        number = 0
        while True:
            service = SERVICES[(n + number) % len(SERVICES)]
            more = statement(service, number, VERBS[(n + number) % len(VERBS)])
            if len(re.sub(r"\s", "", json.dumps({**document, "Statement": [*document["Statement"], more]}))) > 6144:
                break
            document["Statement"].append(more)
            number += 1
        found.append(document)
    return found


def requests() -> list[Request]:
    """Six hundred requests of one session, each on another resource."""
    found = []
    for n in range(600):
        service, verb = SERVICES[n % len(SERVICES)], VERBS[n // len(SERVICES) % len(VERBS)]
        resource = f"arn:aws:{service}:eu-west-1:{ACCOUNT}:asya-{n % 12}-{n}"
        found.append(Request(f"{service}:{verb}Message", resource, ROLE, of_session(ROLE, resource=resource)))
    return found


def compiled(documents: list[Raw]) -> Authority:
    """The policies, parsed."""
    made = [parse(document, f"policy-{n}") for n, document in enumerate(documents)]
    assert all(isinstance(one, Policy) for one in made)
    return Authority(identity=tuple(made))


def plainly(documents: list[Raw], request: Request) -> bool:
    """The same question by the book and nothing more: for the conditions of these worlds only."""
    allowed = False
    for document in documents:
        for one in document["Statement"]:
            if _fits(one, request):
                if one["Effect"] == "Deny":
                    return False
                allowed = True
    return allowed


def _fits(one: Raw, request: Request) -> bool:
    acts = one["Action"] if "Action" in one else one["NotAction"]
    if _like(acts, request.action, re.IGNORECASE) != ("Action" in one) or not _like(one["Resource"], request.resource):
        return False
    return all(
        request.context.get(key.lower()) == (value,)
        for keys in one.get("Condition", {}).values()
        for key, value in keys.items()
    )


def _like(patterns: str | list[str], text: str, flags: int = 0) -> bool:
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        made = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(made, text, flags):
            return True
    return False


def rate(ask: Callable[[Request], object], asked: list[Request], seconds: float) -> float:
    """Requests answered per second of processor time; the best of three runs, since other work slows single ones."""
    best = 0.0
    for _ in range(3):
        count = 0
        start = time.process_time()
        while (taken := time.process_time() - start) < seconds / 3:
            for request in asked:
                ask(request)
            count += len(asked)
        best = max(best, count / taken)
    return best


def measure(documents: list[Raw], seconds: float) -> dict[str, float]:
    """One world: how long it takes to compile, and how fast it answers."""
    asked = requests()
    start = time.process_time()
    authority = compiled(documents)
    compile_s = time.process_time() - start
    start = time.process_time()
    answers = [decide(authority, request).answer is Answer.ALLOWED for request in asked]
    first_s = time.process_time() - start
    few = asked[:: max(1, len(documents) // 4)]
    assert answers == [plainly(documents, request) for request in asked], "the two ways differ"
    fast = rate(lambda request: decide(authority, request), asked, seconds)
    plain = rate(lambda request: plainly(documents, request), few, seconds)
    return {
        "policies": len(documents),
        "statements": sum(len(document["Statement"]) for document in documents),
        "compile_ms": round(compile_s * 1000, 1),
        "first_600_ms": round(first_s * 1000, 1),
        "allowed": sum(answers),
        "decisions_per_s": round(fast),
        "plain_per_s": round(plain),
        "ratio": round(fast / plain, 1),
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description="Access decisions per second")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each of the four measurements")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {"six of ten": measure(small(), options.seconds), "twenty of 6 kB": measure(large(), options.seconds)}
    if options.json:
        print(json.dumps(found))
        return
    keys = list(found["six of ten"])
    print("| world | " + " | ".join(key.replace("_", " ") for key in keys) + " |")
    print("|---" * (len(keys) + 1) + "|")
    for name, values in found.items():
        print(f"| {name} | " + " | ".join(f"{values[key]:,}" for key in keys) + " |")


if __name__ == "__main__":
    main()
