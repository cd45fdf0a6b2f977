"""Mutants of what roles may do, and of how far their rights reach."""

# Edits stand in tuples, so that one expression makes several; mypy infers no lambda with defaults.
# mypy: disable-error-code="func-returns-value, misc"

from __future__ import annotations

from collections.abc import Callable

from tests.asya.mutants_identity import ACCOUNTS
from tests.asya.world import ACCOUNT, BUCKET, PROD, QUEUES, REGION, Edits, Mutant, Raw, allow, m, managed

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/4b04db68-260b-7e13-b8bd-5a832bd7370c"
KEY_ID = KEY.rpartition("/")[2]
Edit = Callable[[Edits], object]
SIDS = {"keda": "QueueDepth", "operator": "Queues", "actor": "Queues", "gateway": "Queues"}
ACTIONS = {
    "keda": ("sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
    "operator": (
        "sqs:CreateQueue",
        "sqs:DeleteQueue",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:SetQueueAttributes",
        "sqs:TagQueue",
    ),
    "actor": (
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    ),
    "gateway": ("sqs:SendMessage", "sqs:GetQueueUrl"),
}


def session(account: str, *statements: Raw) -> Edit:
    """The association limits its sessions by a policy of its own."""

    def how(e: Edits) -> None:
        import json

        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        e.change(
            "pod-identity-associations",
            e.association(account),
            lambda raw: raw.update(policy=text, disableSessionTags=True),
        )

    return how


def queue_policy(name: str, *statements: Raw) -> Edit:
    """A queue with a policy of its own."""
    import json

    return lambda e: e.queue(name, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def bucket_policy(*statements: Raw) -> Edit:
    """The bucket with a policy of its own."""
    import json

    return lambda e: e.set(
        "buckets", BUCKET, "Policy", json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    )


def endpoint(*statements: Raw) -> Edit:
    """The S3 endpoint with another policy."""
    import json

    def how(e: Edits) -> None:
        for key in e.keys("vpc-endpoints"):
            e.set(
                "vpc-endpoints",
                key,
                "PolicyDocument",
                json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
            )

    return how


def key_policy(*statements: Raw) -> Edit:
    """The queues' key with another policy."""
    import json

    return lambda e: e.set(
        "keys", KEY_ID, "Policy", json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    )


def _deny(actions: str | list[str], resource: str = "*", **more: object) -> Raw:
    return {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resource, **more}


def _queues(who: str) -> list[Mutant]:
    account, role, _ = ACCOUNTS[who]
    sid, name = SIDS[who], "actor-sqs-permissions" if who == "actor" else f"{who}-permissions"
    first = ACTIONS[who][0]

    def narrowed(resource: str | list[str]) -> Edit:
        return lambda e: e.resource(role, sid, resource)

    made = [
        m(name, f"no-{action.partition(':')[2]}", lambda e, a=action: e.without(role, a)) for action in ACTIONS[who]
    ]
    return [
        *made,
        m(name, "of-one-queue", narrowed(f"arn:aws:sqs:*:{ACCOUNT}:asya-llm")),
        m(
            name,
            "of-all-queues-that-are-there",
            narrowed([f"arn:aws:sqs:*:{ACCOUNT}:asya-{q}" for q in ("llm", "happy-end", "error-end", "dlq")]),
        ),
        m(name, "of-letters", narrowed([f"arn:aws:sqs:*:{ACCOUNT}:asya-[a-z]*"])),
        m(name, "of-one-letter-or-more", narrowed([f"arn:aws:sqs:*:{ACCOUNT}:asya-?*"])),
        m(name, "of-queues-in-another-case", narrowed(f"arn:aws:sqs:*:{ACCOUNT}:Asya-*")),
        m(name, "of-another-region", narrowed(f"arn:aws:sqs:us-east-1:{ACCOUNT}:asya-*")),
        m(name, "of-queues-whose-url-is-meant", narrowed(f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/asya-*")),
        m(name, "one-denied-on-one-queue", lambda e: e.deny(role, first, f"arn:aws:sqs:*:{ACCOUNT}:asya-llm")),
        m(
            name,
            "denied-in-another-case",
            lambda e: e.deny(role, first.replace("sqs:", "SQS:").upper(), f"arn:aws:sqs:{REGION}:{ACCOUNT}:asya-?l?"),
        ),
        m(
            name,
            "denied-by-not-action",
            lambda e: e.also(
                role,
                {"Effect": "Deny", "NotAction": ["kms:*", "s3:*", "sqs:List*", *ACTIONS[who][1:]], "Resource": "*"},
            ),
        ),
        m(
            name,
            "denied-by-not-resource",
            lambda e: e.also(
                role, {"Effect": "Deny", "Action": "sqs:*", "NotResource": f"arn:aws:sqs:*:{ACCOUNT}:asya-[a-z]*"}
            ),
        ),
        m(name, "boundary", lambda e: e.bounded(role, allow([*ACTIONS[who][1:], "kms:*", "s3:*"]))),
        m(name, "session-policy", session(account, allow([*ACTIONS[who][1:], "kms:*", "s3:*"]))),
        m(name, "queues-policy-denies", queue_policy("asya-llm", _deny(first))),
        m(
            name,
            "condition-that-never-holds",
            lambda e: e.condition(role, sid, {"StringEquals": {"aws:PrincipalAccount": "999999999999"}}),
        ),
    ]


S3_SIDES = (
    ("actor-s3-objects", "Results", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/*"),
    ("actor-s3-list", "ResultsBucket", "s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
)


def _bucket() -> list[Mutant]:
    found: list[Mutant] = []
    for name, sid, action, arn in S3_SIDES:
        other = f"arn:aws:s3:::{BUCKET}" if arn.endswith("/*") else f"arn:aws:s3:::{BUCKET}/*"
        found += [
            m(name, "none", lambda e, a=action: e.without("asya-actor", a)),
            m(name, "on-the-other-arn", lambda e, s=sid, o=other: e.resource("asya-actor", s, o)),
            m(name, "denied", lambda e, a=action: e.deny("asya-actor", a, f"arn:aws:s3:::{BUCKET}*")),
            m(name, "buckets-policy-denies", bucket_policy(_deny(action, arn))),
            m(
                name,
                "buckets-policy-denies-all-others",
                bucket_policy(
                    {
                        "Effect": "Deny",
                        "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                        "Action": action,
                        "Resource": arn,
                    }
                ),
                verdict="unknown",
            ),
            m(
                name,
                "endpoints-policy",
                endpoint(
                    *(allow(a, r, Principal="*") for _, _, a, r in S3_SIDES if a != action),
                    allow(["s3:GetObject", "s3:DeleteObject"], "*", Principal="*"),
                ),
            ),
            m(
                name,
                "boundary",
                lambda e, a=action: e.bounded("asya-actor", {"Effect": "Allow", "NotAction": a, "Resource": "*"}),
            ),
            m(
                name,
                "of-another-bucket",
                lambda e, s=sid, r=arn: e.resource("asya-actor", s, r.replace(BUCKET, "asya-results")),
            ),
        ]
    found += [
        m("actor-s3-objects", "no-delete", lambda e: e.without("asya-actor", "s3:DeleteObject")),
        m(
            "actor-s3-objects",
            "of-one-prefix",
            lambda e: e.resource("asya-actor", "Results", f"arn:aws:s3:::{BUCKET}/happy-asya/*"),
        ),
        m(
            "actor-s3-objects",
            "one-prefix-denied",
            lambda e: e.deny("asya-actor", "s3:*", f"arn:aws:s3:::{BUCKET}/error-asya/*"),
        ),
    ]
    return found


def _keys() -> list[Mutant]:
    found: list[Mutant] = []
    for who, role in (("actor", "asya-actor"), ("gateway", "asya-gateway"), ("operator", "asya-operator")):
        name = f"{who}-key-permissions"
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        found += [
            m(name, "no-data-key", lambda e, r=role: e.without(r, "kms:GenerateDataKey")),
            m(name, "no-decrypt", lambda e, r=role: e.without(r, "kms:Decrypt")),
            m(name, "of-another-key", lambda e, r=role: e.resource(r, "QueueKey", KEY[:-1] + "d")),
            m(
                name,
                "of-its-alias",
                lambda e, r=role: e.resource(r, "QueueKey", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/asya-queues"),
            ),
            m(name, "denied", lambda e, r=role: e.deny(r, "kms:Decrypt", KEY)),
            m(
                name,
                "keys-policy-denies",
                key_policy(
                    allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
                    {"Effect": "Deny", "Principal": {"AWS": arn}, "Action": "kms:Decrypt", "Resource": "*"},
                ),
            ),
            m(
                name,
                "keys-policy-names-another",
                key_policy(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/admin"})),
            ),
            m(
                name,
                "keys-policy-of-another-account",
                key_policy(allow("kms:*", Principal={"AWS": "arn:aws:iam::999999999999:root"})),
            ),
        ]
    return found


def _scopes() -> list[Mutant]:
    found: list[Mutant] = []
    for who, (_, role, _namespace) in ACCOUNTS.items():
        if who not in SIDS:
            continue
        name, sid = f"{who}-sqs-scope", SIDS[who]
        for slug, resource in (
            ("all", "*"),
            ("any-account", "arn:aws:sqs:*:*:asya-*"),
            ("any-queue", f"arn:aws:sqs:*:{ACCOUNT}:*"),
            ("shorter-beginning", f"arn:aws:sqs:*:{ACCOUNT}:asya*"),
            ("any-service", f"arn:aws:*:*:{ACCOUNT}:*"),
            ("one-more-queue", [QUEUES, f"arn:aws:sqs:*:{ACCOUNT}:billing"]),
            ("question-mark", f"arn:aws:sqs:*:{ACCOUNT}:?sya-*"),
        ):
            found.append(m(name, slug, lambda e, r=role, s=sid, to=resource: e.resource(r, s, to)))
        found += [
            m(
                name,
                "not-action",
                lambda e, r=role: e.also(r, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:sqs:*:*:*"}),
            ),
            m(
                name,
                "not-resource",
                lambda e, r=role: e.also(r, {"Effect": "Allow", "Action": "sqs:PurgeQueue", "NotResource": QUEUES}),
            ),
            m(name, "in-another-case", lambda e, r=role: e.also(r, allow("SQS:purge*", "arn:aws:sqs:*:*:*"))),
            m(
                name,
                "managed-policy",
                lambda e, r=role: _attached(e, r, allow(["sqs:GetQueueUrl"], "arn:aws:sqs:*:*:*")),
            ),
            m(
                name,
                "with-a-condition",
                lambda e, r=role: e.also(
                    r, allow("sqs:PurgeQueue", "*", Condition={"StringEquals": {"aws:RequestedRegion": REGION}})
                ),
            ),
        ]
    found += [
        m("actor-s3-scope", "all", lambda e: e.resource("asya-actor", "Results", "*")),
        m(
            "actor-s3-scope",
            "shorter-name",
            lambda e: e.resource("asya-actor", "Results", "arn:aws:s3:::asya-results-*/*"),
        ),
        m(
            "actor-s3-scope",
            "bucket-with-a-star",
            lambda e: e.resource("asya-actor", "ResultsBucket", f"arn:aws:s3:::{BUCKET}*"),
        ),
        m("actor-s3-scope", "list-all", lambda e: e.also("asya-actor", allow("s3:ListAllMyBuckets"))),
        m(
            "actor-s3-scope",
            "not-action",
            lambda e: e.also(
                "asya-actor", {"Effect": "Allow", "NotAction": ["sqs:*", "kms:*"], "Resource": "arn:aws:s3:::models/*"}
            ),
        ),
        m(
            "actor-s3-scope",
            "managed-policy",
            lambda e: _attached(e, "asya-actor", allow("s3:Get*", "arn:aws:s3:::models/*")),
        ),
    ]
    return found


def _attached(e: Edits, role: str, *statements: Raw) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/more"
    e.put("policies", managed(arn, *statements))
    e.change("roles", role, lambda raw: raw["AttachedManagedPolicies"].append({"PolicyName": "more", "PolicyArn": arn}))


def _target(e: Edits, *statements: Raw, trusts: bool = True) -> None:
    """The actors' associations go on to a second role of the account."""
    raw = e.raw("roles", "asya-actor")
    arn = f"arn:aws:iam::{ACCOUNT}:role/asya-data"
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": raw["Arn"] if trusts else "arn:aws:iam::999999999999:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    policies = [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}]
    e.put(
        "roles",
        {
            **raw,
            "RoleName": "asya-data",
            "Arn": arn,
            "RoleId": "AROADATA",
            "RolePolicyList": policies,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        },
    )
    e.also("asya-actor", allow(["sts:AssumeRole", "sts:TagSession"], arn), "chain")
    for actor in ("llm", "happy-end", "error-end"):
        e.set("pod-identity-associations", e.association(f"{PROD}/asya-{actor}"), "targetRoleArn", arn)


def own_statements(e: Edits) -> list[Raw]:
    """The statements of the actors' own policy."""
    found: list[Raw] = e.raw("roles", "asya-actor")["RolePolicyList"][0]["PolicyDocument"]["Statement"]
    return found


RIGHTS: tuple[Mutant, ...] = (
    *(item for who in ("keda", "operator", "actor", "gateway") for item in _queues(who)),
    *_bucket(),
    *_keys(),
    *_scopes(),
    m("keda-list-queues", "on-asya", lambda e: e.resource("keda-operator", "ListQueues", QUEUES)),
    m(
        "keda-list-queues",
        "on-asya-of-the-region",
        lambda e: e.resource("keda-operator", "ListQueues", f"arn:aws:sqs:{REGION}:{ACCOUNT}:asya-*"),
    ),
    m("sqs-batching", "no-send", lambda e: e.without("asya-actor", "sqs:SendMessage")),
    m("sqs-batching", "denied", lambda e: e.deny("asya-actor", "sqs:ChangeMessageVisibility*")),
    m(
        "actor-extra-permissions",
        "none",
        lambda e: e.change("roles", "asya-actor", lambda raw: raw["RolePolicyList"].pop()),
        base="extra",
    ),
    m(
        "actor-extra-permissions",
        "other-model",
        lambda e: e.change(
            "roles",
            "asya-actor",
            lambda raw: raw["RolePolicyList"][1]["PolicyDocument"]["Statement"][0].update(
                Resource="arn:aws:bedrock:*::foundation-model/amazon.*"
            ),
        ),
        base="extra",
    ),
    m("actor-extra-permissions", "denied", lambda e: e.deny("asya-actor", "bedrock:*"), base="extra"),
    m(
        "actor-extra-permissions",
        "second-action",
        lambda e: e.also("asya-actor", allow("polly:Describe*"), "voices"),
        base="extra",
        extra_actions="bedrock:InvokeModel,polly:SynthesizeSpeech",
        extra_resources="*",
    ),
    m("actor-sqs-permissions", "target-role-without-queues", lambda e: _target(e, *own_statements(e)[1:])),
    m("actor-trust", "target-role-trusts-nobody", lambda e: _target(e, *own_statements(e), trusts=False)),
)

MUTANTS = RIGHTS
