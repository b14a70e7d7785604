lake {
  url        = ["a"]
  path_style = "maybe"
}

provider "kubernetes" "prod" {
  name      = { a = 1 }
  tags      = ["aws"]
  server    = "https://joe:hunter2@example.com"
  page_size = "many"

  impersonate {
    groups = "admins"
  }
}

provider "manifests" "gitops" {
}

provider "manifests" "one" {
  paths = "a.yaml"
}

collect {
  concurrency = 1.5
  select {
    resource_types = [["core.v1.Pod"]]
  }
}
