data "aws_caller_identity" "here" {}

locals {
  prefix = "acme-lake"

  tags = {
    Project   = "datalake"
    ManagedBy = "terraform"
    Owner     = "team-data"
  }
}

module "zone" {
  source   = "./modules/bucket"
  for_each = var.zones

  name        = "${local.prefix}-${each.key}"
  days        = each.value.days
  versioned   = each.value.versioned
  shared_with = each.value.shared_with
  kms_key_arn = aws_kms_key.lake.arn
  tags        = merge(local.tags, { DataClass = each.value.class, Zone = each.key })
}

resource "aws_kms_key" "lake" {
  description             = "Objects of the lake"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = local.tags
}

resource "aws_kms_alias" "lake" {
  name          = "alias/${local.prefix}"
  target_key_id = aws_kms_key.lake.key_id
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.here.account_id}:root"]
    }
  }
}

resource "aws_glue_catalog_database" "zone" {
  for_each    = var.zones
  name        = "lake_${each.key}"
  description = "Tables of the ${each.key} zone"
}

resource "aws_kinesis_stream" "events" {
  name             = "${local.prefix}-events"
  shard_count      = var.shards
  retention_period = 48
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.lake.arn
}

resource "aws_backup_vault" "lake" {
  name = local.prefix
}

resource "aws_cloudtrail" "lake" {
  name                          = "${local.prefix}-trail"
  s3_bucket_name                = module.zone["raw"].bucket
  include_global_service_events = true
  enable_log_file_validation    = true
  depends_on                    = [module.zone]
}

resource "aws_cloudwatch_log_group" "job" {
  for_each          = toset(["ingest", "compact", "publish"])
  name              = "/lake/${each.key}"
  retention_in_days = 30
  tags              = local.tags
}

resource "aws_dynamodb_table" "watermarks" {
  name         = "${local.prefix}-watermarks"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "source"

  attribute {
    name = "source"
    type = "S"
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  tags = local.tags
}
