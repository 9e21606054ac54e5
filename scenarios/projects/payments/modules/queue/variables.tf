variable "name" {
  type = string
}

variable "visibility_timeout" {
  description = "Seconds; at least the longest time a worker needs for one message."
  type        = number
  default     = 30
}

variable "tags" {
  type    = map(string)
  default = {}
}
