teams = {
  platform = {
    members  = ["ana", "bruno", "chiara"]
    managed  = ["ReadOnlyAccess", "IAMReadOnlyAccess"]
    actions  = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    boundary = true
  }
  payments = {
    members = ["dario", "ella", "farid"]
    managed = ["AmazonSQSReadOnlyAccess"]
  }
  data = {
    members = ["greta", "hugo"]
    managed = ["AmazonAthenaFullAccess"]
    actions = ["s3:GetObject", "s3:ListBucket"]
  }
  security = {
    members  = ["karim", "lena", "mateo"]
    managed  = ["SecurityAudit", "AWSCloudTrail_ReadOnlyAccess"]
    boundary = true
  }
  mobile = {
    members = ["nadia", "oskar"]
    managed = ["AmazonCognitoReadOnly"]
    actions = ["s3:GetObject", "s3:PutObject"]
  }
  search = {
    members = ["pilar", "quentin"]
    managed = ["AmazonOpenSearchServiceReadOnlyAccess"]
  }
  finance = {
    members = ["rosa", "stefan"]
    managed = ["AWSBillingReadOnlyAccess"]
  }
  support = {
    members = ["ines", "jakub"]
    managed = ["CloudWatchReadOnlyAccess"]
  }
}

automations = {
  backup-agent = { actions = ["s3:PutObject"] }
  metrics-pump = { actions = ["cloudwatch:PutMetricData"] }
}

pipelines = {
  deploy-web    = { repository = "acme/webshop" }
  deploy-lake   = { repository = "acme/datalake", hours = 2 }
  deploy-hub    = { repository = "acme/network", branch = "release" }
  nightly-audit = { repository = "acme/audit" }
}
