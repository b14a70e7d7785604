lake {
  url = "a"
  url = "b"
}

lake {
  url = "c"
}

provider "kubernetes" "prod" {
  context = "a"
}

provider "manifests" "prod" {
  paths = ["a"]
}

provider "kubernetes" "" {
  context = "a"
}

provider "kubernetes" "a\nb" {
  context = "a"
}

provider "kubernetes" {
  context = "a"
}

provider "kubernetes" "a" "b" {
  context = "a"
}

collect {
  select {}
  select {}
}

collect {}

redact {
  key_file = ""
}
redact {}
