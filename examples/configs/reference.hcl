lake {
  url        = "s3://bucket/prefix"
  region     = "eu-central-1"
  endpoint   = "https://s3.example.com"
  path_style = true
  profile    = "inventory"
}

provider "kubernetes" "by-kubeconfig" {
  name       = "A name for people"
  tags       = { provider = "aws", team = "platform" }
  kubeconfig = "~/.kube/config"
  context    = "production"
  timeout    = "60s"
  retries    = 5
  qps        = 50
  burst      = 100
  page_size  = 500
}

provider "kubernetes" "by-token" {
  server             = "https://10.0.0.1:6443"
  token_file         = "/run/secrets/cluster-token"
  ca_file            = "/etc/ssl/cluster-ca.pem"
  impersonate        = "inventory"
  impersonate_groups = ["readers"]
}

provider "kubernetes" "by-pod" {
  in_cluster         = true
  namespaces         = ["shop", "shop-*"]
  exclude_namespaces = ["shop-preview"]
  identity           = "1f2a5c0e-7c9b-4e55-9d0c-2f6f3f1f8a11"
}

provider "kubernetes" "by-default" {}

provider "manifests" "dump" {
  paths       = ["./dump"]
  captured_at = "2026-11-02T18:00:00Z"

  collect { # whatever the collect block below has, for this cluster
    ignore {
      pod_phases = []
    }
  }
}

collect {
  concurrency  = 4
  sync_timeout = "30m"

  select {
    resource_types = ["core.v1.*", "apps.v1.*", "rbac.authorization.k8s.io.v1.*"]
    namespaces     = ["team-*", "shop"]
    labels         = { "app.kubernetes.io/managed-by" = "helm" }
  }
  ignore {
    resource_types = ["*.ReplicaSet"]
    namespaces     = ["team-preview-*"]
    labels         = ["tier=cache", "env in (dev, test)", "!owner"]
    pod_phases     = ["Succeeded", "Failed"]
  }
  custom_resources {
    enabled       = true
    groups        = ["argoproj.io", "*.cattle.io"]
    ignore_groups = ["catalog.cattle.io"]
  }
  changes {
    enabled       = true
    diff          = true
    deletions     = true
    ignore_fields = ["metadata.annotations['example.com/checked-at']", "status.conditions[*].lastUpdateTime"]
  }
}

redact {
  key_file = "/etc/k8sq/redaction.key"
  types    = ["example.com.v1.Vault*"]
  names    = ["*passphrase*"]
  paths    = ["spec.users[*].token", "data['x.conf']"]
  patterns = ["AKIA[0-9A-Z]{16}"]

  defaults {
    env         = true
    args        = false
    config_maps = true
    annotations = true
    urls        = true
    fields      = true
    helm        = true
  }
}
