#!/usr/bin/env bash
# Builds the real servers that the tests run against, once, into a folder outside the tree, and prints that folder.
#   build.sh s3            versitygw
#   build.sh kubernetes    etcd, kube-apiserver, kube-controller-manager
# The flags are fixed: they are keys of Go's build cache, so that a changed flag costs ten minutes.
set -euo pipefail
export GOFLAGS=-buildvcs=false # whatever the caller builds with
here=$(cd "$(dirname "$0")" && pwd)
cache=${K8SQ_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sq}/servers

build() { # module folder, then packages
  local module=$1; shift
  local bin; bin=$cache/$module-$(cat "$here/$module/go.mod" "$here/$module/go.sum" "$here/build.sh" <(go env GOVERSION) | sha256sum | cut -c1-12)
  mkdir -p "$bin"
  local package name
  for package in "$@"; do
    name=$(basename "${package%/v3}")
    [ "$package" = go.etcd.io/etcd/server/v3 ] && name=etcd
    [ -x "$bin/$name" ] && continue
    echo "building $name (once; kept in $bin)" >&2
    (cd "$here/$module" && CGO_ENABLED=0 go build -trimpath -ldflags "$ldflags" -o "$bin/$name.new" "$package" && mv "$bin/$name.new" "$bin/$name") >&2
  done
  echo "$bin"
}

ldflags="-s -w"
for version in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  ldflags+=" -X $version.gitVersion=v1.37.2 -X $version.gitMajor=1 -X $version.gitMinor=37"
done

for what in "$@"; do
  case $what in
  s3) build s3 github.com/versity/versitygw/cmd/versitygw ;;
  kubernetes) build kubernetes go.etcd.io/etcd/server/v3 k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager ;;
  *) echo "build.sh: unknown server $what" >&2; exit 2 ;;
  esac
done
