variable "teams" {
  description = "Teams: who is in them, which AWS policies they get, and what they may do with their own prefix."
  type = map(object({
    members  = list(string)
    managed  = optional(list(string), [])
    actions  = optional(list(string), ["s3:GetObject"])
    boundary = optional(bool, false)
  }))
}

variable "automations" {
  description = "Users of machines that cannot assume a role."
  type        = map(object({ actions = list(string) }))
}

variable "pipelines" {
  description = "Repositories whose workflows may assume a role."
  type        = map(object({ repository = string, branch = optional(string, "main"), hours = optional(number, 1) }))
}
