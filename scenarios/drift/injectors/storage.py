"""Buckets, tables, streams, registries, file systems, trails."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.drift.injectors.base import edited, injects, other, pause, peers
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night


@injects("s3-versioning-suspended")
def versioning(night: Night, target: Resource) -> None:
    night.client("s3", target).put_bucket_versioning(
        Bucket=target.attributes["bucket"], VersioningConfiguration={"Status": "Suspended"}
    )


@injects("s3-public-access-block-deleted")
def unblocked(night: Night, target: Resource) -> None:
    night.client("s3", target).delete_public_access_block(Bucket=target.attributes["bucket"])


@injects("s3-public-access-block-loosened")
def loosened(night: Night, target: Resource) -> None:
    names = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
    off = night.draw.sample(names, night.draw.choice([1, 2]))
    night.client("s3", target).put_public_access_block(
        Bucket=target.attributes["bucket"],
        PublicAccessBlockConfiguration={name: name not in off for name in names},
    )


@injects("s3-encryption-algorithm-changed")
def algorithm(night: Night, target: Resource) -> None:
    before = target.attributes["rule"][0]["apply_server_side_encryption_by_default"][0]["sse_algorithm"]
    night.client("s3", target).put_bucket_encryption(
        Bucket=target.attributes["bucket"],
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "AES256" if before == "aws:kms" else "aws:kms"
                    }
                }
            ]
        },
    )


@injects("s3-encryption-removed")
def unencrypted(night: Night, target: Resource) -> None:
    night.client("s3", target).delete_bucket_encryption(Bucket=target.attributes["bucket"])


@injects("s3-lifecycle-days-changed")
def lifecycle_days(night: Night, target: Resource) -> None:
    rule = target.attributes["rule"][0]
    days = other(night, rule["expiration"][0]["days"], [1, 3, 14, 90, 1825])
    night.client("s3", target).put_bucket_lifecycle_configuration(
        Bucket=target.attributes["bucket"],
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": rule["id"],
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": days},
                }
            ]
        },
    )


@injects("s3-lifecycle-deleted")
def lifecycle_deleted(night: Night, target: Resource) -> None:
    night.client("s3", target).delete_bucket_lifecycle(Bucket=target.attributes["bucket"])


@injects("s3-policy-opened")
def policy_opened(night: Night, target: Resource) -> None:
    def public(document: dict[str, Any]) -> None:
        document["Statement"].append(
            {
                "Sid": "TemporaryShare",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{target.attributes['bucket']}/*",
            }
        )

    night.client("s3", target).put_bucket_policy(
        Bucket=target.attributes["bucket"], Policy=edited(target.attributes["policy"], public)
    )


@injects("s3-policy-deleted")
def policy_deleted(night: Night, target: Resource) -> None:
    night.client("s3", target).delete_bucket_policy(Bucket=target.attributes["bucket"])


@injects("s3-cors-opened")
def cors(night: Night, target: Resource) -> None:
    night.client("s3", target).put_bucket_cors(
        Bucket=target.attributes["bucket"],
        CORSConfiguration={
            "CORSRules": [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 60}]
        },
    )


@injects("s3-website-document-changed")
def website(night: Night, target: Resource) -> None:
    night.client("s3", target).put_bucket_website(
        Bucket=target.attributes["bucket"],
        WebsiteConfiguration={
            "IndexDocument": {"Suffix": night.draw.choice(["maintenance.html", "home.html"])},
            "ErrorDocument": {"Key": "404.html"},
        },
    )


@injects("s3-ownership-changed")
def ownership(night: Night, target: Resource) -> None:
    night.client("s3", target).put_bucket_ownership_controls(
        Bucket=target.attributes["bucket"],
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]},
    )


@injects(
    "dynamodb-recovery-disabled",
    lambda _, target: bool(target.attributes["point_in_time_recovery"][0]["enabled"]),
)
def recovery(night: Night, target: Resource) -> None:
    night.client("dynamodb", target).update_continuous_backups(
        TableName=target.attributes["name"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )


@injects("dynamodb-capacity-changed", lambda _, target: target.attributes["billing_mode"] == "PROVISIONED")
def capacity(night: Night, target: Resource) -> None:
    night.client("dynamodb", target).update_table(
        TableName=target.attributes["name"],
        ProvisionedThroughput={
            "ReadCapacityUnits": night.draw.choice([50, 100, 200]),
            "WriteCapacityUnits": target.attributes["write_capacity"],
        },
    )


@injects(
    "dynamodb-billing-mode-changed", lambda _, target: target.attributes["billing_mode"] == "PROVISIONED"
)
def billing(night: Night, target: Resource) -> None:
    night.client("dynamodb", target).update_table(
        TableName=target.attributes["name"], BillingMode="PAY_PER_REQUEST"
    )


@injects(
    "dynamodb-deletion-protection-off",
    lambda _, target: bool(target.attributes["deletion_protection_enabled"]),
)
def unprotected(night: Night, target: Resource) -> None:
    night.client("dynamodb", target).update_table(
        TableName=target.attributes["name"], DeletionProtectionEnabled=False
    )


@injects(
    "dynamodb-ttl-disabled", lambda _, target: bool((target.attributes["ttl"] or [{}])[0].get("enabled"))
)
def ttl(night: Night, target: Resource) -> None:
    night.client("dynamodb", target).update_time_to_live(
        TableName=target.attributes["name"],
        TimeToLiveSpecification={
            "Enabled": False,
            "AttributeName": target.attributes["ttl"][0]["attribute_name"],
        },
    )


@injects("dynamodb-table-deleted", lambda _, target: not target.attributes["deletion_protection_enabled"])
def table_deleted(night: Night, target: Resource) -> None:
    night.client("dynamodb", target).delete_table(TableName=target.attributes["name"])


@injects("kinesis-retention-changed")
def retention(night: Night, target: Resource) -> None:
    client = night.client("kinesis", target)
    if target.attributes["retention_period"] > 24 and night.draw.random() < 0.5:
        client.decrease_stream_retention_period(StreamName=target.attributes["name"], RetentionPeriodHours=24)
    else:
        hours = night.draw.choice([96, 168])
        client.increase_stream_retention_period(
            StreamName=target.attributes["name"], RetentionPeriodHours=hours
        )


@injects("kinesis-resharded")
def resharded(night: Night, target: Resource) -> None:
    night.client("kinesis", target).update_shard_count(
        StreamName=target.attributes["name"],
        TargetShardCount=target.attributes["shard_count"] * 2,
        ScalingType="UNIFORM_SCALING",
    )


@injects("kinesis-encryption-stopped", lambda _, target: target.attributes["encryption_type"] == "KMS")
def stopped(night: Night, target: Resource) -> None:
    night.client("kinesis", target).stop_stream_encryption(
        StreamName=target.attributes["name"],
        EncryptionType="KMS",
        KeyId=target.attributes["kms_key_id"],
    )


@injects("ecr-tags-mutable")
def mutability(night: Night, target: Resource) -> None:
    before = target.attributes["image_tag_mutability"]
    night.client("ecr", target).put_image_tag_mutability(
        repositoryName=target.attributes["name"],
        imageTagMutability="MUTABLE" if before == "IMMUTABLE" else "IMMUTABLE",
    )


@injects("ecr-scanning-off")
def scanning(night: Night, target: Resource) -> None:
    night.client("ecr", target).put_image_scanning_configuration(
        repositoryName=target.attributes["name"], imageScanningConfiguration={"scanOnPush": False}
    )


@injects("ecr-lifecycle-changed")
def registry_lifecycle(night: Night, target: Resource) -> None:
    def longer(document: dict[str, Any]) -> None:
        document["rules"][0]["selection"]["countNumber"] += night.draw.choice([30, 80])

    night.client("ecr", target).put_lifecycle_policy(
        repositoryName=target.attributes["repository"],
        lifecyclePolicyText=_edited_json(target.attributes["policy"], longer),
    )


@injects("ecr-lifecycle-deleted")
def registry_lifecycle_deleted(night: Night, target: Resource) -> None:
    night.client("ecr", target).delete_lifecycle_policy(repositoryName=target.attributes["repository"])


def _edited_json(text: str, change: Any) -> str:
    import json

    document = json.loads(text)
    change(document)
    return json.dumps(document)


@injects("cloudtrail-logging-stopped")
def trail_stopped(night: Night, target: Resource) -> None:
    night.client("cloudtrail", target).stop_logging(Name=target.attributes["name"])


@injects("cloudtrail-validation-off")
def trail_validation(night: Night, target: Resource) -> None:
    night.client("cloudtrail", target).update_trail(
        Name=target.attributes["name"], EnableLogFileValidation=False
    )


@injects("glue-database-description")
def glue(night: Night, target: Resource) -> None:
    night.client("glue", target).update_database(
        Name=target.attributes["name"],
        DatabaseInput={
            "Name": target.attributes["name"],
            "Description": "do not use, see DATA-" + str(night.draw.randint(100, 999)),
        },
    )


@injects("glue-database-deleted")
def glue_deleted(night: Night, target: Resource) -> None:
    night.client("glue", target).delete_database(Name=target.attributes["name"])


@injects("ebs-volume-grown")
def grown(night: Night, target: Resource) -> None:
    night.client("ec2", target).modify_volume(
        VolumeId=target.attributes["id"], Size=target.attributes["size"] * 2
    )


@injects("s3-bucket-twice-tagged-and-unversioned")
def two_people_one_bucket(night: Night, target: Resource) -> None:
    s3 = night.client("s3", target)
    name = target.attributes["bucket"]
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    pause(night)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    pause(night)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})


@injects("rds-parameter-changed")
def parameter(night: Night, target: Resource) -> None:
    night.client("rds", target).modify_db_parameter_group(
        DBParameterGroupName=target.attributes["name"],
        Parameters=[
            {
                "ParameterName": "log_min_duration_statement",
                "ParameterValue": str(night.draw.choice([0, 100, 5000])),
                "ApplyMethod": "immediate",
            }
        ],
    )


@injects("rds-class-changed")
def db_class(night: Night, target: Resource) -> None:
    night.client("rds", target).modify_db_instance(
        DBInstanceIdentifier=target.attributes["identifier"],
        DBInstanceClass=night.draw.choice(["db.t3.large", "db.m5.large", "db.m5.xlarge"]),
        ApplyImmediately=True,
    )


@injects("rds-protection-off")
def db_protection(night: Night, target: Resource) -> None:
    night.client("rds", target).modify_db_instance(
        DBInstanceIdentifier=target.attributes["identifier"], DeletionProtection=False, ApplyImmediately=True
    )


@injects("rds-backup-retention-changed")
def db_backup(night: Night, target: Resource) -> None:
    night.client("rds", target).modify_db_instance(
        DBInstanceIdentifier=target.attributes["identifier"],
        BackupRetentionPeriod=night.draw.choice([1, 3, 14, 35]),
        ApplyImmediately=True,
    )


@injects("rds-storage-grown")
def db_storage(night: Night, target: Resource) -> None:
    night.client("rds", target).modify_db_instance(
        DBInstanceIdentifier=target.attributes["identifier"],
        AllocatedStorage=target.attributes["allocated_storage"] + night.draw.choice([50, 100]),
        ApplyImmediately=True,
    )


@injects("rds-multi-az-enabled")
def db_zones(night: Night, target: Resource) -> None:
    client = night.client("rds", target)
    client.describe_db_instances(DBInstanceIdentifier=target.attributes["identifier"])
    client.modify_db_instance(
        DBInstanceIdentifier=target.attributes["identifier"], MultiAZ=True, ApplyImmediately=True
    )


@injects("rds-subnets-changed", lambda night, target: len(target.attributes["subnet_ids"]) > 1)
def db_subnets(night: Night, target: Resource) -> None:
    known = set(target.attributes["subnet_ids"])
    extra = [found.attributes["id"] for found in peers(night, target, "aws_subnet")]
    night.client("rds", target).modify_db_subnet_group(
        DBSubnetGroupName=target.attributes["name"],
        SubnetIds=sorted(known | {next(name for name in extra if name not in known)}),
    )
