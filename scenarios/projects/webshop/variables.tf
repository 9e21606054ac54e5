variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "environment" {
  type = string
}

variable "zones" {
  type = list(string)
}

variable "services" {
  description = "One fleet a service: its size, its port and what it logs."
  type = map(object({
    instances     = number
    instance_type = string
    port          = number
    retention     = optional(number, 30)
    public        = optional(bool, false)
  }))
}

variable "admin_cidrs" {
  type    = list(string)
  default = ["198.51.100.0/24"]
}

variable "database" {
  type = object({ class = string, storage = number, retention = number })
}

variable "parameters" {
  type    = map(string)
  default = {}
}
