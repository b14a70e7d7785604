#!/usr/bin/env bash
# Holds the documents to what they say: a block of HCL that follows a line <!-- examples/configs/x.hcl --> is that file, letter by
# letter (the files are loaded by the tests), and every relative link leads somewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
fault() { echo "documents: $*" >&2; failed=1; }

# The first fenced block after line $2 of file $1.
block() { awk -v from="$2" 'NR <= from {next} /^```/ {if (on) exit; on = 1; next} on' "$1"; }

count=0
while IFS=: read -r document line marker; do
  source=${marker#<!-- }
  source=${source% -->}
  count=$((count + 1))
  if [ ! -f "$source" ]; then
    fault "$document:$line names $source, which is not there"
  elif ! difference=$(diff <(block "$document" "$line") "$source"); then
    fault "$document:$line and $source differ:"$'\n'"$difference"
  fi
done < <(git grep -nE '^<!-- [a-z0-9/._-]+ -->$' -- '*.md')
[ $count -gt 0 ] || fault "no block names its file: the check has lost its subject"

while IFS=: read -r document line link; do
  target=${link#*](}
  target=${target%)}
  target=${target%%#*}
  case $target in '' | http://* | https://*) continue ;; esac
  [ -e "$(dirname "$document")/$target" ] || fault "$document:$line links to $target, which is not there"
done < <(git grep -noE '\]\([^)]+\)' -- '*.md')

exit $failed
