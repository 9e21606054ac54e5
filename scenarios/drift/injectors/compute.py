"""Instances, groups of them, functions, containers, builds."""

from __future__ import annotations

import io
import zipfile

from lamplighter.scenarios.drift.injectors.base import injects, other, pause, peers
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night

SIZES = ["t3.micro", "t3.small", "t3.medium", "t3.large", "m5.large", "c5.xlarge"]


@injects("ec2-resized")
def resized(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    identity = target.attributes["id"]
    ec2.stop_instances(InstanceIds=[identity])
    pause(night, 40, 200)
    ec2.modify_instance_attribute(
        InstanceId=identity,
        InstanceType={"Value": other(night, target.attributes["instance_type"], SIZES)},
    )
    pause(night, 1, 20)
    ec2.start_instances(InstanceIds=[identity])


@injects("ec2-resized-twice")
def resized_twice(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    identity = target.attributes["id"]
    first = other(night, target.attributes["instance_type"], SIZES)
    ec2.stop_instances(InstanceIds=[identity])
    for size in (
        first,
        next(size for size in SIZES if size not in {first, target.attributes["instance_type"]}),
    ):
        pause(night)
        ec2.modify_instance_attribute(InstanceId=identity, InstanceType={"Value": size})
    pause(night)
    ec2.start_instances(InstanceIds=[identity])


@injects("ec2-termination-protection-on")
def protected(night: Night, target: Resource) -> None:
    night.client("ec2", target).modify_instance_attribute(
        InstanceId=target.attributes["id"], DisableApiTermination={"Value": True}
    )


@injects("ec2-source-check-off")
def source_check(night: Night, target: Resource) -> None:
    night.client("ec2", target).modify_instance_attribute(
        InstanceId=target.attributes["id"], SourceDestCheck={"Value": False}
    )


@injects("ec2-groups-changed")
def groups(night: Night, target: Resource) -> None:
    known = list(target.attributes["vpc_security_group_ids"])
    home = next(
        found.attributes["vpc_id"]
        for found in night.world.inventory.resources.values()
        if found.type == "aws_security_group" and found.attributes["id"] == known[0]
    )
    extra = sorted(
        found.attributes["id"]
        for found in peers(night, target, "aws_security_group")
        if found.attributes["id"] not in known and found.attributes["vpc_id"] == home
    )
    night.client("ec2", target).modify_instance_attribute(
        InstanceId=target.attributes["id"], Groups=[*known, night.draw.choice(extra)]
    )


@injects("ec2-terminated")
def terminated(night: Night, target: Resource) -> None:
    night.client("ec2", target).terminate_instances(InstanceIds=[target.attributes["id"]])


@injects("volume-detached")
def detached(night: Night, target: Resource) -> None:
    night.client("ec2", target).detach_volume(
        VolumeId=target.attributes["volume_id"], InstanceId=target.attributes["instance_id"]
    )


@injects("asg-scaled")
def scaled(night: Night, target: Resource) -> None:
    night.client("autoscaling", target).update_auto_scaling_group(
        AutoScalingGroupName=target.attributes["name"],
        MinSize=night.draw.choice([0, 1]),
        MaxSize=target.attributes["max_size"] + night.draw.choice([2, 6]),
    )


@injects("asg-desired-set")
def desired(night: Night, target: Resource) -> None:
    wanted = [
        size
        for size in range(target.attributes["min_size"], target.attributes["max_size"] + 1)
        if size != target.attributes["desired_capacity"]
    ]
    night.client("autoscaling", target).set_desired_capacity(
        AutoScalingGroupName=target.attributes["name"], DesiredCapacity=night.draw.choice(wanted)
    )


@injects("launch-template-new-default")
def template(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    ec2.create_launch_template_version(
        LaunchTemplateId=target.attributes["id"],
        SourceVersion="1",
        LaunchTemplateData={
            "InstanceType": other(night, target.attributes["instance_type"], SIZES),
            "ImageId": target.attributes["image_id"],
        },
    )
    pause(night)
    ec2.modify_launch_template(LaunchTemplateId=target.attributes["id"], DefaultVersion="2")


@injects("lambda-memory-changed")
def memory(night: Night, target: Resource) -> None:
    night.client("lambda", target).update_function_configuration(
        FunctionName=target.attributes["function_name"],
        MemorySize=other(night, target.attributes["memory_size"], [128, 256, 512, 1024, 2048, 3008]),
    )


@injects("lambda-timeout-changed")
def timeout(night: Night, target: Resource) -> None:
    night.client("lambda", target).update_function_configuration(
        FunctionName=target.attributes["function_name"],
        Timeout=other(night, target.attributes["timeout"], [3, 15, 120, 900]),
    )


@injects("lambda-runtime-changed")
def runtime(night: Night, target: Resource) -> None:
    night.client("lambda", target).update_function_configuration(
        FunctionName=target.attributes["function_name"], Runtime="python3.11"
    )


@injects("lambda-environment-changed", lambda _, target: bool(target.attributes["environment"]))
def environment(night: Night, target: Resource) -> None:
    variables = dict(target.attributes["environment"][0]["variables"])
    variables["LOG_LEVEL"] = "DEBUG"
    if night.draw.random() < 0.5:
        variables[min(variables)] += "-patched"
    night.client("lambda", target).update_function_configuration(
        FunctionName=target.attributes["function_name"], Environment={"Variables": variables}
    )


@injects("lambda-layers-removed", lambda _, target: bool(target.attributes["layers"]))
def layers(night: Night, target: Resource) -> None:
    night.client("lambda", target).update_function_configuration(
        FunctionName=target.attributes["function_name"], Layers=[]
    )


@injects("lambda-concurrency-limited")
def concurrency(night: Night, target: Resource) -> None:
    night.client("lambda", target).put_function_concurrency(
        FunctionName=target.attributes["function_name"],
        ReservedConcurrentExecutions=night.draw.choice([0, 1, 10]),
    )


@injects("lambda-code-replaced")
def code(night: Night, target: Resource) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("handler.py", (2026, 11, 22, 0, 0, 0))
        archive.writestr(entry, f"def main(event, context):\n    return {night.draw.randint(1, 999)}\n")
    night.client("lambda", target).update_function_code(
        FunctionName=target.attributes["function_name"], ZipFile=packed.getvalue()
    )


@injects("lambda-mapping-disabled")
def mapping(night: Night, target: Resource) -> None:
    night.client("lambda", target).update_event_source_mapping(UUID=target.attributes["uuid"], Enabled=False)


@injects("lambda-mapping-batch-changed")
def batch(night: Night, target: Resource) -> None:
    night.client("lambda", target).update_event_source_mapping(
        UUID=target.attributes["uuid"], BatchSize=other(night, target.attributes["batch_size"], [1, 5])
    )


@injects("lambda-permission-removed")
def permission(night: Night, target: Resource) -> None:
    night.client("lambda", target).remove_permission(
        FunctionName=target.attributes["function_name"], StatementId=target.attributes["statement_id"]
    )


@injects("lambda-alias-repointed")
def alias(night: Night, target: Resource) -> None:
    night.client("lambda", target).update_alias(
        FunctionName=target.attributes["function_name"],
        Name=target.attributes["name"],
        FunctionVersion="$LATEST",
    )


@injects("lambda-function-deleted")
def function_deleted(night: Night, target: Resource) -> None:
    night.client("lambda", target).delete_function(FunctionName=target.attributes["function_name"])


@injects("ecs-insights-off")
def insights(night: Night, target: Resource) -> None:
    night.client("ecs", target).update_cluster(
        cluster=target.attributes["name"], settings=[{"name": "containerInsights", "value": "disabled"}]
    )


@injects("ecs-task-deregistered")
def task(night: Night, target: Resource) -> None:
    night.client("ecs", target).deregister_task_definition(
        taskDefinition=f"{target.attributes['family']}:{target.attributes['revision']}"
    )
