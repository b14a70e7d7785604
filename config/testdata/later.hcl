ttl {
  versions = "90d"
}

webhook "replicas" {
  url = "http://example.com"
}

report "daily" {
}

collect {
  interval     = "30m"
  schedule     = "* * * * *"
  run_on_start = true
}

provider "kubernetes" "a" {
  context  = "x"
  interval = "1h"
  collect {
    interval = "2h"
  }
}
