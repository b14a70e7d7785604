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

  select {
    namespaces = ["a"]
    labels     = { a = "b" }
  }
  ignore {
    namespaces = ["a"]
    pod_phases = ["Succeeded"]
  }
  custom_resources {
    enabled = true
  }
  changes {
    enabled = true
  }
}

redact {
  types = ["core.v1.ConfigMap"]
}

provider "kubernetes" "a" {
  context    = "x"
  namespaces = ["a"]
  interval   = "1h"
  collect {
    interval = "2h"
  }
}
