collect {
  select {
    resource_types = ["core.v1.Pod", "argoproj.io.v1alpha1.Application", "cert-manager.io.v1.Certificate", "batch.v1.Job", "apps.v1.*"]
    namespaces     = ["team-a", "kube-system", "dev-*"]
    labels         = { app = "web", tier = "front" }
  }
  ignore {
    resource_types = ["batch.*", "apps.*"]
    namespaces     = ["kube-*", "dev-*", "other"]
    labels         = ["app=web", "app=db,tier=x"]
  }
  custom_resources {
    groups        = ["argoproj.io", "*.cilium.io", "example.com"]
    ignore_groups = ["cert-manager.io", "*.io"]
  }
}

provider "kubernetes" "takes the defaults on" {
  context = "x"
}

provider "kubernetes" "has its own" {
  context            = "x"
  exclude_namespaces = ["team-a"]
  collect {
    custom_resources {
      enabled = false
    }
  }
}

provider "kubernetes" "disables what it names" {
  context = "x"
  collect {
    select {
      resource_types = ["argoproj.io.v1alpha1.Application"]
    }
    custom_resources {
      enabled = false
      groups  = ["argoproj.io"]
    }
  }
}

provider "kubernetes" "says it twice" {
  context    = "x"
  namespaces = ["a"]
  collect {
    select {
      namespaces = ["b"]
      labels     = ["a=1", "a in (2, 3)", "b", "!b", "c=1", "c!=1", "d=1", "d!=2"]
    }
    select {}
  }
  collect {}
}
