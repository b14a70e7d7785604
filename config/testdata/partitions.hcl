provider "manifests" "Null" {
  paths = ["."]
}

provider "manifests" "__HIVE_DEFAULT_PARTITION__" {
  paths = ["."]
}

provider "manifests" "漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢" {
  paths = ["."]
}

provider "manifests" "prod" {
  paths = ["."]
  tags  = { provider = "NULL" }
}

provider "manifests" "nullable" {
  paths = ["."]
}
