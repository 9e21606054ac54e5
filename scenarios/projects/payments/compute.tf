resource "aws_instance" "web" {
  for_each               = aws_subnet.private
  ami                    = var.web_ami
  instance_type          = var.web_instance_type
  subnet_id              = each.value.id
  vpc_security_group_ids = [aws_security_group.web.id]
  tags                   = merge(local.tags, { Name = "${local.name}-web-${each.key}", Role = "web" })
}

resource "aws_cloudwatch_log_group" "service" {
  for_each          = var.log_retention_days
  name              = "/payments/${var.environment}/${each.key}"
  retention_in_days = each.value
  tags              = local.tags
}

module "settlement" {
  source             = "./modules/queue"
  name               = "${local.name}-settlement"
  visibility_timeout = 60
  tags               = merge(local.tags, { Component = "settlement" })
}
