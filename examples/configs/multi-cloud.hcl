# Clusters of several clouds in one bucket, each with credentials of its own. They are synced side by side; one that cannot be reached
# leaves the others alone, and "k8sq sync" ends with exit code 3.
#
# Nothing secret stands in this file: env.NAME takes it from the environment. A variable that is not set is an error.

lake {
  url    = "s3://acme-k8s-inventory/lake"
  region = "eu-central-1"
}

# EKS, through a kubeconfig with an exec plug-in (aws eks get-token).
provider "kubernetes" "aws-us-east" {
  name       = "AWS US East 1"
  kubeconfig = env.KUBECONFIG_AWS # a path, or the content itself
  context    = "shop"
  tags       = { provider = "aws", region = "us-east-1", env = "prod" }
}

# GKE, through a ServiceAccount's token. ca_data takes the base64 that "gcloud container clusters describe" prints as well as PEM.
provider "kubernetes" "gcp-europe" {
  name    = "GCP Europe West 1"
  server  = env.GKE_SERVER
  token   = env.GKE_TOKEN
  ca_data = env.GKE_CA
  tags    = { provider = "gcp", region = "europe-west1", env = "prod" }
}

# AKS. Where a secret store hands all out as one JSON document: token = jsondecode(env.AKS_CREDENTIALS).token
provider "kubernetes" "azure-north" {
  name    = "Azure North Europe"
  server  = env.AKS_SERVER
  token   = env.AKS_TOKEN
  ca_data = env.AKS_CA
  tags    = { provider = "azure", region = "northeurope", env = "prod" }

  # Slower, but hardly to be felt by a small control plane.
  qps       = 10
  burst     = 20
  page_size = 250
}

collect {
  concurrency = 8
}

# The key that turns Secrets' values into fingerprints. Keep it away from the lake; every machine that syncs into one lake needs the same.
redact {
  key_file = "/etc/k8sq/redaction.key"
}
