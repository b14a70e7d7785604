provider "kubernetes" "a" {
  page_size = -1
  token     = "hunter2" # not hunter2
}

provider "kubernetes" "b" {
}

provider "kubernetes" "c" {
  kubeconfig = "missing/config"
}

provider "kubernetes" "d" {
  kubeconfig = "missing apiVersion: v1\nusers: [{token: hunter2}]"
}

provider "kubernetes" "e" {
  kubeconfig = <<EOT
missing
users:
- user:
    token: hunter2
EOT
}
