# A lake on any server that speaks S3 and knows conditional puts (If-None-Match, If-Match): versitygw, MinIO, Ceph, R2. The keys come from where
# the AWS SDK always looks: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, a role.

lake {
  url        = "s3://${env.K8SQ_BUCKET}/k8s"
  region     = "us-east-1"
  endpoint   = "http://127.0.0.1:7070"
  path_style = true # http://host/bucket instead of http://bucket.host
  profile    = "inventory"
}

provider "kubernetes" "dev" {
  kubeconfig = env.KUBECONFIG_DEV
}

collect {
  select {
    resource_types = [
      "core.v1.Pod",
      "core.v1.Node",
      "core.v1.Namespace",
      "core.v1.Event", # left out by default: its exact name brings it in
      "apps.v1.*",
      "rbac.authorization.k8s.io.v1.*",
    ]
  }
}
