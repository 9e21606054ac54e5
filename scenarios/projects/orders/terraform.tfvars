queues = {
  placed  = { visibility = 90 }
  shipped = { visibility = 45, receives = 3 }
}

functions = {
  validate = { queue = "placed", env = { STRICT = "true" } }
  notify   = { queue = "shipped", memory = 512, timeout = 60 }
  report   = { memory = 1024, timeout = 300 }
}
