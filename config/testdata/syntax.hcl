lake {
  ulr = "x"
}

provider "kubernetes" "a" {
  page_size = = 3
}

provider "manifests" "b" {
}
