# WUTS. `make` alone prints the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
BUILD := .build
PORT ?= 8080
FUZZ_TIME ?= 20s
SECONDS ?= 180
SEED ?= 1
BENCH ?=
INSTALLED := $(VENV)/.installed
GO_TOOL := $(BUILD)/go
LIBRARY := bridge/libwabridge.so
BINDING := bridge/_wabridge.abi3.so
WASIM := $(BUILD)/wasim
WASEED := $(BUILD)/waseed
WAPLAIN := $(BUILD)/waplain
WAJUDGE := $(BUILD)/wajudge
STATICCHECK := $(BUILD)/staticcheck
BAILEYS := tests/baileys/node_modules/.package-lock.json
VERIFIER := tests/standardwebhooks/node_modules/.package-lock.json

GO_MODULE := bridge/go/go.mod bridge/go/go.sum
LIBRARY_SOURCES := $(shell find bridge/go/cmd/wabridge bridge/go/rpc bridge/go/wa -name '*.go' ! -name '*_test.go' 2>/dev/null)
WASIM_SOURCES := $(shell find bridge/go/cmd/wasim bridge/go/sim -name '*.go' ! -name '*_test.go' 2>/dev/null)
GO_RUN = cd bridge/go && GOFLAGS='-mod=readonly -buildvcs=false' $(CURDIR)/$(GO_TOOL)

.PHONY: help install bridge simulator run demo test test-go test-python soak fuzz bench lint types openapi lock clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make the Python environment from the lock file
$(INSTALLED): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "WUTS needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(GO_TOOL): .ci/find-go bridge/go/go.mod bridge/go/toolchain.lock | $(INSTALLED)
	@mkdir -p $(BUILD)
	.ci/find-go $(VENV) $@

bridge: $(BINDING) ## Build the Go library and its Python binding
$(LIBRARY): $(LIBRARY_SOURCES) $(GO_MODULE) | $(GO_TOOL)
	$(GO_RUN) build -trimpath -buildmode=c-shared -o $(CURDIR)/$@ ./cmd/wabridge
$(BINDING): $(LIBRARY) bridge/build.py bridge/wabridge.h $(INSTALLED)
	$(PY) -m bridge.build
	@touch $@

simulator: $(WASIM) ## Build the WhatsApp server simulator
$(WASIM): $(WASIM_SOURCES) $(GO_MODULE) | $(GO_TOOL)
	$(GO_RUN) build -trimpath -o $(CURDIR)/$@ ./cmd/wasim

run: $(BINDING) ## Serve on 127.0.0.1:PORT (8080) with data in var/data, against WhatsApp itself
	WUTS_BIND=$${WUTS_BIND:-127.0.0.1:$(PORT)} WUTS_DATA_DIR=$${WUTS_DATA_DIR:-var/data} \
		$(VENV)/bin/gunicorn -c app/gunicorn_conf.py wsgi:app

demo: $(BINDING) $(WASIM) ## Show the main job against the simulator, without a phone
	@$(PY) -m app.demo --port $(PORT) --simulator $(WASIM)

test: test-go test-python ## Run every test
test-go: $(GO_TOOL) ## Vet the Go code and run its tests with the race detector
	$(GO_RUN) vet ./...
	$(GO_RUN) test -race -timeout 10m ./...
test-python: $(BINDING) $(WASIM) $(WAJUDGE) $(BAILEYS) $(VERIFIER) ## Run the Python tests, the end-to-end ones included
	$(PY) -m pytest -n 2 --dist loadgroup

fuzz: $(GO_TOOL) ## Try odd calls, answers and copies on the bridge, FUZZ_TIME (20s) each
	$(GO_RUN) test ./rpc -run '^$$' -fuzz '^FuzzCall$$' -fuzztime $(FUZZ_TIME)
	$(GO_RUN) test ./wa/engine -run '^$$' -fuzz '^FuzzAnswerOfServer$$' -fuzztime $(FUZZ_TIME)
	$(GO_RUN) test ./wa/engine -run '^$$' -fuzz '^FuzzCopyOfPhone$$' -fuzztime $(FUZZ_TIME)

soak: $(BINDING) $(WASIM) ## Let everything go wrong for SECONDS (180), by SEED (1), and look what was lost
	$(PY) -m tests.soak --seconds $(SECONDS) --seed $(SEED)

$(WASEED): $(LIBRARY_SOURCES) $(WASIM_SOURCES) $(wildcard bridge/go/cmd/waseed/*.go) $(GO_MODULE) | $(GO_TOOL)
	$(GO_RUN) build -trimpath -o $(CURDIR)/$@ ./cmd/waseed
$(WAPLAIN): bridge/go/sim/plain/plain.go $(wildcard bridge/go/cmd/waplain/*.go) $(GO_MODULE) | $(GO_TOOL)
	$(GO_RUN) build -trimpath -o $(CURDIR)/$@ ./cmd/waplain
bench: $(BINDING) $(WASIM) $(WASEED) $(WAPLAIN) ## Measure beside plain whatsmeow and a bare route; BENCH="--quick", "--only lists", "--json"
	@$(PY) -m tests.bench --binaries $(BUILD) $(BENCH)

$(WAJUDGE): bridge/go/sim/plain/plain.go $(wildcard bridge/go/cmd/wajudge/*.go) $(GO_MODULE) | $(GO_TOOL)
	$(GO_RUN) build -trimpath -o $(CURDIR)/$@ ./cmd/wajudge

$(BAILEYS) $(VERIFIER): tests/%/node_modules/.package-lock.json: tests/%/package.json tests/%/package-lock.json
	cd tests/$* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STATICCHECK): .ci/staticcheck/go.mod .ci/staticcheck/go.sum | $(GO_TOOL)
	cd .ci/staticcheck && $(CURDIR)/$(GO_TOOL) build -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck

lint: $(INSTALLED) $(GO_TOOL) $(STATICCHECK) ## Check style, import rules and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	@unformatted=$$(find bridge/go -name '*.go' -print0 | xargs -0 $$($(GO_TOOL) env GOROOT)/bin/gofmt -l); \
		test -z "$$unformatted" || { echo "gofmt needed: $$unformatted"; exit 1; }
	cd bridge/go && PATH=$$($(CURDIR)/$(GO_TOOL) env GOROOT)/bin:$$PATH GOTOOLCHAIN=local $(CURDIR)/$(STATICCHECK) ./...

types: $(INSTALLED) ## Check the types
	$(VENV)/bin/mypy

openapi: $(INSTALLED) ## Write openapi.json from the code
	$(PY) -m app.openapi > openapi.json.new && mv openapi.json.new openapi.json

lock: $(INSTALLED) ## Resolve the Python dependencies anew
	$(VENV)/bin/uv pip compile setup.cfg --extra dev --universal --generate-hashes --no-annotate \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements.lock

clean: ## Remove what was built
	rm -rf $(VENV) $(BUILD) $(LIBRARY) bridge/libwabridge.h bridge/_wabridge* tests/*/node_modules
