variable "name" {
  type = string
}

variable "role_arn" {
  type = string
}

variable "package" {
  type = string
}

variable "memory" {
  type = number
}

variable "timeout" {
  type = number
}

variable "layers" {
  type = list(string)
}

variable "environment" {
  type = map(string)
}

variable "log_days" {
  type = number
}

variable "tags" {
  type = map(string)
}

resource "aws_lambda_function" "this" {
  function_name = var.name
  role          = var.role_arn
  runtime       = "python3.12"
  handler       = "handler.main"
  filename      = var.package
  memory_size   = var.memory
  timeout       = var.timeout
  layers        = var.layers
  publish       = true
  tags          = var.tags

  dynamic "environment" {
    for_each = length(var.environment) > 0 ? [var.environment] : []

    content {
      variables = environment.value
    }
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_days
  tags              = var.tags
}

output "arn" {
  value = aws_lambda_function.this.arn
}

output "name" {
  value = aws_lambda_function.this.function_name
}

output "log_group" {
  value = aws_cloudwatch_log_group.this.name
}
