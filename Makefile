# `make help` lists the targets. Every target works with only Go, gcc, make, git and coreutils, from an empty home.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.DELETE_ON_ERROR:

# A cold build compiles some 570 packages, and arrow-go's kernels alone take a tenth of its time. No hot path of k8sq runs through these libraries
# (Arrow's arrays and kernels beside the Parquet reader, the AWS SDK and Kubernetes' machinery around the bytes that they carry, HCL): they are
# compiled without optimisation, and everything without debug information, which traces of a panic do not need. All targets
# share these flags, since they are keys of Go's build cache.
unoptimised := github.com/apache/arrow-go/v18/arrow/compute/... github.com/apache/arrow-go/v18/arrow/array \
	github.com/apache/arrow-go/v18/arrow/scalar github.com/apache/arrow-go/v18/arrow/extensions github.com/apache/arrow-go/v18/arrow/ipc \
	github.com/goccy/go-json/... github.com/andybalholm/brotli/... github.com/aws/aws-sdk-go-v2/... github.com/aws/smithy-go/... \
	k8s.io/apimachinery/... k8s.io/client-go/... k8s.io/klog/... sigs.k8s.io/structured-merge-diff/... github.com/fxamacker/cbor/... \
	github.com/json-iterator/go/... github.com/hashicorp/hcl/... github.com/zclconf/go-cty/... github.com/apparentlymart/...
export GOFLAGS := $(GOFLAGS) '-gcflags=all=-dwarf=false' $(foreach package,$(unoptimised),'-gcflags=$(package)=-N -l -dwarf=false')
export CGO_CFLAGS := -O1

version = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/k8sq
	@go build -ldflags "-s -w -X main.version=$(version)" -o bin/k8sq ./cmd/k8sq

.PHONY: test
test: ## the tests of the main module, with a real S3 server (versitygw, built once)
	@servers=$$(test/e2e/servers/build.sh s3)
	K8SQ_TEST_SERVERS=$$servers K8SQ_TEST_REQUIRE_S3=1 go test ./...

.PHONY: e2e
e2e: ## end to end on real etcd, kube-apiservers and S3 (built once: ten minutes on two cores)
	@cd test/e2e && go test -count=1 -timeout 60m ./...

.PHONY: lint
lint: ## formatting, go vet, golangci-lint, the import rules, the shell scripts, the documents
	@tools/lint.sh

.PHONY: golden
golden: ## rewrite the golden files from what the code gives now: read the diff before you commit it
	@go test $$(git grep -lE 'flag\.Bool\("update"' -- '*_test.go' ':!test/e2e' ':!bench' | xargs -r -n1 dirname | sort -u | sed 's|^|./|') -update

.PHONY: bench
bench: ## measure, as ratios against yardsticks taken in the same run
	@bench/run.sh

# From a fresh clone, in less than two minutes: without optimisation, since a week of a small shop needs none; the standard library is compiled while the
# modules arrive; and gold, where there is one, links faster. See clients_demo.go for the tag.
.PHONY: demo
demo: ## a small shop's week: five days synced into a lake, then questions in SQL
	@export GOFLAGS="$$GOFLAGS '-gcflags=all=-N -l -dwarf=false'"
	gold=
	if command -v ld.gold >/dev/null; then gold=-extldflags=-fuse-ld=gold; fi
	go build net/http encoding/xml encoding/gob text/template database/sql/driver testing log/slog &
	go list -tags demo -deps ./cmd/k8sq >/dev/null
	wait
	go build -tags demo -ldflags "-s -w -X main.version=$(version) $$gold" -o bin/demo/k8sq ./cmd/k8sq
	examples/demo/demo.sh
