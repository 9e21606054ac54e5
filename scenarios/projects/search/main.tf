terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.60"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

variable "days" {
  type    = number
  default = 14
}

locals {
  name = "search-prod"
  tags = { Project = "search", ManagedBy = "terraform" }
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/search/prod/api"
  retention_in_days = var.days
  tags              = local.tags
}

resource "aws_sns_topic" "reindex" {
  name = "${local.name}-reindex"
  tags = local.tags
}

resource "aws_ssm_parameter" "shards" {
  name  = "/${local.name}/shards"
  type  = "String"
  value = tostring(var.days * 2)
  tags  = local.tags
}

resource "aws_iam_role" "indexer" {
  name = "${local.name}-indexer"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
  tags = local.tags
}

resource "aws_iam_role_policy" "indexer" {
  name = "read"
  role = aws_iam_role.indexer.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "arn:aws:s3:::acme-search-prod/*" }]
  })
}

resource "aws_s3_bucket" "index" {
  bucket = "acme-${local.name}"
  tags   = local.tags
}

resource "aws_s3_bucket_versioning" "index" {
  bucket = aws_s3_bucket.index.id

  versioning_configuration {
    status = "Enabled"
  }
}
