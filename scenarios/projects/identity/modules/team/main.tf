variable "name" {
  type = string
}

variable "members" {
  type = list(string)
}

variable "managed" {
  type = list(string)
}

variable "actions" {
  type = list(string)
}

variable "boundary" {
  type    = string
  default = null
}

variable "bucket" {
  type = string
}

resource "aws_iam_group" "this" {
  name = var.name
  path = "/teams/"
}

resource "aws_iam_user" "member" {
  for_each = toset(var.members)
  name     = each.key
  path     = "/people/"
  tags     = { Team = var.name }
}

resource "aws_iam_group_membership" "this" {
  name  = "${var.name}-members"
  group = aws_iam_group.this.name
  users = [for user in aws_iam_user.member : user.name]
}

resource "aws_iam_role" "this" {
  name                 = var.name
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.boundary
  tags                 = { Team = var.name }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::123456789012:root"]
    }
  }
}

resource "aws_iam_policy" "own" {
  name = "${var.name}-own"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Own", Effect = "Allow", Action = var.actions, Resource = "${var.bucket}/*" }]
  })
  tags = { Team = var.name }
}

resource "aws_iam_role_policy_attachment" "managed" {
  for_each   = toset(concat(var.managed))
  role       = aws_iam_role.this.name
  policy_arn = each.key
}

resource "aws_iam_role_policy_attachment" "own" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.own.arn
}

resource "aws_iam_role_policy" "session" {
  name = "session"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sts:GetCallerIdentity"], Resource = "*" }]
  })
}

resource "aws_cloudwatch_log_group" "audit" {
  name              = "/access/${var.name}"
  retention_in_days = 365
}
