# The shop's cluster, as a folder of manifests stands for it. demo.sh says which folder, and of which evening it is.

lake {
  url = "./lake"
}

provider "manifests" "shop" {
  name        = "The shop"
  paths       = [env.SHOP_STATE]
  captured_at = env.SHOP_CAPTURED_AT
  tags        = { provider = "kind" }
}
