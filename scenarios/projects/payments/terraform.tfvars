environment = "prod"
web_ami     = "ami-12c6146b"
office_cidr = "198.51.100.0/24"

subnets = {
  a = { zone = "eu-west-1a", cidr = "10.40.1.0/24" }
  b = { zone = "eu-west-1b", cidr = "10.40.2.0/24" }
}

log_retention_days = {
  api    = 90
  worker = 30
  audit  = 365 # PCI DSS 10.5.1 asks for a year
}
