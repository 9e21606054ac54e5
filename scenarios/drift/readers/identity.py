"""Users, groups, roles, policies, keys, secrets."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from lamplighter.scenarios.drift.readers.base import Attributes, Cloud, Policy, Whole, reads, tag_map

IDENTITY = "identity"


def _text(document: Any) -> str:
    import json

    return unquote(document) if isinstance(document, str) else json.dumps(document)


@reads("aws_iam_role")
def role(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("iam").get_role(RoleName=a["name"])["Role"]
    return {
        "assume_role_policy": Policy(_text(found["AssumeRolePolicyDocument"])),
        "description": found.get("Description", ""),
        "max_session_duration": found["MaxSessionDuration"],
        "permissions_boundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "unique_id": found["RoleId"],
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_iam_policy")
def policy(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    iam = cloud("iam")
    found = iam.get_policy(PolicyArn=a["arn"])["Policy"]
    version = iam.get_policy_version(PolicyArn=a["arn"], VersionId=found["DefaultVersionId"])["PolicyVersion"]
    return {
        "policy": Policy(_text(version["Document"])),
        "policy_id": found["PolicyId"],
        "tags": tag_map(iam.list_policy_tags(PolicyArn=a["arn"])["Tags"]),
    }


@reads("aws_iam_role_policy")
def role_policy(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("iam").get_role_policy(RoleName=a["role"], PolicyName=a["name"])
    return {"policy": Policy(_text(found["PolicyDocument"]))}


@reads("aws_iam_user_policy")
def user_policy(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("iam").get_user_policy(UserName=a["user"], PolicyName=a["name"])
    return {"policy": Policy(_text(found["PolicyDocument"]))}


@reads("aws_iam_role_policy_attachment")
def attachment(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    attached = cloud("iam").list_attached_role_policies(RoleName=a["role"], MaxItems=100)["AttachedPolicies"]
    if a["policy_arn"] not in {item["PolicyArn"] for item in attached}:
        return None
    return {"policy_arn": a["policy_arn"], "role": a["role"]}


@reads("aws_iam_user")
def user(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("iam").get_user(UserName=a["name"])["User"]
    return {
        "permissions_boundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "unique_id": found["UserId"],
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_iam_group")
def group(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("iam").get_group(GroupName=a["name"])["Group"]
    return {"path": found["Path"]}


@reads("aws_iam_group_membership")
def membership(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    users = cloud("iam").get_group(GroupName=a["group"])["Users"]
    return {"users": Whole(sorted(item["UserName"] for item in users))}


@reads("aws_iam_access_key")
def access_key(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    keys = cloud("iam").list_access_keys(UserName=a["user"])["AccessKeyMetadata"]
    found = next((item for item in keys if item["AccessKeyId"] == a["id"]), None)
    return {"status": found["Status"]} if found else None


@reads("aws_iam_openid_connect_provider")
def oidc(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=a["arn"])
    return {
        "client_id_list": Whole(sorted(found["ClientIDList"])),
        "thumbprint_list": list(found["ThumbprintList"]),
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_kms_key")
def key(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    kms = cloud("kms")
    found = kms.describe_key(KeyId=a["key_id"])["KeyMetadata"]
    if found["KeyState"] == "PendingDeletion":
        return None
    return {
        "description": found["Description"],
        "is_enabled": found["Enabled"],
        "enable_key_rotation": kms.get_key_rotation_status(KeyId=a["key_id"])["KeyRotationEnabled"],
        "policy": Policy(kms.get_key_policy(KeyId=a["key_id"], PolicyName="default")["Policy"]),
        "tags": tag_map(kms.list_resource_tags(KeyId=a["key_id"])["Tags"], "TagKey", "TagValue"),
    }


@reads("aws_kms_alias")
def alias(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = next(
        (item for item in cloud("kms").list_aliases()["Aliases"] if item["AliasName"] == a["name"]), None
    )
    return {"target_key_id": found["TargetKeyId"]} if found else None


@reads("aws_secretsmanager_secret")
def secret(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("secretsmanager").describe_secret(SecretId=a["arn"])
    if found.get("DeletedDate"):
        return None
    return {"description": found.get("Description", ""), "tags": tag_map(found.get("Tags"))}


@reads("aws_secretsmanager_secret_version")
def secret_version(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("secretsmanager").describe_secret(SecretId=a["secret_id"])
    stages = found.get("VersionIdsToStages", {})
    if found.get("DeletedDate") or a["version_id"] not in stages:
        return None
    return {"version_stages": Whole(sorted(stages[a["version_id"]]))}


@reads("aws_cognito_user_pool")
def user_pool(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("cognito-idp").describe_user_pool(UserPoolId=a["id"])["UserPool"]
    rules = found["Policies"]["PasswordPolicy"]
    return {
        "mfa_configuration": found.get("MfaConfiguration", "OFF"),
        "deletion_protection": found.get("DeletionProtection", ""),
        "password_policy": [
            {
                "minimum_length": rules["MinimumLength"],
                "require_lowercase": rules.get("RequireLowercase", False),
                "require_numbers": rules.get("RequireNumbers", False),
                "require_symbols": rules.get("RequireSymbols", False),
                "require_uppercase": rules.get("RequireUppercase", False),
            }
        ],
    }


@reads("aws_cognito_user_pool_client")
def user_pool_client(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("cognito-idp").describe_user_pool_client(UserPoolId=a["user_pool_id"], ClientId=a["id"])[
        "UserPoolClient"
    ]
    return {"explicit_auth_flows": Whole(sorted(found.get("ExplicitAuthFlows", ())))}
