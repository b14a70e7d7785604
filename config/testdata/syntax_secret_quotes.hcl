provider "kubernetes" "a" {
  token = 'hunter2'
}
