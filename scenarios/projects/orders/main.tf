locals {
  name = "orders-${var.stage}"
  tags = { Project = "orders", Stage = var.stage, ManagedBy = "terraform" }

  # One number for every log group of the pipeline.
  log_days = 30

  fed = { for name, function in var.functions : name => function.queue if function.queue != null }
}

module "queue" {
  source   = "./modules/queue"
  for_each = var.queues

  name       = "${local.name}-${each.key}"
  visibility = each.value.visibility
  retention  = each.value.retention
  receives   = each.value.receives
  topic_arn  = aws_sns_topic.orders.arn
  tags       = merge(local.tags, { Queue = each.key })
}

module "function" {
  source   = "./modules/function"
  for_each = var.functions

  name        = "${local.name}-${each.key}"
  role_arn    = aws_iam_role.functions.arn
  package     = "${path.module}/src/handler.zip"
  memory      = each.value.memory
  timeout     = each.value.timeout
  layers      = [aws_lambda_layer_version.common.arn]
  environment = merge({ TABLE = aws_dynamodb_table.orders.name }, each.value.env)
  log_days    = local.log_days
  tags        = local.tags
}

resource "aws_lambda_layer_version" "common" {
  layer_name          = "${local.name}-common"
  filename            = "${path.module}/src/handler.zip"
  compatible_runtimes = ["python3.12"]
}

resource "aws_lambda_event_source_mapping" "fed" {
  for_each         = local.fed
  event_source_arn = module.queue[each.value].arn
  function_name    = module.function[each.key].arn
  batch_size       = 10
}

resource "aws_lambda_permission" "schedule" {
  statement_id  = "nightly"
  action        = "lambda:InvokeFunction"
  function_name = module.function["report"].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.nightly.arn
}

resource "aws_sns_topic" "orders" {
  name         = "${local.name}-events"
  display_name = "Orders"
  tags         = local.tags
}

resource "aws_sns_topic_policy" "orders" {
  arn    = aws_sns_topic.orders.arn
  policy = data.aws_iam_policy_document.topic.json
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "Publishers"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.orders.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "${local.name}-nightly"
  description         = "Report of the day"
  schedule_expression = "cron(15 2 * * ? *)"
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "nightly" {
  rule      = aws_cloudwatch_event_rule.nightly.name
  target_id = "report"
  arn       = module.function["report"].arn
}

resource "aws_scheduler_schedule" "cleanup" {
  name                = "${local.name}-cleanup"
  schedule_expression = "rate(6 hours)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.function["report"].arn
    role_arn = aws_iam_role.functions.arn
  }
}

resource "aws_dynamodb_table" "orders" {
  name                        = local.name
  billing_mode                = "PROVISIONED"
  hash_key                    = "order_id"
  read_capacity               = 20
  write_capacity              = 10
  deletion_protection_enabled = true

  attribute {
    name = "order_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  tags = local.tags
}

resource "aws_iam_role" "functions" {
  name = "${local.name}-functions"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["lambda.amazonaws.com", "scheduler.amazonaws.com"] }
    }]
  })
  tags = local.tags
}

resource "aws_iam_role_policy" "functions" {
  name = "work"
  role = aws_iam_role.functions.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["dynamodb:*Item"], Resource = aws_dynamodb_table.orders.arn },
      { Effect = "Allow", Action = ["sqs:*Message"], Resource = [for queue in module.queue : queue.arn] },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.functions.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
