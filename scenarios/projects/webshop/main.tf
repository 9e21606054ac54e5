locals {
  name   = "webshop-${var.environment}"
  public = { for name, service in var.services : name => service if service.public }

  # Idle connections are cut everywhere at once.
  idle_timeout = 60
  alarm_period = 300
}

module "network" {
  source = "./modules/network"
  name   = local.name
  cidr   = "10.60.0.0/16"
  zones  = var.zones
  nat    = var.environment == "prod"
}

module "service" {
  source   = "./modules/service"
  for_each = var.services

  name          = "${local.name}-${each.key}"
  vpc_id        = module.network.vpc_id
  subnet_ids    = module.network.private_subnet_ids
  ami           = "ami-12c6146b"
  instances     = each.value.instances
  instance_type = each.value.instance_type
  port          = each.value.port
  retention     = each.value.retention
  key_name      = aws_key_pair.ops.key_name
  sources       = each.value.public ? [aws_security_group.edge.id] : [for s in aws_security_group.internal : s.id]
  alarm_period  = local.alarm_period
}

resource "aws_key_pair" "ops" {
  key_name   = "${local.name}-ops"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6cC0Zxr3jQmPz8lX2cfj0Yb5d8CZ1mJgX0b4mXkq2Z ops@acme.example"
}

resource "aws_security_group" "edge" {
  name        = "${local.name}-edge"
  description = "Load balancer"
  vpc_id      = module.network.vpc_id

  dynamic "ingress" {
    for_each = { http = 80, https = 443 }

    content {
      description = ingress.key
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "internal" {
  count       = 1
  name        = "${local.name}-internal"
  description = "Callers inside"
  vpc_id      = module.network.vpc_id
}

# Old style rules, from before the provider had one resource a rule.
resource "aws_security_group_rule" "internal_admin" {
  type              = "ingress"
  security_group_id = aws_security_group.internal[0].id
  from_port         = 22
  to_port           = 22
  protocol          = "tcp"
  cidr_blocks       = var.admin_cidrs
}

resource "aws_security_group_rule" "internal_out" {
  type              = "egress"
  security_group_id = aws_security_group.internal[0].id
  from_port         = 0
  to_port           = 0
  protocol          = "-1"
  cidr_blocks       = ["10.60.0.0/16"]
}
