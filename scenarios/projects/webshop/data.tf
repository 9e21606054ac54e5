resource "aws_db_subnet_group" "shop" {
  name       = local.name
  subnet_ids = module.network.private_subnet_ids
}

resource "aws_db_parameter_group" "shop" {
  name   = local.name
  family = "postgres16"
}

resource "aws_db_instance" "shop" {
  identifier              = local.name
  engine                  = "postgres"
  engine_version          = "16.4"
  instance_class          = var.database.class
  allocated_storage       = var.database.storage
  db_name                 = "shop"
  username                = "shop"
  password                = "made-up-for-the-sandbox"
  db_subnet_group_name    = aws_db_subnet_group.shop.name
  parameter_group_name    = aws_db_parameter_group.shop.name
  backup_retention_period = var.database.retention
  storage_encrypted       = true
  deletion_protection     = true
  skip_final_snapshot     = true
  apply_immediately       = true
}

resource "aws_elasticache_subnet_group" "sessions" {
  name       = "${local.name}-sessions"
  subnet_ids = module.network.private_subnet_ids
}

resource "aws_ebs_volume" "assets" {
  availability_zone = var.zones[0]
  size              = 50
  type              = "gp3"
  encrypted         = true
  tags              = { Name = "${local.name}-assets" }
}

resource "aws_volume_attachment" "assets" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.assets.id
  instance_id = module.service["storefront"].instance_ids[0]
}

resource "aws_secretsmanager_secret" "psp" {
  name                    = "${local.name}/payment-provider"
  description             = "API key of the payment provider"
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "psp" {
  secret_id     = aws_secretsmanager_secret.psp.id
  secret_string = jsonencode({ key = "made-up" })
}

resource "aws_ssm_parameter" "this" {
  for_each = var.parameters
  name     = "/${local.name}/${each.key}"
  type     = "String"
  value    = each.value
}
