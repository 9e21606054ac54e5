variable "stage" {
  type    = string
  default = "live"
}

variable "queues" {
  type = map(object({
    visibility = number
    retention  = optional(number, 345600)
    receives   = optional(number, 5)
  }))
}

variable "functions" {
  type = map(object({
    memory  = optional(number, 256)
    timeout = optional(number, 30)
    queue   = optional(string)
    env     = optional(map(string), {})
  }))
}
