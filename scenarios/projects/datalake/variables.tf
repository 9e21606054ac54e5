variable "zones" {
  description = "Zones of the lake: how long objects stay, how they are classified, who else reads them."
  type = map(object({
    days        = number
    class       = string
    versioned   = optional(bool, true)
    shared_with = optional(list(string), [])
  }))
}

variable "readers" {
  type = set(string)
}

variable "shards" {
  type    = number
  default = 2
}
