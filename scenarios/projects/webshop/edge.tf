resource "aws_lb" "edge" {
  name                       = "${local.name}-edge"
  load_balancer_type         = "application"
  subnets                    = module.network.public_subnet_ids
  security_groups            = [aws_security_group.edge.id]
  idle_timeout               = local.idle_timeout
  enable_deletion_protection = true
}

resource "aws_lb_target_group" "service" {
  for_each             = local.public
  name                 = "${local.name}-${each.key}"
  port                 = each.value.port
  protocol             = "HTTP"
  vpc_id               = module.network.vpc_id
  deregistration_delay = 30

  health_check {
    path                = "/healthz"
    interval            = 15
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.edge.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service["storefront"].arn
  }
}

resource "aws_acm_certificate" "edge" {
  domain_name       = "shop.acme.example"
  validation_method = "DNS"
}

resource "aws_cloudwatch_dashboard" "shop" {
  dashboard_name = local.name
  dashboard_body = jsonencode({
    widgets = [{
      type = "metric", x = 0, y = 0, width = 12, height = 6
      properties = {
        title   = "Requests"
        region  = var.region
        period  = local.alarm_period
        metrics = [["AWS/ApplicationELB", "RequestCount"]]
      }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.name}-5xx"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 3
  metric_name         = "HTTPCode_Target_5XX_Count"
  namespace           = "AWS/ApplicationELB"
  period              = local.alarm_period
  statistic           = "Sum"
  threshold           = 25
  alarm_actions       = [aws_sns_topic.alerts.arn]
  treat_missing_data  = "notBreaching"
}

resource "aws_sns_topic" "alerts" {
  name = "${local.name}-alerts"
}
