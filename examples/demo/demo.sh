#!/usr/bin/env bash
# A small shop's week: its cluster as it stood on five evenings, synced into ./lake beside this file, then five questions in SQL.
# days/DATE holds what had changed by that evening (a list `deleted` names what had gone); days/2026-11-02 is where it starts.
set -euo pipefail
cd "$(dirname "$0")"
k8sq=../../bin/demo/k8sq
[ -x $k8sq ] || { echo "demo: bin/demo/k8sq is not built: run \`make demo\`" >&2; exit 1; }
bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

# The last run's lake makes way. One that holds any other cluster is not the demo's, and stays.
if [ -e lake ]; then
  if [ ! -f lake/lake.json ] || find lake/snapshots lake/clusters -maxdepth 1 -name 'cluster=*' ! -name cluster=shop | grep -q .; then
    echo "demo: $PWD/lake is not the demo's own: move it away, and run this again" >&2
    exit 1
  fi
  rm -rf lake
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
declare -A story=(
  [2026-11-02]='Monday: the shop as it runs'
  [2026-11-03]='Tuesday: api goes from v1.4.2 to v1.5.0'
  [2026-11-04]='Wednesday: web from 2 to 5 pods; a new label on worker; a payment key leaks'
  [2026-11-05]='Thursday: the payment key is replaced'
  [2026-11-06]='Friday: a contractor becomes cluster-admin; the coupons service is shut down'
)
export SHOP_STATE=$work SHOP_CAPTURED_AT
for folder in days/*; do
  day=${folder#days/}
  cp -R "$folder/." "$work"
  if [ -f "$work/deleted" ]; then
    (cd "$work" && xargs rm -- <deleted && rm deleted)
  fi
  SHOP_CAPTURED_AT=${day}T18:00:00Z
  printf '\n%s%s, %s%s\n' "$bold" "$day" "${story[$day]}" "$plain"
  echo "\$ k8sq sync --config k8sq.hcl"
  $k8sq sync --config k8sq.hcl
done

for question in questions/*.sql; do
  echo
  sed -n "s/^-- \(.*\)/$bold\1$plain/p" "$question"
  sed '/^--/d; s/^/  /' "$question"
  echo
  $k8sq query --lake lake -o table "$question"
done

cat <<'END'

The lake is Parquet, in examples/demo/lake. Ask it something else:
  bin/demo/k8sq query --lake examples/demo/lake \
    "SELECT version, captured_at, paths FROM history('apps.v1.Deployment', 'shop/worker')"
  bin/demo/k8sq query --lake examples/demo/lake "SELECT namespace, name, images FROM deployments"
END
