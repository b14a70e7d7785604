collect {
  select {
    resource_types = ["Pod", "apps/v1.Deployment", "", "core.v1.[a-z]*", "apps.v1.deployments", "core.v1.Pod", "*.Secret", "v1.Pod", "argoproj.io"]
  }
  ignore {
    resource_types = jsondecode("[\"pods\"]")
  }
}
