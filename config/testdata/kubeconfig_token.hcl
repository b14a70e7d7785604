provider "kubernetes" "token" {
  kubeconfig = env.LONG_TOKEN
}

provider "kubernetes" "path" {
  kubeconfig = "missing-kubeconfig-of-production.yaml"
}
