"""Networks: addresses, routes, rules, names, load balancers."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.drift.readers.base import Attributes, Cloud, Sources, Whole, first, reads, tag_map

NETWORK = "network"


def rules(permissions: list[dict[str, Any]]) -> Sources:
    """IpPermissions in the provider's words, one row for each source."""
    rows = []
    for item in permissions:
        ports = {
            "from_port": item.get("FromPort", 0),
            "to_port": item.get("ToPort", 0),
            "protocol": item["IpProtocol"],
        }
        sources = [("cidr_blocks", one["CidrIp"], one) for one in item.get("IpRanges", ())]
        sources += [("ipv6_cidr_blocks", one["CidrIpv6"], one) for one in item.get("Ipv6Ranges", ())]
        sources += [("security_groups", one["GroupId"], one) for one in item.get("UserIdGroupPairs", ())]
        for field, value, source in sources:
            rows.append({**ports, "description": source.get("Description", ""), field: [value]})
    return Sources(rows)


@reads("aws_security_group")
def security_group(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_security_groups(GroupIds=[a["id"]])["SecurityGroups"])
    return {
        "ingress": rules(found["IpPermissions"]),
        "egress": rules(found["IpPermissionsEgress"]),
        "tags": tag_map(found.get("Tags")),
    }


def _rule(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(
        cloud("ec2").describe_security_group_rules(SecurityGroupRuleIds=[a["security_group_rule_id"]])[
            "SecurityGroupRules"
        ]
    )
    if found is None:
        return None
    every = found["IpProtocol"] == "-1"
    return {
        "from_port": None if every else found["FromPort"],
        "to_port": None if every else found["ToPort"],
        "ip_protocol": found["IpProtocol"],
        "cidr_ipv4": found.get("CidrIpv4"),
        "referenced_security_group_id": found.get("ReferencedGroupInfo", {}).get("GroupId"),
        "description": found.get("Description") or None,
        "tags": tag_map(found.get("Tags")),
    }


reads("aws_vpc_security_group_ingress_rule")(_rule)
reads("aws_vpc_security_group_egress_rule")(_rule)


@reads("aws_security_group_rule")
def old_rule(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_security_groups(GroupIds=[a["security_group_id"]])["SecurityGroups"])
    side = found["IpPermissions" if a["type"] == "ingress" else "IpPermissionsEgress"]
    ports = (a["from_port"], a["to_port"], a["protocol"])
    wanted = set(a["cidr_blocks"] or ())
    there: set[str] = set()
    words = None
    for block in rules(side):
        if (block["from_port"], block["to_port"], block["protocol"]) == ports:
            found_here = wanted & set(block.get("cidr_blocks", ()))
            there |= found_here
            words = (block["description"] or None) if found_here else words
    return {"cidr_blocks": sorted(wanted), "description": words} if wanted <= there else None


@reads("aws_vpc")
def vpc(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    ec2 = cloud("ec2")
    found = first(ec2.describe_vpcs(VpcIds=[a["id"]])["Vpcs"])

    def enabled(name: str) -> bool:
        answer = ec2.describe_vpc_attribute(VpcId=a["id"], Attribute=name)
        return bool(answer[name[:1].upper() + name[1:]]["Value"])

    return {
        "enable_dns_support": enabled("enableDnsSupport"),
        "enable_dns_hostnames": enabled("enableDnsHostnames"),
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_subnet")
def subnet(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_subnets(SubnetIds=[a["id"]])["Subnets"])
    return {"map_public_ip_on_launch": found["MapPublicIpOnLaunch"], "tags": tag_map(found.get("Tags"))}


@reads("aws_internet_gateway")
def internet_gateway(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_internet_gateways(InternetGatewayIds=[a["id"]])["InternetGateways"])
    attached = first(found["Attachments"]) or {}
    return {"vpc_id": attached.get("VpcId", ""), "tags": tag_map(found.get("Tags"))}


@reads("aws_nat_gateway")
def nat_gateway(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_nat_gateways(NatGatewayIds=[a["id"]])["NatGateways"])
    if found is None or found["State"] in {"deleting", "deleted"}:
        return None
    return {"tags": tag_map(found.get("Tags"))}


@reads("aws_eip")
def elastic_ip(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_addresses(AllocationIds=[a["allocation_id"]])["Addresses"])
    return {"public_ip": found["PublicIp"], "tags": tag_map(found.get("Tags"))}


def _route(route: dict[str, Any]) -> dict[str, Any]:
    gateway = route.get("GatewayId", "")
    return {
        "cidr_block": route.get("DestinationCidrBlock", ""),
        "gateway_id": gateway,
        "nat_gateway_id": route.get("NatGatewayId", ""),
    }


@reads("aws_route_table")
def route_table(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_route_tables(RouteTableIds=[a["id"]])["RouteTables"])
    outside = [_route(route) for route in found["Routes"] if route.get("GatewayId") != "local"]
    outside = [route for route in outside if not route["gateway_id"].startswith("vpce-")]
    return {"route": Whole(outside), "tags": tag_map(found.get("Tags"))}


@reads("aws_route")
def route(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_route_tables(RouteTableIds=[a["route_table_id"]])["RouteTables"])
    for item in found["Routes"]:
        if item.get("DestinationCidrBlock") == a["destination_cidr_block"]:
            return {
                "gateway_id": item.get("GatewayId", ""),
                "nat_gateway_id": item.get("NatGatewayId", ""),
            }
    return None


@reads("aws_route_table_association")
def association(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    tables = cloud("ec2").describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [a["subnet_id"]]}]
    )["RouteTables"]
    for table in tables:
        for item in table["Associations"]:
            if item.get("RouteTableAssociationId") == a["id"]:
                return {"route_table_id": table["RouteTableId"]}
    return None


@reads("aws_network_acl")
def network_acl(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_network_acls(NetworkAclIds=[a["id"]])["NetworkAcls"])

    def entries(egress: bool) -> Whole:
        return Whole(
            {
                "rule_no": entry["RuleNumber"],
                "action": entry["RuleAction"],
                "protocol": entry["Protocol"],
                "cidr_block": entry.get("CidrBlock", ""),
                "from_port": entry.get("PortRange", {}).get("From", 0),
                "to_port": entry.get("PortRange", {}).get("To", 0),
            }
            for entry in found["Entries"]
            if entry["Egress"] is egress and entry["RuleNumber"] < 32767
        )

    return {"ingress": entries(False), "egress": entries(True), "tags": tag_map(found.get("Tags"))}


@reads("aws_vpc_endpoint")
def endpoint(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_vpc_endpoints(VpcEndpointIds=[a["id"]])["VpcEndpoints"])
    if found is None or found["State"] in {"deleting", "deleted"}:
        return None
    return {
        "route_table_ids": Whole(sorted(found.get("RouteTableIds", ()))),
        "tags": tag_map(found.get("Tags")),
    }


@reads("aws_flow_log")
def flow_log(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("ec2").describe_flow_logs(FlowLogIds=[a["id"]])["FlowLogs"])
    return {"traffic_type": found["TrafficType"], "tags": tag_map(found.get("Tags"))} if found else None


@reads("aws_route53_zone")
def zone(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("route53")
    found = client.get_hosted_zone(Id=a["zone_id"])["HostedZone"]
    tags = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=a["zone_id"])
    return {
        "comment": found["Config"].get("Comment", ""),
        "tags": tag_map(tags["ResourceTagSet"]["Tags"]),
    }


@reads("aws_route53_record")
def record(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    sets = cloud("route53").list_resource_record_sets(HostedZoneId=a["zone_id"])["ResourceRecordSets"]
    for found in sets:
        if found["Name"].rstrip(".") == a["name"].rstrip(".") and found["Type"] == a["type"]:
            values = [item["Value"] for item in found.get("ResourceRecords", ())]
            if a["type"] in {"TXT", "SPF"}:
                values = [value.strip('"') for value in values]
            return {"ttl": found.get("TTL"), "records": Whole(sorted(values))}
    return None


@reads("aws_lb")
def load_balancer(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("elbv2")
    found = first(client.describe_load_balancers(LoadBalancerArns=[a["arn"]])["LoadBalancers"])
    rows = client.describe_load_balancer_attributes(LoadBalancerArn=a["arn"])["Attributes"]
    values = {row["Key"]: row["Value"] for row in rows}
    tags = client.describe_tags(ResourceArns=[a["arn"]])["TagDescriptions"][0]["Tags"]
    return {
        "idle_timeout": int(values["idle_timeout.timeout_seconds"]),
        "enable_deletion_protection": values["deletion_protection.enabled"] == "true",
        "security_groups": Whole(sorted(found["SecurityGroups"])),
        "tags": tag_map(tags),
    }


@reads("aws_lb_target_group")
def target_group(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("elbv2")
    found = first(client.describe_target_groups(TargetGroupArns=[a["arn"]])["TargetGroups"])
    rows = client.describe_target_group_attributes(TargetGroupArn=a["arn"])["Attributes"]
    values = {row["Key"]: row["Value"] for row in rows}
    return {
        "deregistration_delay": values["deregistration_delay.timeout_seconds"],
        "health_check": [
            {
                "path": found["HealthCheckPath"],
                "interval": found["HealthCheckIntervalSeconds"],
                "healthy_threshold": found["HealthyThresholdCount"],
                "unhealthy_threshold": found["UnhealthyThresholdCount"],
            }
        ],
        "tags": tag_map(client.describe_tags(ResourceArns=[a["arn"]])["TagDescriptions"][0]["Tags"]),
    }


@reads("aws_lb_listener")
def listener(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = first(cloud("elbv2").describe_listeners(ListenerArns=[a["arn"]])["Listeners"])
    return {"port": found["Port"], "protocol": found["Protocol"]}


@reads("aws_wafv2_ip_set")
def ip_set(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("wafv2").get_ip_set(Name=a["name"], Scope=a["scope"], Id=a["id"])["IPSet"]
    return {"addresses": Whole(sorted(found["Addresses"])), "description": found.get("Description", "")}
