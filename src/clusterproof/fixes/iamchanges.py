"""Changes of roles, their policies and who gets them: the edits of the copy and the commands that make them.

Sources: AWS CLI Command Reference (``iam put-role-policy``, ``iam update-assume-role-policy``, ``iam
create-policy-version``, ``iam delete-role-policy``, ``eks create-pod-identity-association``, ``eks
delete-pod-identity-association``); Terraform Registry, hashicorp/aws (``aws_iam_role_policy``, ``aws_iam_role``,
``aws_iam_policy``, ``aws_eks_pod_identity_association``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from clusterproof.fixes.draft import Draft, MadeBy
from clusterproof.fixes.policydocs import decoded, size
from clusterproof.fixes.quoted import hcl, shell
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.overlay import Delete, Put, Raw
from clusterproof.snapshot.snapshot import Snapshot

INLINE_QUOTA = 10_240
"""Characters of all inline policies of a role together, without whitespace (IAM User Guide, "IAM and AWS STS quotas")."""
TRUST_QUOTA = 2_048
"""Characters of a role's trust policy (likewise; it can be raised to 4,096)."""
VERSIONS = 5
"""Versions that a managed policy may have (likewise)."""


def put_inline(snapshot: Snapshot, role: str, name: str, document: Raw, text: str, said: Sequence[str] = ()) -> Draft:
    """An inline policy of a role, made or replaced.

    Args:
        snapshot: where the role is.
        role: its name.
        name: the policy's name.
        document: what the policy becomes.
        text: what that changes, in a sentence.
        said: what to know of it.
    """
    raw = snapshot.raw(kinds.ROLES, role) or {}
    held = [dict(item) for item in raw.get("RolePolicyList") or ()]
    own = next((item for item in held if item.get("PolicyName") == name), None)
    if own is None:
        held.append({"PolicyName": name, "PolicyDocument": document})
    else:
        own["PolicyDocument"] = document
    known = [found for item in held if (found := decoded(item.get("PolicyDocument"))) is not None]
    advice = list(said)
    if size(known) > INLINE_QUOTA:
        advice.append(
            f"the inline policies of role {role} would have more than {INLINE_QUOTA} characters: make a managed one"
        )
    call = f"aws iam put-role-policy --role-name {shell(role)} --policy-name {shell(name)} \\\n"
    change = MadeBy(
        text,
        Ref(kinds.ROLES.name, role, "RolePolicyList", name),
        {
            "aws-cli": f"{call}  --policy-document {shell(document)}",
            "terraform": _resource(
                "aws_iam_role_policy",
                f"{role}_{name}",
                role=role,
                name=name,
                policy=_Code(f"jsonencode({hcl(document)})"),
            ),
        },
        tuple(advice),
    )
    return Draft((Put(kinds.ROLES.name, {**raw, "RolePolicyList": held}),), (change,))


def delete_inline(snapshot: Snapshot, role: str, name: str, text: str, said: Sequence[str] = ()) -> Draft:
    """An inline policy of a role, taken away; with what to know of that."""
    raw = snapshot.raw(kinds.ROLES, role) or {}
    held = [item for item in raw.get("RolePolicyList") or () if item.get("PolicyName") != name]
    commands = {
        "aws-cli": f"aws iam delete-role-policy --role-name {shell(role)} --policy-name {shell(name)}",
        "terraform": f"# take away the aws_iam_role_policy {hcl(name)} of role {hcl(role)}",
    }
    change = MadeBy(text, Ref(kinds.ROLES.name, role, "RolePolicyList", name), commands, tuple(said))
    return Draft((Put(kinds.ROLES.name, {**raw, "RolePolicyList": held}),), (change,))


def put_managed(snapshot: Snapshot, arn: str, document: Raw, text: str, said: Sequence[str] = ()) -> Draft:
    """A managed policy of the account gets a new default version; with what to know of that."""
    raw = snapshot.raw(kinds.POLICIES, arn) or {}
    versions = [{**item, "IsDefaultVersion": False} for item in raw.get("PolicyVersionList") or ()]
    numbers = [int(found[1]) for item in versions if (found := re.fullmatch(r"v(\d+)", str(item.get("VersionId", ""))))]
    new = f"v{max(numbers, default=0) + 1}"
    versions.append({"VersionId": new, "IsDefaultVersion": True, "Document": document})
    sharing = [
        role.role_name
        for role in snapshot.objects(kinds.ROLES)
        if any(item.policy_arn == arn for item in role.attached_managed_policies)
    ]
    advice = [f"a managed policy keeps {VERSIONS} versions: where {arn} has as many, delete the oldest first"]
    if len(sharing) > 1:
        advice.insert(0, f"{arn} is attached to {', '.join(sharing)}: the change is one for all of them")
    commands = {
        "aws-cli": f"aws iam create-policy-version --policy-arn {shell(arn)} --set-as-default \\\n"
        f"  --policy-document {shell(document)}",
        "terraform": _argument(f"aws_iam_policy of {hcl(arn)}", "policy", document),
    }
    change = MadeBy(text, Ref(kinds.POLICIES.name, arn, "PolicyVersionList", new), commands, (*advice, *said))
    edit = Put(kinds.POLICIES.name, {**raw, "DefaultVersionId": new, "PolicyVersionList": versions})
    return Draft((edit,), (change,))


