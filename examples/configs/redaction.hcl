provider "kubernetes" "production" {
  context = "production"
}

redact {
  types    = ["example.com.v1.Vault*"]                                # every string but those of metadata and status
  names    = ["*passphrase*", "licence"]                              # of variables, ConfigMap entries and any field; case does not count
  paths    = ["spec.password", "spec.users[*].token", "data['x.conf']"] # all below them, in objects of every type
  patterns = ["AKIA[0-9A-Z]{16}", "corp-[0-9a-f]{40}"]                # what they match, in any string

  defaults {
    args = false
  }
}
