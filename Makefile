# Every verb of this repository. Options pass as: make demo ARGS="--nodes 8 --fault throttle"
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
ARGS ?=
EVENT ?= events/launch.json
VENV := .venv
BIN := $(VENV)/bin
SOURCES := app.py account authoring bench cli domain examples kernellab lambdas localaws multus_eni node_bootstrap pod_addresses stacks tests tools

# jsii reminds of Node 20's end of life on every start; nothing here depends on the release.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

# Where an environment forbids bytecode, as images of containers do, every process compiles all that it imports: eight seconds
# instead of three for the application that the CDK starts, and half a minute for each process that collects the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

.PHONY: setup
setup: $(VENV)/.installed $(BIN)/multus-eni node_modules/.installed ## Make .venv, with the command multus-eni, and node_modules (fast the second time)

$(VENV)/.installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed and $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make setup PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.txt
	@touch $@

# `python -m cli` from any folder. Not an installed package: its commands are for this checkout, whose files they read.
$(BIN)/multus-eni: Makefile $(VENV)/.installed
	@printf '#!%s/python\nimport sys\n\nsys.path.insert(0, "%s")\n\nfrom cli.__main__ import app\n\napp()()\n' '$(abspath $(BIN))' '$(CURDIR)' > $@
	@chmod +x $@

node_modules/.installed: package-lock.json
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' \
	  || { echo "Node 20 or newer is needed: the CDK runs on it" >&2; exit 1; }
	npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: demo
demo: setup ## Deploy into the embedded account, scale out, show every ENI, scale in, prove that nothing is left
	@$(BIN)/python -m cli demo $(ARGS)

.PHONY: test
test: ## Run everything that must hold: lint, types, imports, the whole test suite
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

.PHONY: pytest
pytest: setup ## Run the test suite alone: make pytest ARGS="tests/domain -k launch"
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: lint
lint: setup ## Check format, lint, types and who imports whom
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted; run: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary $(SOURCES)
	@mkdir -p build
	@$(BIN)/lint-imports --no-logo > build/imports.log 2>&1 || { cat build/imports.log >&2; exit 1; }

.PHONY: format
format: setup ## Format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: preflight
preflight: setup ## Look, read-only, whether the account fits: make preflight ARGS="config/prod.yaml --profile prod"
	@$(BIN)/python -m cli preflight $(ARGS)

.PHONY: synth
synth: setup ## Synthesize the stack of a configuration: make synth ARGS="-c config=config/minimal.yaml"
	@node_modules/.bin/cdk synth --quiet $(ARGS)

.PHONY: invoke
invoke: setup ## Run a handler on a payload in an embedded account: make invoke EVENT=events/terminate.json
	@$(BIN)/python -m cli invoke $(EVENT) $(ARGS)

.PHONY: image
image: ## Build the image of the containers that have addresses follow pods: make image ARGS="--tag example/pod-addresses:1"
	@docker build --file pod_addresses/Dockerfile $(ARGS) .

.PHONY: bench
bench: setup ## Measure calls per node, time to CONTINUE, cold start and the reconciler, as ratios
	@$(BIN)/python -m bench $(ARGS)

.PHONY: simulate
simulate: setup ## Bursts and failures in virtual time: make simulate ARGS="burst --nodes 1000"
	@$(BIN)/python -m tests.simulation $(or $(ARGS),burst)

.PHONY: report
report: setup ## Simulate and measure everything that docs/benchmarks.md shows, and write it there
	@$(BIN)/python -m tests.simulation.report $(ARGS)

.PHONY: simulate-full
simulate-full: setup ## Bursts and scale-in of 1 000 nodes, mishaps, recoveries, walks, every two failures of a node's way
	@$(BIN)/python -m tests.simulation burst --nodes 1000
	@$(BIN)/python -m tests.simulation scale-in --nodes 1000
	@$(BIN)/python -m tests.simulation mishaps
	@$(BIN)/python -m tests.simulation recovery
	@$(BIN)/python -m tests.simulation walk
	@$(BIN)/python -m tests.simulation faults --pairs

.PHONY: schema
schema: setup ## Write config/schema.json anew, for editors
	@$(BIN)/python -m cli schema > config/schema.json

.PHONY: golden
golden: setup ## Write the golden files anew; look at the difference before you commit it
	@UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q -m golden

.PHONY: lock
lock: ## Resolve requirements*.in into hash-locked requirements*.txt
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet pip-tools
	@for name in requirements requirements-dev; do \
	  build/lock/bin/pip-compile --quiet --generate-hashes --no-strip-extras --allow-unsafe --no-header \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o $$name.txt $$name.in; done

.PHONY: clean
clean: ## Remove what was built, but not .venv and node_modules
	@rm -rf build cdk.out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
