cidrs = {
  dublin    = "10.80.0.0/16"
  frankfurt = "10.81.0.0/16"
  spoke     = "10.90.0.0/16"
}

blocked = {
  "90" = "192.0.2.0/24"
  "91" = "203.0.113.128/25"
}

office_cidrs = ["198.51.100.0/24", "203.0.113.0/26"]

hosts = {
  gateway = { address = "10.80.1.10" }
  dns     = { address = "10.80.1.53", ttl = 60 }
  proxy   = { address = "10.80.2.20" }
  bastion = { address = "10.80.2.22" }
}
