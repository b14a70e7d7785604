lake {
  url    = "s3://acme-inventory/k8s"
  region = "eu-central-1"
}

provider "kubernetes" "prod-eu" { # the cluster's id: it names the cluster for ever
  name       = "Production, Frankfurt"
  kubeconfig = env.KUBECONFIG_PROD_EU # a path, or the content itself
  tags       = { provider = "aws", env = "prod" }
}

provider "kubernetes" "staging" {
  kubeconfig = "~/.kube/config"
  context    = "staging"
  tags       = { provider = "gcp", env = "staging" }
}

provider "manifests" "gitops" { # YAML or JSON files stand for a cluster
  paths = ["./clusters/prod"]
}

collect {
  ignore {
    resource_types = ["*.Job", "cilium.io.*"]
  }
}
