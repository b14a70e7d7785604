#!/usr/bin/env bash
# Runs the benchmark from anywhere. Arguments go to it: bench/run.sh -n 100000 -rounds 1 -save results
set -euo pipefail
cd "$(dirname "$0")"
exec go run . "$@"
