# The house's commands; `make` alone lists them. A contributor needs one: make check.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A clone owned by another user (root in a container) must build too.
export GOFLAGS ?= -buildvcs=false

# GOOS/GOARCH pairs that are vetted, tests included, without being run.
PLATFORMS := windows/amd64 darwin/arm64 linux/386

TOOL_SOURCES := tools/go.mod tools/go.sum $(wildcard tools/*/*.go)

.PHONY: help
help: ## List these commands
	@awk 'BEGIN { FS = ":[^#]*## " } /^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: check
check: format tidy-check vet lint test-tools law race ## Everything a change must pass: formatting, modules, vet, staticcheck, import law, tests with the race detector

.PHONY: test
test: ## Run the tests of every module
	go test work

.PHONY: test-tools
test-tools: ## Run the tests of the checks themselves
	GOWORK=off go test -C tools ./...

.PHONY: race
race: ## Run the tests of every module with the race detector
	go test -race work

FUZZTIME ?= 60s

.PHONY: fuzz
fuzz: ## Fuzz every parser and encoder for FUZZTIME each, a minute unless told
	@grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		grep -oE '^func Fuzz[A-Za-z0-9_]*' "$$file" | sed 's/^func //' | while read -r target; do \
			echo "$$target in $$(dirname "$$file")"; \
			(cd "$$(dirname "$$file")" && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x . </dev/null | tail -n 4); \
		done; \
	done

.PHONY: chaos
chaos: ## Run the chaos test at full length, 200 000 calls, with the race detector
	SOAK=1 go test -race -count=1 -v -run '^TestChaos$$' ./reliability

.PHONY: soak
soak: ## Run the long forms of the reliability tests
	SOAK=1 go test -count=1 -timeout 60m -v ./reliability
	SOAK=1 go test -count=1 -timeout 60m -v -run '^Test(Crash|Kill|InUse|OpenAtOnce|Backlog|ABit|AFile|Model)' ./queue/spool
	go test -run '^$$' -bench . -benchtime 20000x ./queue/spool

.PHONY: reliability
reliability: ## Run the long forms and write RELIABILITY.md from what they measured
	SOAK=1 RELIABILITY=../RELIABILITY.md go test -count=1 -timeout 60m -skip '^TestEveryPromiseIsProved$$' ./reliability
	go test -count=1 -run '^TestEveryPromiseIsProved$$' ./reliability

.PHONY: load
load: ## Run the long forms of the collector's load, kill and abuse tests
	SOAK=1 go test -count=1 -timeout 60m -v -run '^Test(Load|Millions|Kill|Abuse)' ./collector

.PHONY: bench
bench: ## Measure the client beside the floor and other libraries and write benchmarks/RESULTS.md; takes some five minutes
	go run ./benchmarks -out benchmarks/RESULTS.md

.PHONY: bench-scale
bench-scale: ## Measure the client from 100 000 to 10 000 000 events and from 1 to 8 goroutines and write benchmarks/SCALE.md
	go run ./benchmarks -scale -rounds 3 -out benchmarks/SCALE.md

.PHONY: law
law: ## Check the import law (importlaw_test.go)
	go test -run '^TestImportLaw' .

.PHONY: format
format: ## Check that every file is as gofmt writes it
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not as gofmt writes them; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi

.PHONY: vet
vet: ## Run go vet on every module, tools included
	go vet work
	GOWORK=off go vet -C tools ./...

.PHONY: lint
lint: tools ## Run staticcheck on every module, tools included
	.bin/staticcheck work
	cd tools && GOWORK=off ../.bin/staticcheck ./...

.PHONY: cross
cross: ## Vet every module for the platforms that are not this one
	@for platform in $(PLATFORMS); do \
		echo "GOOS=$${platform%/*} GOARCH=$${platform#*/} go vet work"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go vet work; \
	done

.PHONY: vuln
vuln: tools ## Look for known vulnerabilities in the code we call
	.ci/vuln

.PHONY: tidy
tidy: ## Run go mod tidy on every module (works before our own versions are tagged, which go mod tidy alone does not)
	.ci/tidy -w

.PHONY: tidy-check
tidy-check: ## Show what make tidy would change, and fail if anything
	.ci/tidy

.PHONY: requires
requires: ## Set the version at which our modules require each other: make requires VERSION=v0.2.0
	.ci/requires "$(VERSION)"

.PHONY: rehearse
rehearse: tools ## Rehearse a release: install and import our modules from a proxy made of this working tree
	.ci/rehearse

.PHONY: tools
tools: .bin/staticcheck ## Build the pinned tools into .bin

.bin/staticcheck: $(TOOL_SOURCES)
	GOWORK=off go build -C tools -o ../.bin/ tool ./...
	@touch $@
