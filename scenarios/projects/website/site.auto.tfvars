domain       = "acme-site.example"
editor_cidrs = ["198.51.100.0/24", "203.0.113.64/28"]
