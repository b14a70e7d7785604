# Which clusters k8sq reads, and where it keeps their history.
# "k8sq validate --connect" tries it out, "k8sq sync" collects.

lake {
  # A folder, which starts from this file's, or a bucket: "s3://bucket/prefix".
  url = "s3://inventory/k8s"
}

# A block for each cluster. The second label is the cluster's id: it names the cluster in every row and stays with its
# data for good, so choose it before the first sync. tags = { env = "prod" } adds what you want to ask by.

# The current context, https://ABC.gr7.us-east-1.eks.amazonaws.com
provider "kubernetes" "shop" {
  kubeconfig = "/home/joe/.kube/config"
  context    = "arn:aws:eks:us-east-1:123456789012:cluster/shop"
}

# https://34.1.2.3
provider "kubernetes" "shop-2" {
  kubeconfig = "/home/joe/.kube/config"
  context    = "gke_my-project_europe-west1_shop"
}

provider "kubernetes" "kind-dev" {
  context = "kind-dev"
}

collect {
  concurrency = 4 # resource types of a cluster that are listed at a time

  # Everything that may be listed is, but for what changes without meaning, such as Events and Leases. To narrow it:
  # select {
  #   resource_types = ["core.v1.Pod", "apps.v1.*"]
  # }
  # ignore {
  #   resource_types = ["*.Secret"]
  # }
}
