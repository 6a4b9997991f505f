# `make` lists the targets. `make demo` and `make test` do all the set-up on a machine with Go, make and a C compiler.

MAKEFLAGS += --no-print-directory
GO        ?= go
BINARY    := build/portcullis
# Inputs that each fuzz target gets in `make test`, and in `make fuzz`. A count, not a time: at the end of a time the engine may
# report the input that it was busy with as a failure.
FUZZ_TEST ?= 10000x
FUZZ_TIME ?= 300000x
# Flags of e2e/bench for `make bench`: -quick is the short form.
BENCH     ?=

.PHONY: help
help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "make %-11s %s\n", $$1, $$2}'

.PHONY: demo
demo: build postgres ## start two PostgreSQL clusters and the gateway, and tell a short story
	@$(BINARY) demo

.PHONY: test
test: lint postgres race ## everything: lint, unit tests and e2e with the race detector, a little fuzzing
	PORTCULLIS_BINARY=$(CURDIR)/$(BINARY)-race $(GO) test -race -timeout 30m ./...
	@.ci/fuzz $(FUZZ_TEST)

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) && if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: bench
bench: build postgres ## the gateway beside a direct connection and PgBouncer (15 minutes; BENCH=-quick: 4), then benchmarks of the packages
	$(GO) run ./e2e/bench -binary $(BINARY) $(BENCH)
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: conformance
conformance: build postgres ## drivers' own test suites, and PostgreSQL's programs, directly and through the gateway
	$(GO) run ./e2e/conformance -binary $(BINARY)

.PHONY: soak
soak: race build postgres ## faults at each byte of a session (half an hour), then 500 busy and 10,000 idle clients
	$(GO) test ./gateway/session -run TestRelaySurvivesTroubleAtEachByte -faultstep 1 -timeout 3h
	PORTCULLIS_BINARY=$(CURDIR)/$(BINARY) $(GO) test -count=1 ./e2e -run TestScale -scalelong -v

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZ_TIME, 300000x (inputs) if not given; 10m is a time
	@.ci/fuzz $(FUZZ_TIME)

.PHONY: build
build: ## build/portcullis
	CGO_ENABLED=1 $(GO) build -o $(BINARY) ./cmd/portcullis

.PHONY: golden
golden: ## accept what the golden tests print now; read the diff before you commit it
	@.ci/golden

.PHONY: clean
clean: ## remove what make build made
	rm -rf build

# The gateway that the end-to-end tests drive.
.PHONY: race
race:
	CGO_ENABLED=1 $(GO) build -race -o $(BINARY)-race ./cmd/portcullis

# Finds PostgreSQL's server programs, or installs them where it may, or says what to install.
.PHONY: postgres
postgres:
	@$(GO) run ./cmd/pgcluster/ensure
