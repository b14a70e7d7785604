provider "kubernetes" "d" {
  "password" = "hunter2"
}
