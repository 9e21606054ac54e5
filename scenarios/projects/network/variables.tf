variable "cidrs" {
  type = map(string)
}

variable "blocked" {
  description = "Ranges that reach nothing: rule number to range."
  type        = map(string)
  default     = {}
}

variable "office_cidrs" {
  type = list(string)
}

variable "hosts" {
  type = map(object({ address = string, ttl = optional(number, 300) }))
}
