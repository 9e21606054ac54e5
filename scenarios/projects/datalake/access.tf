data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  for_each = var.readers

  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = [module.zone["published"].arn, "${module.zone["published"].arn}/*"]
  }

  dynamic "statement" {
    for_each = each.key == "analysts" ? [1] : []

    content {
      sid       = "Scratch"
      actions   = ["s3:PutObject"]
      resources = ["${module.zone["scratch"].arn}/*"]
    }
  }
}

resource "aws_iam_role" "job" {
  name                 = "${local.prefix}-job"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
  tags                 = local.tags
}

resource "aws_iam_role" "reader" {
  for_each           = var.readers
  name               = "${local.prefix}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_policy" "read" {
  for_each    = var.readers
  name        = "${local.prefix}-${each.key}-read"
  description = "What ${each.key} may read"
  policy      = data.aws_iam_policy_document.read[each.key].json
  tags        = merge(local.tags, { Reader = each.key })
}

resource "aws_iam_role_policy_attachment" "read" {
  for_each   = var.readers
  role       = aws_iam_role.reader[each.key].name
  policy_arn = aws_iam_policy.read[each.key].arn
}

resource "aws_iam_role_policy" "job" {
  name = "write-zones"
  role = aws_iam_role.job.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for name, zone in module.zone : {
      Sid      = title(name)
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "${zone.arn}/*"
    }]
  })
}
