# Sets up `.venv` once, and again when the dependencies change; every other target needs it.

PYTHON ?= python3
WORKERS ?= 2
PAIRS ?= 3

RUN := .venv/bin/python -m
INSTALL := $(RUN) pip install --quiet --disable-pip-version-check --no-deps
READY := .venv/.ready

# Each process would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-fast check bench bench-compare mutants house lint types format audit pins

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv with the project and all its extras (PYTHON=python3.12 to choose one)

demo: $(READY) ## run real baskets through the shop, and rebuild its read tables
	@$(RUN) benchmarks.demo

test: $(READY) ## run every test, on SQLite and on a PostgreSQL server that the tests start
	@$(RUN) pytest -n $(WORKERS) --dist worksteal

test-fast: $(READY) ## run the tests that start no server and no process, for the loop of a developer
	@$(RUN) pytest -n $(WORKERS) --dist worksteal -m "not slow"

check: lint types ## all that a change must pass: format, lint, types, tests, coverage
	@$(RUN) pytest -n $(WORKERS) --dist worksteal --cov

mutants: $(READY) ## change the saga engine in one place after another; print what its fast tests do not notice
	@$(RUN) tests.mutate

bench: $(READY) ## run the benchmarks: one JSON document on stdout (make -s bench)
	@$(RUN) benchmarks

house: $(READY) ## print the rooms of sagaline/, their floors, and the arrows between them (make -s house)
	@$(RUN) tests.house

bench-compare: $(READY) ## hold this tree against another commit, in pairs (REV=..., PAIRS=3): JSON on stdout
	@test -n "$(REV)" || { echo "Name a commit: make bench-compare REV=HEAD~1" >&2; exit 2; }
	@$(RUN) benchmarks.compare "$(REV)" --pairs $(PAIRS)

lint: $(READY) ## check the format and the rules
	@$(RUN) ruff format --check
	@$(RUN) ruff check

types: $(READY) ## check the types
	@$(RUN) mypy

audit: $(READY) ## look for weaknesses in the code and the dependencies, and list those: bom.json
	@python3 -m venv .audit
	@.audit/bin/python -m pip install --quiet --disable-pip-version-check bandit cyclonedx-bom pip-audit >&2
	@.audit/bin/bandit --quiet --recursive --severity-level high sagaline
	@.audit/bin/cyclonedx-py environment --output-file bom.json .venv/bin/python
	@.audit/bin/pip-audit --disable-pip --requirement requirements.txt

pins: ## pin the newest versions that pyproject.toml allows, with their hashes: requirements.txt
	@python3 -m venv .pins
	@.pins/bin/python -m pip install --quiet --disable-pip-version-check uv >&2
	@.pins/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
	    --generate-hashes --no-header --no-annotate --no-emit-index-url --output-file requirements.txt pyproject.toml

format: $(READY) ## rewrite the source in the one format
	@$(RUN) ruff check --select I --fix
	@$(RUN) ruff format

# What set-up says goes to stderr: stdout belongs to the target that asked for it.
$(READY): pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >&2 || { \
	    echo "Sagaline needs Python 3.11, 3.12 or 3.13; $(PYTHON) is not one." >&2; \
	    echo "Name one that is: make setup PYTHON=python3.12" >&2; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv >&2 || { \
	    echo "$(PYTHON) cannot make a virtual environment: install its venv module" >&2; \
	    echo "(Debian and Ubuntu: apt install python3-venv), then run make again." >&2; exit 1; }
	@echo "Setting up .venv: about a minute, once." >&2
	@$(INSTALL) --require-hashes --requirement requirements.txt >&2
	@$(INSTALL) --no-build-isolation --editable . >&2
	@.venv/bin/python -m pip --disable-pip-version-check check --quiet >&2
	@touch $@
