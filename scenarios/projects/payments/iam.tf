resource "aws_iam_role" "api" {
  name = "${local.name}-api"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
  tags = local.tags
}

resource "aws_iam_policy" "ledger_read" {
  name = "${local.name}-ledger-read"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:Query"]
      Resource = aws_dynamodb_table.ledger.arn
    }]
  })
  tags = local.tags
}

resource "aws_iam_role_policy_attachment" "api_ledger" {
  role       = aws_iam_role.api.name
  policy_arn = aws_iam_policy.ledger_read.arn
}

resource "aws_iam_role_policy" "api_queue" {
  name = "send-settlements"
  role = aws_iam_role.api.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = module.settlement.arn
    }]
  })
}
