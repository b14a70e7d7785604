provider "kubernetes" "a" {
  token = hunter2 hunter2
}
