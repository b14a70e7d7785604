collect {
  sync_timeout = "10"

  select {
    namespaces = ["Team-A", "team-*", "", "-a"]
    labels     = ["tier=", "tier=a,", "env in prod", "a b c", "x/y/z", "team!", "ok notin (a, b)", 5, "n = ä", "region ! = eu", "env in (a, b))", { a = "b" }]
  }
  ignore {
    namespaces = "kube-system"
    labels     = { app = "no space", "-x" = "y", good = "yes", number = 5, list = ["a"] }
    pod_phases = ["Succeeded", "failed", "Completed"]
  }
  custom_resources {
    enabled       = "maybe"
    groups        = ["argoproj.io"]
    ignore_groups = ["cilium.io"]
  }
  changes {
    diff          = true
    ignore_fields = ["status.conditions[*].lastHeartbeatTime", "", "spec..x", "metadata.annotations['a'", "spec.containers[0]"]
  }
}

provider "kubernetes" "a" {
  context            = "x"
  identity           = "production"
  namespaces         = ["a/b"]
  exclude_namespaces = ["ok"]

  collect {
    sync_timeout = "-1s"
    concurrency  = 0
    select {
      labels = true
    }
    custom_resources {
      groups = ["argoproj.io/v1", "argoproj.io.*", "apps", "networking.k8s.io", "*.k8s.io", ""]
    }
    nonsense {}
  }
  select {
    namespaces = ["b"]
  }
}

provider "manifests" "files" {
  paths    = ["a"]
  identity = "any"
}
