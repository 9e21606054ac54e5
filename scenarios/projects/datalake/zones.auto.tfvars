zones = {
  raw       = { days = 30, class = "restricted" }
  curated   = { days = 365, class = "confidential" }
  published = { days = 730, class = "internal", shared_with = ["222222222222"] }
  scratch   = { days = 7, class = "internal", versioned = false }
}

readers = ["analysts", "dashboards"]
