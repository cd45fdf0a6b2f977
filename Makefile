# Everything here sets up what it needs: on a fresh machine, Python 3.11 or newer and a network are enough.
# `make PYTHON=/path/to/python3 …` chooses the Python. Set-up talks on stderr, results come on stdout.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHON

BIN := .venv/bin
CODE := $(wildcard src tests scripts benchmarks)
NODES := 100 1000 5000

# Output of `$(call need,FILE)`: one line that says what is missing.
need = test -e $(1) || { echo "make $@: $(1) is missing from this checkout" >&2; exit 1; }

.PHONY: help demo test e2e test-controlplane lint format bench generate docs lock clean setup setup-dev

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup:
	@scripts/setup.sh runtime

setup-dev:
	@scripts/setup.sh dev

# The demo's cluster has faults to show; the command exits with 0 all the same, as its own help says.
demo: setup ## the shipped three-security-group GPU cluster, judged
	@$(BIN)/clusterproof demo $(ARGS)

test: setup-dev ## the fast suite
	@$(BIN)/python -m pytest -n 2 -m "not slow and not controlplane" $(ARGS)

e2e: setup-dev ## the slow suites: a moto server, the README in a fresh clone
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow and not controlplane" $(ARGS)

test-controlplane: setup-dev ## what needs a real Kubernetes control plane; builds it once, about ten minutes
	@PYTHONPATH=src $(BIN)/python -m tests.controlplane.binaries
	@$(BIN)/python -m pytest -m controlplane $(ARGS)

lint: setup-dev ## ruff, mypy, the order of rooms
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports

format: setup-dev ## let ruff mend what it can
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: setup ## time and memory for 100, 1,000 and 5,000 nodes with 20 pods each
	@$(call need,benchmarks/scale.py)
	@for nodes in $(NODES); do $(BIN)/python benchmarks/scale.py --nodes $$nodes --pods-per-node 20 $(ARGS) || exit; done

generate docs: setup-dev ## write what is generated anew: schemas, command reference
	@$(call need,scripts/generate.py)
	@$(BIN)/python scripts/generate.py

lock: setup-dev ## solve the requirements anew, with hashes (ARGS=--upgrade: newest versions)
	@scripts/lock.sh $(ARGS)

clean: ## remove what set-up, tests and builds made
	rm -rf .venv .venv.lock build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests scripts $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +
