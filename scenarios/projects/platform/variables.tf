variable "images" {
  type = map(object({
    mutable = optional(bool, false)
    keep    = optional(number, 20)
  }))
}

variable "tasks" {
  type = map(object({ image = string, cpu = number, memory = number }))
}

variable "workers" {
  type = object({ min = number, max = number, desired = number, type = string })
}
