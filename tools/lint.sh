#!/usr/bin/env bash
# Every check that reads the tree instead of running it. All of them run; the exit code says whether one found something.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
fault() { echo "lint: $*" >&2; failed=1; }

mapfile -t go_files < <(git ls-files '*.go')
unformatted=$(gofmt -l "${go_files[@]}")
[ -z "$unformatted" ] || fault "not as gofmt writes it: ${unformatted//$'\n'/ }"

# Every module of the tree that holds Go code of ours: golangci-lint takes the main one, go vet the others.
while read -r module; do
  (cd "$(dirname "$module")" && go vet ./...) || fault "go vet in $(dirname "$module")"
done < <(git ls-files '**/go.mod' ':!tools' ':!test/e2e/servers')
go vet -tags demo ./cmd/k8sq || fault "go vet of the demo's build"

while read -r script; do
  bash -n "$script" || fault "$script does not parse"
  [ -x "$script" ] || fault "$script is not executable"
done < <(git ls-files '*.sh' .ci/run)

golangci=$(tools/golangci-lint/build.sh)
"$golangci" run || fault "golangci-lint"
tools/imports.sh "$golangci" || fault "import rules"
tools/documents.sh || fault "documents"

exit $failed
