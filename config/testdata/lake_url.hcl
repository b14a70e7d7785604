lake {
  url      = "gs://bucket/x"
  endpoint = "localhost:9000"
}
