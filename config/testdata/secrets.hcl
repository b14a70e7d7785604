provider "kubernetes" "a" {
  token = hunter2
}

provider "kubernetes" "b" {
  token = eyJ-hunter2.hunter2.hunter2 / 2
}

provider "kubernetes" "c" {
  token = { value = "hunter2" }
}

provider "kubernetes" "d" {
  bearer     = ["hunter2"]
}

provider "kubernetes" "e" {
  kubeconfig = jsondecode("{\"token\": hunter2")
  ca_data    = base64decode("hunter2!")
  token      = "${env.NOT_SET}hunter2"
}

provider "kubernetes" "f" {
  tokne  = "hunter2"
  secret = "hunter2"
  server = { token = "hunter2", user = "joe", "client-key" = "hunter2" }
  token "hunter2" {
  }
}

provider "kubernetes" "g" {
  ca_data = [
    "hunter2",
    <<EOT
hunter2
EOT
  ]
}
