variable "region" {
  description = "Where the payments stack runs."
  type        = string
  default     = "eu-west-1"
}

variable "environment" {
  type = string
}

variable "vpc_cidr" {
  type    = string
  default = "10.40.0.0/16"
}

variable "subnets" {
  description = "Private subnets: name to zone and range."
  type        = map(object({ zone = string, cidr = string }))
}

variable "web_ami" {
  description = "Hardened image, rolled by the platform team on the first Monday of a month."
  type        = string
}

variable "web_instance_type" {
  type    = string
  default = "t3.small"
}

variable "log_retention_days" {
  type    = map(number)
  default = {}
}

variable "office_cidr" {
  description = "VPN egress; the only way to the admin port."
  type        = string
}
