environment = "prod"
zones       = ["eu-west-1a", "eu-west-1b"]

services = {
  storefront = { instances = 2, instance_type = "t3.medium", port = 8080, retention = 90, public = true }
  catalogue  = { instances = 2, instance_type = "t3.small", port = 8081 }
  cart       = { instances = 1, instance_type = "t3.small", port = 8082, retention = 14 }
}

database = { class = "db.t3.medium", storage = 100, retention = 7 }

parameters = {
  "checkout/timeout_seconds" = "30"
  "checkout/currency"        = "EUR"
  "search/shards"            = "3"
}
