"""Instances, volumes, groups of instances, databases, containers, builds, functions."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.drift.readers.base import Attributes, Bag, Cloud, Whole, first, reads, tag_map

COMPUTE = "compute"


@reads("aws_instance")
def instance(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    ec2 = cloud("ec2")
    found = first(ec2.describe_instances(InstanceIds=[a["id"]])["Reservations"])["Instances"][0]
    if found["State"]["Name"] in {"terminated", "shutting-down"}:
        return None

    def attribute(name: str) -> Any:
        answer = ec2.describe_instance_attribute(InstanceId=a["id"], Attribute=name)
        return answer[name[:1].upper() + name[1:]]

    return {
        "instance_type": found["InstanceType"],
        "instance_state": found["State"]["Name"],
        "vpc_security_group_ids": Whole(sorted(group["GroupId"] for group in found["SecurityGroups"])),
        "disable_api_termination": attribute("disableApiTermination").get("Value", False),
        "source_dest_check": found.get("SourceDestCheck", True),
        "monitoring": found["Monitoring"]["State"] in {"enabled", "pending"},
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_ebs_volume")
def volume(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_volumes(VolumeIds=[a["id"]])["Volumes"])
    return {"size": found["Size"], "type": found["VolumeType"], "tags": tag_map(found.get("Tags"))}


@reads("aws_volume_attachment")
def volume_attachment(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_volumes(VolumeIds=[a["volume_id"]])["Volumes"])
    for item in found["Attachments"]:
        if item["InstanceId"] == a["instance_id"]:
            return {"device_name": item["Device"]}
    return None


@reads("aws_key_pair")
def key_pair(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_key_pairs(KeyNames=[a["key_name"]])["KeyPairs"])
    return {"tags": tag_map(found.get("Tags"))}


@reads("aws_launch_template")
def launch_template(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    ec2 = cloud("ec2")
    found = first(ec2.describe_launch_templates(LaunchTemplateIds=[a["id"]])["LaunchTemplates"])
    version = str(found["LatestVersionNumber"])
    latest = ec2.describe_launch_template_versions(LaunchTemplateId=a["id"], Versions=[version])
    data = first(latest["LaunchTemplateVersions"])["LaunchTemplateData"]
    return {
        "default_version": found["DefaultVersionNumber"],
        "latest_version": found["LatestVersionNumber"],
        "instance_type": data.get("InstanceType", ""),
        "image_id": data.get("ImageId", ""),
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_autoscaling_group")
def autoscaling_group(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(
        cloud("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[a["name"]])[
            "AutoScalingGroups"
        ]
    )
    if found is None:
        return None
    return {
        "min_size": found["MinSize"],
        "max_size": found["MaxSize"],
        "desired_capacity": found["DesiredCapacity"],
        "default_cooldown": found["DefaultCooldown"],
        "protect_from_scale_in": found["NewInstancesProtectedFromScaleIn"],
        "tag": Whole(
            {"key": tag["Key"], "value": tag["Value"], "propagate_at_launch": tag["PropagateAtLaunch"]}
            for tag in found["Tags"]
        ),
    }


@reads("aws_db_instance")
def db_instance(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("rds")
    found = first(client.describe_db_instances(DBInstanceIdentifier=a["identifier"])["DBInstances"])
    return {
        "instance_class": found["DBInstanceClass"],
        "allocated_storage": found["AllocatedStorage"],
        "backup_retention_period": found["BackupRetentionPeriod"],
        "deletion_protection": found["DeletionProtection"],
        "multi_az": found["MultiAZ"],
        "publicly_accessible": found.get("PubliclyAccessible", False),
        "tags": tag_map(found.get("TagList")),
    }


@reads("aws_db_parameter_group")
def parameter_group(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("rds")
    found = first(client.describe_db_parameter_groups(DBParameterGroupName=a["name"])["DBParameterGroups"])
    rows = client.describe_db_parameters(DBParameterGroupName=a["name"], Source="user")["Parameters"]
    tags = client.list_tags_for_resource(ResourceName=found["DBParameterGroupArn"])["TagList"]
    return {
        "parameter": Whole({"name": row["ParameterName"], "value": row["ParameterValue"]} for row in rows),
        "tags": tag_map(tags),
    }


@reads("aws_db_subnet_group")
def subnet_group(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("rds")
    found = first(client.describe_db_subnet_groups(DBSubnetGroupName=a["name"])["DBSubnetGroups"])
    tags = client.list_tags_for_resource(ResourceName=a["arn"])["TagList"]
    return {
        "subnet_ids": Whole(sorted(item["SubnetIdentifier"] for item in found["Subnets"])),
        "tags": tag_map(tags),
    }


@reads("aws_elasticache_subnet_group")
def cache_subnets(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    groups = cloud("elasticache").describe_cache_subnet_groups(CacheSubnetGroupName=a["name"])
    found = first(groups["CacheSubnetGroups"])
    return {"subnet_ids": Whole(sorted(item["SubnetIdentifier"] for item in found["Subnets"]))}


@reads("aws_ecs_cluster")
def cluster(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    answer = cloud("ecs").describe_clusters(clusters=[a["name"]], include=["SETTINGS", "TAGS"])
    found = first([item for item in answer["clusters"] if item["status"] == "ACTIVE"])
    if found is None:
        return None
    return {
        "setting": Whole({"name": row["name"], "value": row["value"]} for row in found["settings"]),
        "tags": tag_map(found.get("tags"), "key", "value"),
    }


@reads("aws_ecs_task_definition")
def task_definition(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    answer = cloud("ecs").describe_task_definition(taskDefinition=a["arn"], include=["TAGS"])
    found = answer["taskDefinition"]
    if found.get("status") == "INACTIVE":
        return None
    return {
        "cpu": found["cpu"],
        "memory": found["memory"],
        "tags": tag_map(answer.get("tags"), "key", "value"),
    }


@reads("aws_codebuild_project")
def build_project(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("codebuild").batch_get_projects(names=[a["name"]])["projects"])
    if found is None:
        return None
    return {
        "build_timeout": found["timeoutInMinutes"],
        "environment": [
            {
                "compute_type": found["environment"]["computeType"],
                "image": found["environment"]["image"],
                "privileged_mode": found["environment"].get("privilegedMode", False),
            }
        ],
        "tags": tag_map(found.get("tags"), "key", "value"),
    }


@reads("aws_lambda_function")
def function(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("lambda")
    answer = client.get_function(FunctionName=a["function_name"])
    found = answer["Configuration"]
    return {
        "memory_size": found["MemorySize"],
        "timeout": found["Timeout"],
        "runtime": found["Runtime"],
        "handler": found["Handler"],
        "code_sha256": found["CodeSha256"],
        "reserved_concurrent_executions": answer.get("Concurrency", {}).get(
            "ReservedConcurrentExecutions", -1
        ),
        "environment": [{"variables": Bag(found.get("Environment", {}).get("Variables", {}))}],
        "layers": [layer["Arn"] for layer in found.get("Layers", ())],
        "tags": answer.get("Tags", {}),
    }


@reads("aws_lambda_alias")
def function_alias(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("lambda").get_alias(FunctionName=a["function_name"], Name=a["name"])
    return {"function_version": found["FunctionVersion"], "description": found.get("Description", "")}


@reads("aws_lambda_event_source_mapping")
def event_source(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("lambda").get_event_source_mapping(UUID=a["uuid"])
    return {
        "batch_size": found["BatchSize"],
        "enabled": found["State"] in {"Enabled", "Enabling", "Creating"},
    }


@reads("aws_lambda_permission")
def permission(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    import json

    answer = cloud("lambda").get_policy(FunctionName=a["function_name"])
    for statement in json.loads(answer["Policy"])["Statement"]:
        if statement["Sid"] == a["statement_id"]:
            return {"action": statement["Action"], "principal": statement["Principal"]["Service"]}
    return None


@reads("aws_lambda_layer_version")
def layer(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("lambda").get_layer_version(LayerName=a["layer_name"], VersionNumber=int(a["version"]))
    return {"compatible_runtimes": Whole(sorted(found.get("CompatibleRuntimes", ())))}
