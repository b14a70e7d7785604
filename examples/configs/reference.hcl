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
  in_cluster = true
}

provider "kubernetes" "by-default" {}

provider "manifests" "dump" {
  paths       = ["./dump"]
  captured_at = "2026-11-02T18:00:00Z"
}

collect {
  concurrency = 4

  select {
    resource_types = ["core.v1.*", "apps.v1.*", "rbac.authorization.k8s.io.v1.*"]
  }
  ignore {
    resource_types = ["*.ReplicaSet"]
  }
}

redact {
  key_file = "/etc/k8sq/redaction.key"
}
