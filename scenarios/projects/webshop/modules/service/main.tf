variable "name" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

variable "ami" {
  type = string
}

variable "instances" {
  type = number
}

variable "instance_type" {
  type = string
}

variable "port" {
  type = number
}

variable "retention" {
  type = number
}

variable "key_name" {
  type = string
}

variable "sources" {
  type = list(string)
}

variable "alarm_period" {
  type = number
}

resource "aws_security_group" "this" {
  name        = var.name
  description = "Instances of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  count                        = length(var.sources)
  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = var.sources[count.index]
  from_port                    = var.port
  to_port                      = var.port
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_instance" "this" {
  count                  = var.instances
  ami                    = var.ami
  instance_type          = var.instance_type
  subnet_id              = var.subnet_ids[count.index % length(var.subnet_ids)]
  key_name               = var.key_name
  vpc_security_group_ids = [aws_security_group.this.id]
  tags                   = { Name = "${var.name}-${count.index}" }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/services/${var.name}"
  retention_in_days = var.retention
}

resource "aws_cloudwatch_metric_alarm" "cpu" {
  alarm_name          = "${var.name}-cpu"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 2
  metric_name         = "CPUUtilization"
  namespace           = "AWS/EC2"
  period              = var.alarm_period
  statistic           = "Average"
  threshold           = 80
  dimensions          = { InstanceId = aws_instance.this[0].id }
}

output "instance_ids" {
  value = aws_instance.this[*].id
}
