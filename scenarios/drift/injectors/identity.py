"""Users, roles, policies, keys, secrets."""

from __future__ import annotations

import json
from typing import Any

from lamplighter.scenarios.drift.injectors.base import ADMIN, edited, injects, other, pause, widen
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night


@injects("iam-policy-new-version")
def new_version(night: Night, target: Resource) -> None:
    night.client("iam", target).create_policy_version(
        PolicyArn=target.attributes["arn"],
        PolicyDocument=edited(target.attributes["policy"], widen),
        SetAsDefault=True,
    )


@injects("iam-policy-version-then-default")
def version_then_default(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    made = iam.create_policy_version(
        PolicyArn=target.attributes["arn"],
        PolicyDocument=edited(target.attributes["policy"], widen),
        SetAsDefault=False,
    )
    pause(night)
    iam.set_default_policy_version(
        PolicyArn=target.attributes["arn"], VersionId=made["PolicyVersion"]["VersionId"]
    )


@injects("iam-trust-widened")
def trust(night: Night, target: Resource) -> None:
    def anyone(document: dict[str, Any]) -> None:
        document["Statement"].append(
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            }
        )

    night.client("iam", target).update_assume_role_policy(
        RoleName=target.attributes["name"],
        PolicyDocument=edited(target.attributes["assume_role_policy"], anyone),
    )


