terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "name" {
  type = string
}

variable "cidr" {
  type = string
}

variable "zones" {
  type = list(string)
}

variable "blocked" {
  type    = map(string)
  default = {}
}

variable "office_cidrs" {
  type = list(string)
}

variable "flow_days" {
  type = number
}

variable "flow_role" {
  type = string
}

locals {
  zones = { for index, zone in var.zones : trimprefix(zone, substr(zone, 0, length(zone) - 1)) => { zone = zone, index = index } }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "this" {
  for_each          = local.zones
  vpc_id            = aws_vpc.this.id
  availability_zone = each.value.zone
  cidr_block        = cidrsubnet(var.cidr, 8, each.value.index + 1)
  tags              = { Name = "${var.name}-${each.key}" }
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "this" {
  for_each       = local.zones
  subnet_id      = aws_subnet.this[each.key].id
  route_table_id = aws_route_table.this.id
}

resource "aws_network_acl" "this" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for subnet in aws_subnet.this : subnet.id]
  tags       = { Name = var.name }

  dynamic "ingress" {
    for_each = var.blocked

    content {
      rule_no    = tonumber(ingress.key)
      action     = "deny"
      protocol   = "-1"
      cidr_block = ingress.value
      from_port  = 0
      to_port    = 0
    }
  }

  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}

resource "aws_security_group" "admin" {
  name        = "${var.name}-admin"
  description = "Administration from the offices"
  vpc_id      = aws_vpc.this.id

  dynamic "ingress" {
    for_each = toset(var.office_cidrs)

    content {
      description = "SSH"
      from_port   = 22
      to_port     = 22
      protocol    = "tcp"
      cidr_blocks = [ingress.value]
    }
  }
}

resource "aws_security_group" "resolver" {
  name        = "${var.name}-resolver"
  description = "DNS inside"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "resolver" {
  for_each          = toset(["tcp", "udp"])
  security_group_id = aws_security_group.resolver.id
  description       = "DNS over ${each.key}"
  cidr_ipv4         = var.cidr
  from_port         = 53
  to_port           = 53
  ip_protocol       = each.key
}

resource "aws_security_group" "proxy" {
  name        = "${var.name}-proxy"
  description = "Forward proxy"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group_rule" "proxy" {
  type              = "ingress"
  security_group_id = aws_security_group.proxy.id
  from_port         = 3128
  to_port           = 3128
  protocol          = "tcp"
  cidr_blocks       = [var.cidr]
}

resource "aws_cloudwatch_log_group" "flow" {
  name              = "/network/${var.name}/flow"
  retention_in_days = var.flow_days
}

resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  iam_role_arn    = var.flow_role
  log_destination = aws_cloudwatch_log_group.flow.arn
  tags            = { Name = var.name }
}

output "vpc_id" {
  value = aws_vpc.this.id
}

output "subnet_ids" {
  value = [for subnet in aws_subnet.this : subnet.id]
}

output "route_table_id" {
  value = aws_route_table.this.id
}

output "admin_group_id" {
  value = aws_security_group.admin.id
}