def create_role(arn: str, trust: Raw) -> Draft:
    """A role that may do nothing yet.

    Args:
        arn: what its ARN must be; a path is kept.
        trust: who may assume it.
    """
    _, _, where = arn.partition(":role")
    path, _, name = where.rpartition("/")
    option = f" --path {shell(path + '/')}" if path else ""
    raw = {
        "RoleName": name,
        "Arn": arn,
        "Path": f"{path}/",
        "AssumeRolePolicyDocument": trust,
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
        "Tags": [],
    }
    arguments = {"name": name} | ({"path": f"{path}/"} if path else {})
    policy = _Code(f"jsonencode({hcl(trust)})")
    commands = {
        "aws-cli": f"aws iam create-role --role-name {shell(name)}{option} \\\n"
        f"  --assume-role-policy-document {shell(trust)}",
        "terraform": _resource("aws_iam_role", name, **arguments, assume_role_policy=policy),
    }
    advice = f"role {name} may do nothing until it is allowed something"
    change = MadeBy(f"create role {name}", Ref(kinds.ROLES.name, name), commands, (advice,))
    return Draft((Put(kinds.ROLES.name, raw),), (change,))


def put_trust(snapshot: Snapshot, role: str, document: Raw, text: str) -> Draft:
    """A role's trust policy, replaced by one that holds all that it held."""
    raw = snapshot.raw(kinds.ROLES, role) or {}
    commands = {
        "aws-cli": f"aws iam update-assume-role-policy --role-name {shell(role)} \\\n  --policy-document {shell(document)}",
        "terraform": _argument(f"aws_iam_role {hcl(role)}", "assume_role_policy", document),
    }
    advice: tuple[str, ...] = ()
    if size([document]) > TRUST_QUOTA:
        advice = (f"the trust policy of role {role} would have more than {TRUST_QUOTA} characters: ask AWS for more",)
    change = MadeBy(text, Ref(kinds.ROLES.name, role, "AssumeRolePolicyDocument"), commands, advice)
    return Draft((Put(kinds.ROLES.name, {**raw, "AssumeRolePolicyDocument": document}),), (change,))


def associate(snapshot: Snapshot, cluster: str, namespace: str, service_account: str, arn: str) -> Draft:
    """A pod identity association. Its id is EKS's own to give; the copy's says whose it is."""
    key = f"a-clusterproof-{namespace}-{service_account}"
    summary = {
        "associationId": key,
        "clusterName": cluster,
        "namespace": namespace,
        "serviceAccount": service_account,
    }
    edits = (
        Put(kinds.POD_IDENTITY_ASSOCIATION_IDS.name, summary),
        Put(kinds.POD_IDENTITY_ASSOCIATIONS.name, {**summary, "roleArn": arn}),
    )
    region = f" --region {shell(snapshot.meta.region)}" if snapshot.meta.region else ""
    commands = {
        "aws-cli": f"aws eks create-pod-identity-association --cluster-name {shell(cluster)}{region} \\\n"
        f"  --namespace {shell(namespace)} --service-account {shell(service_account)} --role-arn {shell(arn)}",
        "terraform": _resource(
            "aws_eks_pod_identity_association",
            f"{namespace}_{service_account}",
            cluster_name=cluster,
            namespace=namespace,
            service_account=service_account,
            role_arn=arn,
        ),
    }
    text = f"associate service account {namespace}/{service_account} with role {arn} (EKS Pod Identity)"
    advice = f"pods of {namespace}/{service_account} that run already get the role only when they are made anew"
    ref = Ref(kinds.POD_IDENTITY_ASSOCIATIONS.name, f"{namespace}/{service_account}")
    return Draft(edits, (MadeBy(text, ref, commands, (advice,)),))


def dissociate(snapshot: Snapshot, cluster: str, association_id: str, text: str) -> Draft:
    """A pod identity association, taken away."""
    region = f" --region {shell(snapshot.meta.region)}" if snapshot.meta.region else ""
    commands = {
        "aws-cli": f"aws eks delete-pod-identity-association --cluster-name {shell(cluster)}{region} \\\n"
        f"  --association-id {shell(association_id)}",
        "terraform": f"# take away the aws_eks_pod_identity_association {hcl(association_id)}",
    }
    change = MadeBy(text, Ref(kinds.POD_IDENTITY_ASSOCIATIONS.name, association_id), commands)
    edits = tuple(
        Delete(kind.name, association_id)
        for kind in (kinds.POD_IDENTITY_ASSOCIATIONS, kinds.POD_IDENTITY_ASSOCIATION_IDS)
    )
    return Draft(edits, (change,))


class _Code(str):
    """Terraform that stands as it is."""

    __slots__ = ()


def _argument(where: str, name: str, document: Raw) -> str:
    """One argument of a resource that stands elsewhere, as a comment.

    Outside of a block Terraform refuses it, and the resource with nothing but this argument would be a second one of
    the same object (Terraform, "Files and Configuration Structure": the root module's body holds blocks).
    """
    return f"# in the {where} set:\n#   {name} = jsonencode({hcl(document)})"


def _resource(kind: str, label: str, /, **arguments: Any) -> str:
    """One Terraform resource, its arguments aligned as ``terraform fmt`` does."""
    width = max(len(key) for key in arguments)
    name = re.sub(r"[^a-zA-Z0-9]+", "_", label).strip("_").replace("clusterproof_", "")
    lines = [
        f"  {key.ljust(width)} = {value if isinstance(value, _Code) else hcl(value)}"
        for key, value in arguments.items()
    ]
    return "\n".join([f"resource {hcl(kind)} {hcl(f'clusterproof_{name}')} {{", *lines, "}"])
