locals {
  prefix = "acme"
  aws    = "arn:aws:iam::aws:policy"
}

module "team" {
  source   = "./modules/team"
  for_each = var.teams

  name     = "${local.prefix}-${each.key}"
  members  = each.value.members
  managed  = [for name in each.value.managed : "${local.aws}/${name}"]
  actions  = each.value.actions
  boundary = each.value.boundary ? aws_iam_policy.boundary.arn : null
  bucket   = "arn:aws:s3:::acme-lake-published/${each.key}"
}

resource "aws_iam_policy" "boundary" {
  name        = "${local.prefix}-boundary"
  path        = "/guard/"
  description = "Nobody goes beyond this"
  policy      = data.aws_iam_policy_document.boundary.json
}

data "aws_iam_policy_document" "boundary" {
  statement {
    sid       = "Work"
    actions   = ["*"]
    resources = ["*"]
  }

  statement {
    sid       = "NoIdentityChanges"
    effect    = "Deny"
    actions   = ["iam:CreateUser", "iam:CreateAccessKey", "organizations:*"]
    resources = ["*"]
  }
}

resource "aws_iam_user" "automation" {
  for_each = var.automations
  name     = "svc-${each.key}"
  path     = "/machines/"
  tags     = { Kind = "machine" }
}

resource "aws_iam_user_policy" "automation" {
  for_each = var.automations
  name     = "work"
  user     = aws_iam_user.automation[each.key].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = each.value.actions, Resource = "*" }]
  })
}

resource "aws_iam_access_key" "automation" {
  for_each = var.automations
  user     = aws_iam_user.automation[each.key].name
}

resource "aws_iam_openid_connect_provider" "github" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
}

data "aws_iam_policy_document" "pipeline" {
  for_each = var.pipelines

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${each.value.repository}:ref:refs/heads/${each.value.branch}"]
    }
  }
}

resource "aws_iam_role" "pipeline" {
  for_each             = var.pipelines
  name                 = "${local.prefix}-${each.key}"
  path                 = "/pipelines/"
  description          = "Workflows of ${each.value.repository}"
  assume_role_policy   = data.aws_iam_policy_document.pipeline[each.key].json
  max_session_duration = each.value.hours * 3600
  permissions_boundary = aws_iam_policy.boundary.arn
}

resource "aws_iam_role_policy_attachment" "pipeline" {
  for_each   = var.pipelines
  role       = aws_iam_role.pipeline[each.key].name
  policy_arn = each.key == "nightly-audit" ? "${local.aws}/SecurityAudit" : "${local.aws}/PowerUserAccess"
}

resource "aws_iam_role" "breakglass" {
  name               = "${local.prefix}-breakglass"
  assume_role_policy = <<-POLICY
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": "sts:AssumeRole",
          "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
          "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        }
      ]
    }
  POLICY
}

resource "aws_iam_role_policy_attachment" "breakglass" {
  role       = aws_iam_role.breakglass.name
  policy_arn = "${local.aws}/AdministratorAccess"
}

resource "aws_cognito_user_pool" "customers" {
  name              = "${local.prefix}-customers"
  mfa_configuration = "OFF"

  password_policy {
    minimum_length    = 12
    require_lowercase = true
    require_numbers   = true
    require_symbols   = false
    require_uppercase = true
  }
}

resource "aws_cognito_user_pool_client" "app" {
  for_each            = toset(["web", "mobile"])
  name                = each.key
  user_pool_id        = aws_cognito_user_pool.customers.id
  explicit_auth_flows = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
}
