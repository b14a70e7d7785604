# Less than everything: what is collected by type, namespace, label, phase and API group, with settings of its own for one cluster.
# What is not covered is not looked at, and nothing of it is taken for deleted.

lake {
  url = "./lake"
}

# Credentials that may read two namespaces and nothing else: each is listed by itself.
provider "kubernetes" "shared" {
  kubeconfig = "~/.kube/config"
  context    = "shared"
  namespaces = ["shop", "shop-jobs"]
}

# All of a cluster, though the defaults below say otherwise.
provider "kubernetes" "staging" {
  kubeconfig = "~/.kube/config"
  context    = "staging"

  collect {
    sync_timeout = "5m"
    ignore {
      namespaces = []
      pod_phases = []
    }
    custom_resources {
      groups = []
    }
  }
}

collect {
  ignore {
    resource_types = ["apps.v1.ReplicaSet", "*.Workflow"]
    namespaces     = ["kube-*", "preview-*"]
    labels         = ["tier=cache", "env in (dev, test)"] # what any one of them chooses
    pod_phases     = ["Succeeded", "Failed"]
  }
  custom_resources {
    groups = ["argoproj.io", "*.cattle.io"] # of these groups, and no others
  }
  changes {
    ignore_fields = [
      "metadata.annotations['example.com/checked-at']",
      "status.conditions[*].lastUpdateTime",
    ]
  }
}
