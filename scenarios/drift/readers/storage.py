"""Buckets, tables, streams, file systems, registries."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.drift.readers.base import Attributes, Cloud, Policy, Whole, first, reads, tag_map

STORAGE = "storage"


@reads("aws_s3_bucket")
def bucket(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    s3 = cloud("s3")
    s3.head_bucket(Bucket=a["bucket"])
    try:
        tags = tag_map(s3.get_bucket_tagging(Bucket=a["bucket"])["TagSet"])
    except s3.exceptions.ClientError:
        tags = {}
    return {"tags": tags}


@reads("aws_s3_bucket_versioning")
def versioning(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    status = cloud("s3").get_bucket_versioning(Bucket=a["bucket"]).get("Status", "Disabled")
    return {"versioning_configuration": [{"status": status}]}


@reads("aws_s3_bucket_server_side_encryption_configuration")
def encryption(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("s3").get_bucket_encryption(Bucket=a["bucket"])["ServerSideEncryptionConfiguration"]
    rules = [
        {
            "bucket_key_enabled": bool(rule.get("BucketKeyEnabled", False)),
            "apply_server_side_encryption_by_default": [
                {
                    "sse_algorithm": rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
                    "kms_master_key_id": rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID", ""),
                }
            ],
        }
        for rule in found["Rules"]
    ]
    return {"rule": rules}


@reads("aws_s3_bucket_public_access_block")
def public_access(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("s3").get_public_access_block(Bucket=a["bucket"])["PublicAccessBlockConfiguration"]
    return {
        "block_public_acls": found["BlockPublicAcls"],
        "block_public_policy": found["BlockPublicPolicy"],
        "ignore_public_acls": found["IgnorePublicAcls"],
        "restrict_public_buckets": found["RestrictPublicBuckets"],
    }


@reads("aws_s3_bucket_policy")
def bucket_policy(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    return {"policy": Policy(cloud("s3").get_bucket_policy(Bucket=a["bucket"])["Policy"])}


@reads("aws_s3_bucket_lifecycle_configuration")
def lifecycle(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    rules = cloud("s3").get_bucket_lifecycle_configuration(Bucket=a["bucket"])["Rules"]
    return {
        "rule": [
            {
                "id": rule["ID"],
                "status": rule["Status"],
                "expiration": [{"days": rule.get("Expiration", {}).get("Days", 0)}],
            }
            for rule in rules
        ]
    }


@reads("aws_s3_bucket_cors_configuration")
def cors(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    rules = cloud("s3").get_bucket_cors(Bucket=a["bucket"])["CORSRules"]
    return {
        "cors_rule": Whole(
            {
                "allowed_methods": sorted(rule["AllowedMethods"]),
                "allowed_origins": sorted(rule["AllowedOrigins"]),
                "max_age_seconds": rule.get("MaxAgeSeconds", 0),
            }
            for rule in rules
        )
    }


@reads("aws_s3_bucket_website_configuration")
def website(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("s3").get_bucket_website(Bucket=a["bucket"])
    return {
        "index_document": [{"suffix": found["IndexDocument"]["Suffix"]}],
        "error_document": [{"key": found.get("ErrorDocument", {}).get("Key", "")}],
    }


@reads("aws_s3_bucket_ownership_controls")
def ownership(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    rules = cloud("s3").get_bucket_ownership_controls(Bucket=a["bucket"])["OwnershipControls"]["Rules"]
    return {"rule": [{"object_ownership": rules[0]["ObjectOwnership"]}]}


@reads("aws_dynamodb_table")
def table(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("dynamodb")
    found = client.describe_table(TableName=a["name"])["Table"]
    backups = client.describe_continuous_backups(TableName=a["name"])["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    mode = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    ttl = client.describe_time_to_live(TableName=a["name"])["TimeToLiveDescription"]
    answer: dict[str, Any] = {
        "billing_mode": mode,
        "read_capacity": found["ProvisionedThroughput"]["ReadCapacityUnits"],
        "write_capacity": found["ProvisionedThroughput"]["WriteCapacityUnits"],
        "deletion_protection_enabled": found.get("DeletionProtectionEnabled", False),
        "point_in_time_recovery": [{"enabled": recovery == "ENABLED"}],
        "stream_enabled": bool(found.get("StreamSpecification", {}).get("StreamEnabled", False)),
        "table_class": found.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
        "tags": tag_map(client.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]),
    }
    if a.get("ttl"):
        answer["ttl"] = [
            {
                "enabled": ttl["TimeToLiveStatus"] in {"ENABLED", "ENABLING"},
                "attribute_name": ttl.get("AttributeName", ""),
            }
        ]
    return answer


@reads("aws_kinesis_stream")
def stream(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("kinesis")
    found = client.describe_stream_summary(StreamName=a["name"])["StreamDescriptionSummary"]
    return {
        "shard_count": found["OpenShardCount"],
        "retention_period": found["RetentionPeriodHours"],
        "encryption_type": found.get("EncryptionType", "NONE"),
        "kms_key_id": found.get("KeyId") or "",
        "tags": tag_map(client.list_tags_for_stream(StreamName=a["name"])["Tags"]),
    }


@reads("aws_efs_file_system")
def file_system(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("efs")
    found = first(client.describe_file_systems(FileSystemId=a["id"])["FileSystems"])
    return {
        "throughput_mode": found["ThroughputMode"],
        "encrypted": found["Encrypted"],
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_ecr_repository")
def repository(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("ecr")
    found = first(client.describe_repositories(repositoryNames=[a["name"]])["repositories"])
    return {
        "image_tag_mutability": found["imageTagMutability"],
        "image_scanning_configuration": [{"scan_on_push": found["imageScanningConfiguration"]["scanOnPush"]}],
        "tags": tag_map(client.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]),
    }


@reads("aws_ecr_lifecycle_policy")
def registry_lifecycle(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("ecr").get_lifecycle_policy(repositoryName=a["repository"])
    return {"policy": Policy(found["lifecyclePolicyText"])}


@reads("aws_glue_catalog_database")
def database(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("glue").get_database(Name=a["name"])["Database"]
    return {"description": found.get("Description", "")}


@reads("aws_backup_vault")
def vault(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("backup")
    found = client.describe_backup_vault(BackupVaultName=a["name"])
    tags = client.list_tags(ResourceArn=found["BackupVaultArn"])["Tags"]
    return {"tags": {key: value for key, value in tags.items() if not key.startswith("aws:")}}
