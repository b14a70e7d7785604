# Manifests as clusters: what a GitOps repository declares can be asked and compared like what runs. Works without any cluster:
#
#   k8sq sync  --config gitops.hcl
#   k8sq query --config gitops.hcl "select cluster, resource_id from snapshots order by all"

lake {
  url = "./lake"
}

provider "manifests" "gitops-prod" {
  paths = ["./clusters/prod"] # files, folders with all below them, globs
  tags  = { provider = "gitops", env = "prod" }
}

provider "manifests" "gitops-staging" {
  paths = ["./clusters/staging/*.yaml", "./clusters/staging/*.json"]
  tags  = { provider = "gitops", env = "staging" }

  # For a dump or a backup: when the cluster looked like that. Left out, it is the moment of the sync.
  captured_at = "2026-11-01T06:00:00Z"
}
