# `make` lints and tests every module; `make help` lists the rest.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c

MODULES   := $(shell sed -n 's/^\t\(\.[^ ]*\)$$/\1/p' go.work)
PACKAGES  := $(addsuffix /...,$(MODULES))
# Besides linux-amd64, which lint and the tests build.
PLATFORMS := linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64
# The race detector needs cgo, and Go turns cgo off where it finds no C compiler.
# Asked when it is used: setup may just have installed one.
HAS_CGO    = $(filter 1,$(shell go env CGO_ENABLED))
# Says when each step began, so that a log shows what took long.
begin      = @echo "== $@ $$(date +%T)"

FUZZTIME  ?= 30s
TESTFLAGS ?=
BASE      ?=

.DEFAULT_GOAL := test
.PHONY: help setup test lint race cross fuzz bench man promises clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' Makefile

setup: ## check for the programs that tests need, and install them when root
	@scripts/setup

# Twice: what pins zero allocations cannot hold under the race detector, which allocates.
test: setup lint race ## lint, then all tests of all modules, with the race detector and without
	$(begin)
	go test $(TESTFLAGS) $(PACKAGES)

race: ## all tests with the race detector
	$(begin)
	$(if $(HAS_CGO),go test -race $(TESTFLAGS) $(PACKAGES),@echo "race: left out, since cgo is off")

lint: bin/tools ## gofumpt, go vet, go fix, staticcheck and go mod tidy: none may have a wish
	$(begin)
	@files=$$(bin/gofumpt -l .); [ -z "$$files" ] || { echo "gofumpt -w would change:" $$files; exit 1; }
	go vet $(PACKAGES)
	go fix -diff $(PACKAGES)
	bin/staticcheck $(PACKAGES)
	@for m in $(MODULES) tools; do GOWORK=off go -C $$m mod tidy -diff || { echo "go mod tidy would change $$m"; exit 1; }; done

cross: $(addprefix cross-,$(PLATFORMS)) ## build and vet, tests too, for every platform

cross-%:
	$(begin)
	@export CGO_ENABLED=0 GOOS=$(word 1,$(subst -, ,$*)) GOARCH=$(word 2,$(subst -, ,$*)); go build $(PACKAGES) && go vet $(PACKAGES)

fuzz: ## each fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME) $(PACKAGES)

bench: ## measure, beside the revision BASE if there is one, and write docs/benchmarks.md
	cd bench && go run . $(if $(BASE),-base $(BASE)) -o ../docs/benchmarks.md -readme ../README.md

man: ## write the man pages into man/
	go run ./cmd/syncstream man man

# scripts/peers installs peers; those that are not there are shown as such.
promises: ## play the stories before syncstream and its peers, and write docs/promises.md
	go run ./cmd/syncstream/internal/promises

clean: ## remove the pinned tools and the man pages
	rm -rf bin man

# The workspace knows nothing of tools/, hence GOWORK=off.
bin/tools: tools/go.mod tools/go.sum
	GOWORK=off GOBIN=$(CURDIR)/bin go -C tools install tool
	@touch $@