@injects("iam-session-duration-changed")
def duration(night: Night, target: Resource) -> None:
    hours = other(night, target.attributes["max_session_duration"] // 3600, [2, 4, 8, 12])
    night.client("iam", target).update_role(
        RoleName=target.attributes["name"],
        Description=target.attributes["description"] or "",
        MaxSessionDuration=hours * 3600,
    )


@injects("iam-role-description")
def description(night: Night, target: Resource) -> None:
    night.client("iam", target).update_role_description(
        RoleName=target.attributes["name"], Description=f"see INC-{night.draw.randint(1000, 9999)}"
    )


@injects("iam-boundary-removed", lambda _, target: bool(target.attributes["permissions_boundary"]))
def boundary(night: Night, target: Resource) -> None:
    night.client("iam", target).delete_role_permissions_boundary(RoleName=target.attributes["name"])


@injects("iam-boundary-swapped", lambda _, target: bool(target.attributes["permissions_boundary"]))
def boundary_swapped(night: Night, target: Resource) -> None:
    night.client("iam", target).put_role_permissions_boundary(
        RoleName=target.attributes["name"], PermissionsBoundary=ADMIN
    )


@injects("iam-role-inline-changed")
def inline(night: Night, target: Resource) -> None:
    night.client("iam", target).put_role_policy(
        RoleName=target.attributes["role"],
        PolicyName=target.attributes["name"],
        PolicyDocument=edited(target.attributes["policy"], widen),
    )


@injects("iam-role-inline-deleted")
def inline_deleted(night: Night, target: Resource) -> None:
    night.client("iam", target).delete_role_policy(
        RoleName=target.attributes["role"], PolicyName=target.attributes["name"]
    )


@injects("iam-role-inline-recreated-wider")
def inline_again(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    iam.delete_role_policy(RoleName=target.attributes["role"], PolicyName=target.attributes["name"])
    pause(night)
    iam.put_role_policy(
        RoleName=target.attributes["role"],
        PolicyName=target.attributes["name"],
        PolicyDocument=edited(target.attributes["policy"], widen),
    )


@injects("iam-user-inline-changed")
def user_inline(night: Night, target: Resource) -> None:
    night.client("iam", target).put_user_policy(
        UserName=target.attributes["user"],
        PolicyName=target.attributes["name"],
        PolicyDocument=edited(target.attributes["policy"], widen),
    )


@injects("iam-policy-detached")
def detached(night: Night, target: Resource) -> None:
    night.client("iam", target).detach_role_policy(
        RoleName=target.attributes["role"], PolicyArn=target.attributes["policy_arn"]
    )


@injects("iam-policy-swapped")
def swapped(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    iam.attach_role_policy(
        RoleName=target.attributes["role"], PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess"
    )
    pause(night, 2, 30)
    iam.detach_role_policy(RoleName=target.attributes["role"], PolicyArn=target.attributes["policy_arn"])


@injects("iam-group-member-removed")
def member_removed(night: Night, target: Resource) -> None:
    night.client("iam", target).remove_user_from_group(
        GroupName=target.attributes["group"], UserName=night.draw.choice(sorted(target.attributes["users"]))
    )


@injects("iam-group-member-added")
def member_added(night: Night, target: Resource) -> None:
    inside = set(target.attributes["users"])
    people = [
        found.attributes["name"]
        for found in night.world.inventory.resources.values()
        if found.type == "aws_iam_user" and found.attributes["name"] not in inside
    ]
    night.client("iam", target).add_user_to_group(
        GroupName=target.attributes["group"], UserName=night.draw.choice(sorted(people))
    )


@injects("iam-access-key-deactivated")
def key_off(night: Night, target: Resource) -> None:
    night.client("iam", target).update_access_key(
        UserName=target.attributes["user"], AccessKeyId=target.attributes["id"], Status="Inactive"
    )


@injects("iam-access-key-rotated")
def key_rotated(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    iam.create_access_key(UserName=target.attributes["user"])
    pause(night)
    iam.update_access_key(
        UserName=target.attributes["user"], AccessKeyId=target.attributes["id"], Status="Inactive"
    )
    pause(night)
    iam.delete_access_key(UserName=target.attributes["user"], AccessKeyId=target.attributes["id"])


@injects("iam-oidc-thumbprint-changed")
def thumbprint(night: Night, target: Resource) -> None:
    text = "".join(night.draw.choice("0123456789abcdef") for _ in range(40))
    night.client("iam", target).update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=target.attributes["arn"], ThumbprintList=[text]
    )


@injects("iam-role-recreated", lambda night, target: not _has_parts(night, target))
def role_again(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    name = target.attributes["name"]
    iam.delete_role(RoleName=name)
    pause(night)
    iam.create_role(
        RoleName=name,
        Path=target.attributes["path"],
        AssumeRolePolicyDocument=target.attributes["assume_role_policy"],
        MaxSessionDuration=target.attributes["max_session_duration"],
        Tags=[{"Key": key, "Value": value} for key, value in (target.attributes["tags_all"] or {}).items()],
    )


@injects("iam-role-deleted", lambda night, target: not _has_parts(night, target))
def role_deleted(night: Night, target: Resource) -> None:
    night.client("iam", target).delete_role(RoleName=target.attributes["name"])


def _has_parts(night: Night, target: Resource) -> bool:
    return any(
        found.type in {"aws_iam_role_policy", "aws_iam_role_policy_attachment"}
        and found.attributes["role"] == target.attributes["name"]
        for found in night.world.inventory.resources.values()
    )


@injects(
    "iam-user-offboarded", lambda night, target: _in_groups(night, target) and not _has_keys(night, target)
)
def offboarded(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    name = target.attributes["name"]
    for group in iam.list_groups_for_user(UserName=name)["Groups"]:
        iam.remove_user_from_group(GroupName=group["GroupName"], UserName=name)
        pause(night, 1, 20)
    iam.delete_user(UserName=name)


def _in_groups(night: Night, target: Resource) -> bool:
    return any(
        found.type == "aws_iam_group_membership" and target.attributes["name"] in found.attributes["users"]
        for found in night.world.inventory.resources.values()
    )


def _has_keys(night: Night, target: Resource) -> bool:
    return any(
        found.type in {"aws_iam_access_key", "aws_iam_user_policy"}
        and found.attributes["user"] == target.attributes["name"]
        for found in night.world.inventory.resources.values()
    )


@injects("kms-rotation-disabled")
def rotation(night: Night, target: Resource) -> None:
    night.client("kms", target).disable_key_rotation(KeyId=target.attributes["key_id"])


@injects("kms-key-disabled")
def key_disabled(night: Night, target: Resource) -> None:
    night.client("kms", target).disable_key(KeyId=target.attributes["key_id"])


@injects("kms-key-deletion-scheduled")
def key_deletion(night: Night, target: Resource) -> None:
    kms = night.client("kms", target)
    kms.disable_key(KeyId=target.attributes["key_id"])
    pause(night)
    kms.schedule_key_deletion(KeyId=target.attributes["key_id"], PendingWindowInDays=7)


@injects("kms-policy-opened")
def key_policy(night: Night, target: Resource) -> None:
    def partner(document: dict[str, Any]) -> None:
        document["Statement"].append(
            {
                "Sid": "Partner",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                "Action": "kms:Decrypt",
                "Resource": "*",
            }
        )

    night.client("kms", target).put_key_policy(
        KeyId=target.attributes["key_id"],
        PolicyName="default",
        Policy=edited(target.attributes["policy"], partner),
    )


@injects("kms-description")
def key_description(night: Night, target: Resource) -> None:
    night.client("kms", target).update_key_description(
        KeyId=target.attributes["key_id"], Description="to be retired"
    )


@injects("secret-description")
def secret(night: Night, target: Resource) -> None:
    night.client("secretsmanager", target).update_secret(
        SecretId=target.attributes["arn"], Description="rotated by hand, ask payments"
    )


@injects("secret-value-rotated")
def secret_value(night: Night, target: Resource) -> None:
    night.client("secretsmanager", target).put_secret_value(
        SecretId=target.attributes["secret_id"], SecretString=json.dumps({"key": "made-up-again"})
    )


@injects("cognito-password-policy")
def passwords(night: Night, target: Resource) -> None:
    night.client("cognito-idp", target).update_user_pool(
        UserPoolId=target.attributes["id"],
        # What this call leaves out is reset to its default.
        DeletionProtection=target.attributes["deletion_protection"],
        MfaConfiguration=target.attributes["mfa_configuration"],
        Policies={
            "PasswordPolicy": {
                "MinimumLength": 8,
                "RequireLowercase": True,
                "RequireNumbers": True,
                "RequireSymbols": False,
                "RequireUppercase": False,
            }
        },
    )
