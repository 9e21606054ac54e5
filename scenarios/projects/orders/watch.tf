resource "aws_cloudwatch_log_metric_filter" "errors" {
  for_each       = module.function
  name           = "${each.value.name}-errors"
  log_group_name = each.value.log_group
  pattern        = "ERROR"

  metric_transformation {
    name      = "${each.key}-errors"
    namespace = "Orders"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = module.function
  alarm_name          = "${each.value.name}-errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "${each.key}-errors"
  namespace           = "Orders"
  period              = 60
  statistic           = "Sum"
  threshold           = 5
  alarm_actions       = [aws_sns_topic.orders.arn]
  tags                = local.tags
}

resource "aws_ssm_parameter" "switches" {
  for_each = { throttle = "50", region = "eu" }
  name     = "/${local.name}/${each.key}"
  type     = "String"
  value    = each.value
  tags     = local.tags
}
