resource "aws_vpc" "main" {
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = local.name })
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = merge(local.tags, { Name = local.name })
}

resource "aws_subnet" "private" {
  for_each          = var.subnets
  vpc_id            = aws_vpc.main.id
  availability_zone = each.value.zone
  cidr_block        = each.value.cidr
  tags              = merge(local.tags, { Name = "${local.name}-${each.key}" })
}

resource "aws_security_group" "web" {
  name        = "${local.name}-web"
  description = "Public HTTPS in front of the payments API"
  vpc_id      = aws_vpc.main.id

  ingress {
    description = "HTTPS from anywhere"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  # Admin port: VPN only.
  ingress {
    description = "Admin console from the office"
    from_port   = 8443
    to_port     = 8443
    protocol    = "tcp"
    cidr_blocks = [var.office_cidr]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  tags = merge(local.tags, { Name = "${local.name}-web" })
}

# Rules of this group stand alone, so that other stacks can add their own.
resource "aws_security_group" "db" {
  name        = "${local.name}-db"
  description = "Ledger database"
  vpc_id      = aws_vpc.main.id
  tags        = merge(local.tags, { Name = "${local.name}-db" })
}

resource "aws_vpc_security_group_ingress_rule" "db_postgres" {
  for_each          = var.subnets
  security_group_id = aws_security_group.db.id
  cidr_ipv4         = each.value.cidr
  from_port         = 5432
  to_port           = 5432
  ip_protocol       = "tcp"
}
