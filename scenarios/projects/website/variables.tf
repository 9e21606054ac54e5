variable "site" {
  type    = string
  default = "website-prod"
}

variable "domain" {
  type = string
}

variable "cdn_domain" {
  type    = string
  default = "cdn.acme.example"
}

variable "record_ttl" {
  type    = number
  default = 300
}

variable "editor_cidrs" {
  type = list(string)
}
