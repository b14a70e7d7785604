#!/usr/bin/env bash
# Proves that the import rules of .golangci.yml bite, and that they leave alone what they should: it plants imports into a small
# copy of the tree and compares what depguard says of each. usage: imports.sh GOLANGCI-LINT
set -euo pipefail
lint=$1
top=$(cd "$(dirname "$0")/.." && pwd)
module=github.com/k8sq/k8sq
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp "$top/go.mod" "$top/go.sum" "$top/.golangci.yml" "$tree"

# What the rules must say: verdict, the folder that imports, the package imported ("./x" is one of ours).
# Each importer is a package of its own below the folder, so that no import makes a cycle.
cases=$(grep -vE '^(#|$)' "$top/tools/imports.txt")

number=0
while read -r verdict folder package; do
  number=$((number + 1))
  case $package in
  ./*) # an empty package stands for ours
    target=$tree/${package#./}
    mkdir -p "$target"
    echo "package ours" >"$target/ours.go"
    package=$module/${package#./} ;;
  esac
  planted=$tree/$folder/planted$number
  mkdir -p "$planted"
  printf 'package planted\n\nimport _ "%s"\n' "$package" >"$planted/planted.go"
done <<<"$cases"

said=$(cd "$tree" && "$lint" run --config .golangci.yml --enable-only depguard --output.text.path stdout --output.text.print-issued-lines=false --output.text.colors=false 2>&1 || true)

number=0 wrong=0
while read -r verdict folder package; do
  number=$((number + 1))
  found=allowed
  grep -qE "^$folder/planted$number/planted.go:.*import '.*\(depguard\)" <<<"$said" && found=denied
  if [ "$found" != "$verdict" ]; then
    echo "imports.sh: $package in $folder/ is $found by .golangci.yml, and should be $verdict" >&2
    wrong=1
  fi
done <<<"$cases"
# A rule that no case above needs is one that nothing proves.
while read -r rule; do
  grep -q "from list '$rule'" <<<"$said" || { echo "imports.sh: no case of tools/imports.txt meets the rule $rule" >&2; wrong=1; }
done < <(awk '/^    depguard:/ {on=1} on && /^        [a-z-]+:$/ {gsub(/[ :]/, ""); print} on && /^    [a-z]+:$/ && !/depguard/ {exit}' "$tree/.golangci.yml")
if [ $wrong = 1 ]; then
  echo "$said" >&2
  exit 1
fi
echo "import rules: $number planted imports judged as they should be"
