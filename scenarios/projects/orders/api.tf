resource "aws_apigatewayv2_api" "orders" {
  name          = local.name
  description   = "Order intake"
  protocol_type = "HTTP"
  tags          = local.tags
}

resource "aws_apigatewayv2_stage" "live" {
  api_id      = aws_apigatewayv2_api.orders.id
  name        = var.stage
  auto_deploy = true
  tags        = local.tags
}

resource "aws_api_gateway_rest_api" "partners" {
  name        = "${local.name}-partners"
  description = "Old partners' interface"
  tags        = local.tags
}

resource "aws_api_gateway_resource" "orders" {
  rest_api_id = aws_api_gateway_rest_api.partners.id
  parent_id   = aws_api_gateway_rest_api.partners.root_resource_id
  path_part   = "orders"
}

resource "aws_api_gateway_method" "post" {
  rest_api_id      = aws_api_gateway_rest_api.partners.id
  resource_id      = aws_api_gateway_resource.orders.id
  http_method      = "POST"
  authorization    = "AWS_IAM"
  api_key_required = true
}
