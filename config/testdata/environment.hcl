lake {
  url    = "s3://${env.MISSING}/x"
  region = env.EMPTY
}

provider "kubernetes" "prod" {
  token       = env.NOT_SET
  server      = env["ALSO_NOT_SET"]
  context     = env
  ca_data     = env.BAD_UTF8
  kubeconfig  = var.kubeconfig
  name        = prod
  page_size   = env.TOKEN

  impersonate {
    user = env.NOBODY
  }
}

provider "manifests" "files" {
  paths = [file("none.txt"), jsondecode(env.BAD_JSON), base64decode("*hunter2*"), upper("x"), env.TOKEN.more]
}

provider "manifests" "more" {
  paths = jsondecode(env.JSON).nothing
}
