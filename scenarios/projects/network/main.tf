locals {
  tags = {
    Project   = "network"
    ManagedBy = "terraform"
    Contact   = "noc@acme.example"
  }

  flow_days = 90
}

module "dublin" {
  source       = "./modules/vpc"
  name         = "hub-dublin"
  cidr         = var.cidrs.dublin
  zones        = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  blocked      = var.blocked
  office_cidrs = var.office_cidrs
  flow_days    = local.flow_days
  flow_role    = aws_iam_role.flow.arn
}

module "frankfurt" {
  source = "./modules/vpc"

  providers = {
    aws = aws.frankfurt
  }

  name         = "hub-frankfurt"
  cidr         = var.cidrs.frankfurt
  zones        = ["eu-central-1a", "eu-central-1b"]
  blocked      = var.blocked
  office_cidrs = var.office_cidrs
  flow_days    = local.flow_days
  flow_role    = aws_iam_role.flow.arn
}

module "spoke" {
  source = "./modules/vpc"

  providers = {
    aws = aws.spoke
  }

  name         = "spoke"
  cidr         = var.cidrs.spoke
  zones        = ["eu-west-1a", "eu-west-1b"]
  office_cidrs = slice(var.office_cidrs, 0, 1)
  flow_days    = 30
  flow_role    = "arn:aws:iam::210987654321:role/flow-logs"
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = module.dublin.vpc_id
  service_name    = "com.amazonaws.eu-west-1.s3"
  route_table_ids = [module.dublin.route_table_id]
  tags            = { Name = "hub-dublin-s3" }
}

resource "aws_iam_role" "flow" {
  name = "hub-flow-logs"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
    }]
  })
}

resource "aws_route53_zone" "internal" {
  name    = "hub.acme.example"
  comment = "Names of the hub"
}

resource "aws_route53_record" "host" {
  for_each = var.hosts
  zone_id  = aws_route53_zone.internal.zone_id
  name     = "${each.key}.hub.acme.example"
  type     = "A"
  ttl      = each.value.ttl
  records  = [each.value.address]
}

resource "aws_sns_topic" "billing" {
  provider = aws.virginia
  name     = "network-billing"
}

resource "aws_cloudwatch_metric_alarm" "billing" {
  provider            = aws.virginia
  alarm_name          = "network-transfer-cost"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "EstimatedCharges"
  namespace           = "AWS/Billing"
  period              = 21600
  statistic           = "Maximum"
  threshold           = 1500
  alarm_actions       = [aws_sns_topic.billing.arn]
  tags                = local.tags
}

resource "aws_instance" "bastion" {
  ami                    = "ami-12c6146b"
  instance_type          = "t3.micro"
  subnet_id              = module.dublin.subnet_ids[0]
  vpc_security_group_ids = [module.dublin.admin_group_id]
  tags                   = { Name = "hub-bastion" }
}
