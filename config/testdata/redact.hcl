redact {
  types    = ["example.com.v1.Vault*", "apps/v1/Deployment"]
  names    = ["*passphrase*", "*"]
  paths    = ["spec.users[*].token", "spec..x", "data['x'", "metadata.name"]
  patterns = ["AKIA[0-9A-Z]{16}", "(", ".*", 5]
  pattern  = ["x"]
  key_file = ""
  defaults {
    secrets = false
    env     = "no"
    argss   = false
  }
  defaults {
    helm = false
  }
}

redact {
  patterns = [
    "[a-",
  ]
  defaults {
    secrets = false
    env     = false
  }
}
