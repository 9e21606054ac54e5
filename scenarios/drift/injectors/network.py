"""Rules, routes, addresses, names, load balancers."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.drift.injectors.base import injects, other, pause, peers, rule
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night

WORLD = "0.0.0.0/0"
HOMES = ["203.0.113.200/32", "192.0.2.77/32", "198.51.100.200/32"]


def _inline(night: Night, target: Resource) -> bool:
    """Whether the group lists its rules itself."""
    own = target.attributes["id"]
    return bool(target.attributes["ingress"]) and not any(
        found.type.startswith(("aws_vpc_security_group_", "aws_security_group_rule"))
        and found.attributes["security_group_id"] == own
        for found in night.world.inventory.resources.values()
    )


def _separate(night: Night, target: Resource) -> bool:
    own = target.attributes["id"]
    return any(
        found.type.startswith(("aws_vpc_security_group_", "aws_security_group_rule"))
        and found.attributes["security_group_id"] == own
        for found in night.world.inventory.resources.values()
    )


@injects("sg-inline-ingress-added", _inline)
def opened(night: Night, target: Resource) -> None:
    port = night.draw.choice([22, 3389, 5432, 6379, 9200])
    night.client("ec2", target).authorize_security_group_ingress(
        GroupId=target.attributes["id"],
        IpPermissions=rule(port, night.draw.choice([WORLD, *HOMES]), night.draw.choice(["", "tmp debug"])),
    )


def _cidr_rule(target: Resource) -> list[dict[str, Any]]:
    """The first inline rule of a group, as IpPermissions of its first source."""
    block = next(item for item in target.attributes["ingress"] if item["cidr_blocks"])
    return rule(block["from_port"], block["cidr_blocks"][0], block["description"])


@injects("sg-inline-ingress-revoked", _inline)
def revoked(night: Night, target: Resource) -> None:
    night.client("ec2", target).revoke_security_group_ingress(
        GroupId=target.attributes["id"], IpPermissions=_cidr_rule(target)
    )


@injects("sg-inline-ingress-replaced", _inline)
def replaced(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    before = _cidr_rule(target)
    ec2.revoke_security_group_ingress(GroupId=target.attributes["id"], IpPermissions=before)
    pause(night, 1, 60)
    ec2.authorize_security_group_ingress(
        GroupId=target.attributes["id"],
        IpPermissions=rule(before[0]["FromPort"], night.draw.choice(HOMES), "moved"),
    )


@injects("sg-egress-opened", _separate)
def egress(night: Night, target: Resource) -> None:
    night.client("ec2", target).authorize_security_group_egress(
        GroupId=target.attributes["id"],
        IpPermissions=rule(night.draw.choice([25, 8443]), night.draw.choice(HOMES)),
    )


@injects(
    "sg-egress-revoked", lambda night, target: _inline(night, target) and bool(target.attributes["egress"])
)
def no_egress(night: Night, target: Resource) -> None:
    night.client("ec2", target).revoke_security_group_egress(
        GroupId=target.attributes["id"],
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": WORLD}]}],
    )


def _own_rule(target: Resource) -> bool:
    return bool(target.attributes["cidr_ipv4"]) and target.attributes["ip_protocol"] != "-1"


@injects("sg-rule-modified", lambda _, target: _own_rule(target))
def modified(night: Night, target: Resource) -> None:
    night.client("ec2", target).modify_security_group_rules(
        GroupId=target.attributes["security_group_id"],
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": target.attributes["security_group_rule_id"],
                "SecurityGroupRule": {
                    "IpProtocol": target.attributes["ip_protocol"],
                    "FromPort": target.attributes["from_port"],
                    "ToPort": target.attributes["to_port"],
                    "CidrIpv4": night.draw.choice(["10.0.0.0/8", WORLD]),
                },
            }
        ],
    )


@injects("sg-rule-revoked-by-id")
def revoked_by_id(night: Night, target: Resource) -> None:
    night.client("ec2", target).revoke_security_group_ingress(
        GroupId=target.attributes["security_group_id"],
        SecurityGroupRuleIds=[target.attributes["security_group_rule_id"]],
    )


@injects("sg-rule-revoked-and-authorized", lambda _, target: _own_rule(target))
def again(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    a = target.attributes
    ec2.revoke_security_group_ingress(
        GroupId=a["security_group_id"], SecurityGroupRuleIds=[a["security_group_rule_id"]]
    )
    pause(night, 5, 90)
    ec2.authorize_security_group_ingress(
        GroupId=a["security_group_id"],
        IpPermissions=rule(a["from_port"], night.draw.choice(["10.0.0.0/8", WORLD])),
    )


@injects("sg-old-rule-revoked", lambda _, target: target.attributes["type"] == "ingress")
def old_revoked(night: Night, target: Resource) -> None:
    a = target.attributes
    night.client("ec2", target).revoke_security_group_ingress(
        GroupId=a["security_group_id"],
        IpPermissions=[
            {
                "IpProtocol": a["protocol"],
                "FromPort": a["from_port"],
                "ToPort": a["to_port"],
                "IpRanges": [{"CidrIp": cidr} for cidr in a["cidr_blocks"]],
            }
        ],
    )


@injects("sg-stray-rule", _separate)
def stray_rule(night: Night, target: Resource) -> None:
    night.client("ec2", target).authorize_security_group_ingress(
        GroupId=target.attributes["id"],
        IpPermissions=rule(night.draw.choice([22, 5432, 8080]), night.draw.choice(HOMES), "until friday"),
    )


@injects("sg-stray-rule-flat", _separate)
def flat_rule(night: Night, target: Resource) -> None:
    night.client("ec2", target).authorize_security_group_ingress(
        GroupId=target.attributes["id"],
        IpProtocol="tcp",
        FromPort=8443,
        ToPort=8443,
        CidrIp=night.draw.choice(HOMES),
    )


def _inline_routes(night: Night, target: Resource) -> bool:
    """Whether the table lists its routes itself."""
    return bool(target.attributes["route"]) and not any(
        found.type == "aws_route" and found.attributes["route_table_id"] == target.attributes["id"]
        for found in night.world.inventory.resources.values()
    )


@injects("route-inline-added", _inline_routes)
def route_added(night: Night, target: Resource) -> None:
    gateways = peers(night, target, "aws_internet_gateway")
    gateway = next(item for item in gateways if item.attributes["vpc_id"] == target.attributes["vpc_id"])
    night.client("ec2", target).create_route(
        RouteTableId=target.attributes["id"],
        DestinationCidrBlock=f"172.{night.draw.randint(16, 31)}.0.0/16",
        GatewayId=gateway.attributes["id"],
    )


@injects("route-deleted")
def route_deleted(night: Night, target: Resource) -> None:
    night.client("ec2", target).delete_route(
        RouteTableId=target.attributes["route_table_id"],
        DestinationCidrBlock=target.attributes["destination_cidr_block"],
    )


@injects("route-retargeted", lambda _, target: bool(target.attributes["nat_gateway_id"]))
def route_changed(night: Night, target: Resource) -> None:
    gateway = peers(night, target, "aws_internet_gateway")[0]
    night.client("ec2", target).replace_route(
        RouteTableId=target.attributes["route_table_id"],
        DestinationCidrBlock=target.attributes["destination_cidr_block"],
        GatewayId=gateway.attributes["id"],
    )


@injects("route-table-disassociated")
def disassociated(night: Night, target: Resource) -> None:
    night.client("ec2", target).disassociate_route_table(AssociationId=target.attributes["id"])


@injects("nacl-entry-added")
def entry_added(night: Night, target: Resource) -> None:
    night.client("ec2", target).create_network_acl_entry(
        NetworkAclId=target.attributes["id"],
        RuleNumber=night.draw.choice([50, 60, 70]),
        Protocol="-1",
        RuleAction="deny",
        Egress=False,
        CidrBlock=night.draw.choice(HOMES),
    )


@injects("nacl-entry-deleted", lambda _, target: len(target.attributes["ingress"]) > 1)
def entry_deleted(night: Night, target: Resource) -> None:
    entry = min(target.attributes["ingress"], key=lambda item: item["rule_no"])
    night.client("ec2", target).delete_network_acl_entry(
        NetworkAclId=target.attributes["id"], RuleNumber=entry["rule_no"], Egress=False
    )


@injects("vpc-dns-hostnames-off", lambda _, target: bool(target.attributes["enable_dns_hostnames"]))
def hostnames(night: Night, target: Resource) -> None:
    night.client("ec2", target).modify_vpc_attribute(
        VpcId=target.attributes["id"], EnableDnsHostnames={"Value": False}
    )


@injects("subnet-public-addresses")
def public_addresses(night: Night, target: Resource) -> None:
    night.client("ec2", target).modify_subnet_attribute(
        SubnetId=target.attributes["id"],
        MapPublicIpOnLaunch={"Value": not target.attributes["map_public_ip_on_launch"]},
    )


@injects("flow-log-deleted")
def flow_log(night: Night, target: Resource) -> None:
    night.client("ec2", target).delete_flow_logs(FlowLogIds=[target.attributes["id"]])


@injects("vpc-endpoint-tables-changed", lambda _, target: bool(target.attributes["route_table_ids"]))
def endpoint_tables(night: Night, target: Resource) -> None:
    night.client("ec2", target).modify_vpc_endpoint(
        VpcEndpointId=target.attributes["id"], RemoveRouteTableIds=list(target.attributes["route_table_ids"])
    )


@injects("vpc-endpoint-deleted")
def endpoint_deleted(night: Night, target: Resource) -> None:
    night.client("ec2", target).delete_vpc_endpoints(VpcEndpointIds=[target.attributes["id"]])


def _upsert(night: Night, target: Resource, ttl: int, values: list[str]) -> None:
    a = target.attributes
    shown = [f'"{value}"' for value in values] if a["type"] == "TXT" else values
    night.client("route53", target).change_resource_record_sets(
        HostedZoneId=a["zone_id"],
        ChangeBatch={
            "Comment": "by hand",
            "Changes": [
                {
                    "Action": "UPSERT",
                    "ResourceRecordSet": {
                        "Name": a["name"],
                        "Type": a["type"],
                        "TTL": ttl,
                        "ResourceRecords": [{"Value": value} for value in shown],
                    },
                }
            ],
        },
    )


@injects("dns-ttl-changed")
def ttl(night: Night, target: Resource) -> None:
    seconds = other(night, target.attributes["ttl"], [30, 60, 600, 3600])
    _upsert(night, target, seconds, list(target.attributes["records"]))


@injects("dns-target-changed")
def record(night: Night, target: Resource) -> None:
    values = {
        "A": [f"10.99.{night.draw.randint(0, 9)}.{night.draw.randint(1, 250)}"],
        "CNAME": ["fallback.acme.example"],
        "TXT": ["v=spf1 include:mail.acme.example -all"],
    }
    _upsert(night, target, target.attributes["ttl"], values[target.attributes["type"]])


@injects("dns-record-deleted")
def record_deleted(night: Night, target: Resource) -> None:
    a = target.attributes
    shown = [f'"{value}"' for value in a["records"]] if a["type"] == "TXT" else list(a["records"])
    night.client("route53", target).change_resource_record_sets(
        HostedZoneId=a["zone_id"],
        ChangeBatch={
            "Changes": [
                {
                    "Action": "DELETE",
                    "ResourceRecordSet": {
                        "Name": a["name"],
                        "Type": a["type"],
                        "TTL": a["ttl"],
                        "ResourceRecords": [{"Value": value} for value in shown],
                    },
                }
            ]
        },
    )


@injects("dns-zone-comment")
def zone(night: Night, target: Resource) -> None:
    night.client("route53", target).update_hosted_zone_comment(
        Id=target.attributes["zone_id"], Comment="moved to the new provider"
    )


@injects("lb-idle-timeout-changed")
def idle(night: Night, target: Resource) -> None:
    night.client("elbv2", target).modify_load_balancer_attributes(
        LoadBalancerArn=target.attributes["arn"],
        Attributes=[
            {
                "Key": "idle_timeout.timeout_seconds",
                "Value": str(other(night, target.attributes["idle_timeout"], [30, 120, 300])),
            }
        ],
    )


@injects("lb-protection-off")
def lb_protection(night: Night, target: Resource) -> None:
    night.client("elbv2", target).modify_load_balancer_attributes(
        LoadBalancerArn=target.attributes["arn"],
        Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
    )


@injects("lb-groups-changed")
def lb_groups(night: Night, target: Resource) -> None:
    known = set(target.attributes["security_groups"])
    extra = [
        found.attributes["id"]
        for found in peers(night, target, "aws_security_group")
        if found.attributes["id"] not in known
    ]
    night.client("elbv2", target).set_security_groups(
        LoadBalancerArn=target.attributes["arn"],
        SecurityGroups=[*sorted(known), night.draw.choice(sorted(extra))],
    )


@injects("lb-health-check-changed")
def health(night: Night, target: Resource) -> None:
    night.client("elbv2", target).modify_target_group(
        TargetGroupArn=target.attributes["arn"],
        HealthCheckPath=night.draw.choice(["/", "/ready"]),
        HealthCheckIntervalSeconds=night.draw.choice([15, 30]),
    )


@injects("lb-deregistration-delay")
def delay(night: Night, target: Resource) -> None:
    night.client("elbv2", target).modify_target_group_attributes(
        TargetGroupArn=target.attributes["arn"],
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}],
    )


@injects("lb-listener-port-changed")
def port(night: Night, target: Resource) -> None:
    night.client("elbv2", target).modify_listener(ListenerArn=target.attributes["arn"], Port=8080)


@injects("lb-listener-deleted")
def listener_deleted(night: Night, target: Resource) -> None:
    night.client("elbv2", target).delete_listener(ListenerArn=target.attributes["arn"])


@injects("waf-ip-set-changed")
def ip_set(night: Night, target: Resource) -> None:
    client = night.client("wafv2", target)
    a = target.attributes
    found = client.get_ip_set(Name=a["name"], Scope=a["scope"], Id=a["id"])
    client.update_ip_set(
        Name=a["name"],
        Scope=a["scope"],
        Id=a["id"],
        Addresses=[*found["IPSet"]["Addresses"], night.draw.choice(HOMES)],
        Description=a["description"],
        LockToken=found["LockToken"],
    )
