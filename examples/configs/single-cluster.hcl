# The smallest useful configuration: one cluster, a folder beside this file.
#
#   k8sq sync  --config single-cluster.hcl
#   k8sq query --config single-cluster.hcl "select kind, count(*) from snapshots group by kind"

lake {
  url = "./lake"
}

# "prod" names the cluster in every row and stays with its data for good. With neither a kubeconfig nor a server named, k8sq
# takes KUBECONFIG_PROD, KUBECONFIG, ~/.kube/config or, inside a cluster, the pod's service account: whichever comes first.
provider "kubernetes" "prod" {
  name = "Production"
  tags = { env = "prod" }
}

collect {
  # Left out anyway: Events, Leases, Endpoints and the like. A type that is named in full in a select block is collected even so.
  ignore {
    resource_types = ["*.ReplicaSet", "apps.v1.ControllerRevision"]
  }
}
