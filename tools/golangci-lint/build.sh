#!/usr/bin/env bash
# Builds golangci-lint at the version of go.mod beside this file, once, into a folder outside the tree, and prints the binary's path.
# It is a module of its own so that its two hundred dependencies never stand among k8sq's.
set -euo pipefail
export GOFLAGS=-buildvcs=false # whatever the caller builds with
unset CGO_CFLAGS
here=$(cd "$(dirname "$0")" && pwd)
cache=${K8SQ_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sq}/tools
bin=$cache/golangci-lint-$(cat "$here/go.mod" "$here/go.sum" "$here/build.sh" <(go env GOVERSION) | sha256sum | cut -c1-12)
if [ ! -x "$bin" ]; then
  echo "building golangci-lint (once; kept as $bin)" >&2
  mkdir -p "$cache"
  # A build under a name of its own and a rename: two makes at once never meet half a binary.
  (cd "$here" && go build -trimpath -ldflags "-s -w" -o "$bin.$$" github.com/golangci/golangci-lint/v2/cmd/golangci-lint && mv "$bin.$$" "$bin") >&2
fi
echo "$bin"
