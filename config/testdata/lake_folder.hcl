# A folder with a bucket's settings is only warned of.
lake {
  url    = "my-bucket"
  region = "eu-central-1"
}
