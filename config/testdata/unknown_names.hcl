lak {
  url = "x"
}

lake {
  ulr    = "s3://bucket"
  format = 2
}

provider "kuberntes" "a" {
  whatever = 1
}

provider "kubernetes" "prod" {
  context    = "x"
  kubeconfg  = "/x"
  nmae       = "Prod"
  for_each   = ["a"]
  toleration = 1
  tags {
    a = "b"
  }
  impersonate {
    user  = "x"
    group = "y"
  }
}

collect {
  concurency = 1
  selects {
  }
  select {
    resource_type = ["core.v1.Pod"]
  }
}

locals {
}

timeout = "3s"
