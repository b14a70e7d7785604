provider "kubernetes" "a" {
  kubeconfig = <<EOT
users:
- token: hunter2 ${
EOT
}
