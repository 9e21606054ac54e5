locals {
  bucket = "acme-${var.site}"
  hosts  = toset(["www", "docs", "status"])
  tags   = { Component = "website" }
}

resource "aws_s3_bucket" "site" {
  bucket = local.bucket
  tags   = merge(local.tags, { Public = "through-cdn-only" })
}

resource "aws_s3_bucket_website_configuration" "site" {
  bucket = aws_s3_bucket.site.id

  index_document {
    suffix = "index.html"
  }

  error_document {
    key = "404.html"
  }
}

resource "aws_s3_bucket_versioning" "site" {
  bucket = aws_s3_bucket.site.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "site" {
  bucket                  = aws_s3_bucket.site.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_cors_configuration" "site" {
  bucket = aws_s3_bucket.site.id

  cors_rule {
    allowed_methods = ["GET", "HEAD"]
    allowed_origins = ["https://www.${var.domain}"]
    max_age_seconds = 3600
  }
}

resource "aws_s3_bucket_ownership_controls" "site" {
  bucket = aws_s3_bucket.site.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "site" {
  bucket = aws_s3_bucket.site.id
  policy = <<-POLICY
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "CdnReads",
          "Effect": "Allow",
          "Principal": {"Service": "cloudfront.amazonaws.com"},
          "Action": "s3:GetObject",
          "Resource": "arn:aws:s3:::${local.bucket}/*"
        }
      ]
    }
  POLICY
}

resource "aws_cloudfront_origin_access_control" "site" {
  name                              = var.site
  description                       = "Only the CDN reads the site's bucket"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# CloudFront takes certificates of us-east-1 only.
resource "aws_acm_certificate" "site" {
  provider          = aws.us_east_1
  domain_name       = var.domain
  validation_method = "DNS"
  tags              = merge(local.tags, { Name = var.domain })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_zone" "site" {
  name    = var.domain
  comment = "Public zone of the website"
}

resource "aws_route53_record" "host" {
  for_each = local.hosts
  zone_id  = aws_route53_zone.site.zone_id
  name     = "${each.key}.${var.domain}"
  type     = "CNAME"
  ttl      = var.record_ttl
  records  = ["${each.key}.${var.cdn_domain}"]
}

resource "aws_route53_record" "mail" {
  zone_id = aws_route53_zone.site.zone_id
  name    = var.domain
  type    = "TXT"
  ttl     = var.record_ttl
  records = ["v=spf1 -all"]
}

resource "aws_wafv2_ip_set" "editors" {
  name               = "${var.site}-editors"
  description        = "Who may reach the preview"
  scope              = "REGIONAL"
  ip_address_version = "IPV4"
  addresses          = var.editor_cidrs
}
