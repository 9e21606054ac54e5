images = {
  api      = {}
  worker   = { keep = 10 }
  sandbox  = { mutable = true, keep = 5 }
  frontend = {}
}

tasks = {
  api    = { image = "api", cpu = 512, memory = 1024 }
  worker = { image = "worker", cpu = 1024, memory = 2048 }
}

workers = { min = 2, max = 6, desired = 3, type = "m5.large" }
