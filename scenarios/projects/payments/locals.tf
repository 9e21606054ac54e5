locals {
  name = "payments-${var.environment}"

  tags = {
    Project     = "payments"
    Environment = var.environment
    ManagedBy   = "terraform"
    Owner       = "team-payments"
  }

  buckets = {
    receipts = { versioned = true, class = "confidential" }
    exports  = { versioned = true, class = "internal" }
  }
}
