# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export DAGSTER_DISABLE_TELEMETRY := yes
export DO_NOT_TRACK := 1

# Where this is set, every process compiles anew all that it imports.
unexport PYTHONDONTWRITEBYTECODE

ACCOUNTS ?= 20000
SEED ?= 1
SCENARIO ?= published

.PHONY: demo test unit test-full test-bigquery bench bench-peers lint lock clean setup

setup: $(STAMP)

# uv installs the locked set in seconds; where it cannot reach the index that pip is
# configured for, pip installs the same set from the same hashes.
$(STAMP): requirements.lock requirements-setup.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found. Install Python 3.11, or run make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
	  || { echo "uv could not install the locked packages; trying pip ..."; \
	       $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup
	@$(BIN)/paygo demo --accounts $(ACCOUNTS) --seed $(SEED) --scenario $(SCENARIO)

# Linters take one core for most of a minute: the tests begin beside them.
test: setup
	@$(MAKE) --no-print-directory -j 2 lint unit

unit: setup
	@$(BIN)/python tests/browser_setup.py
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not full"

test-full: setup lint
	@$(BIN)/python tests/browser_setup.py
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# The whole pipeline through BigQuery's API against an emulator, which has a Python 3.13 and a
# virtual environment of its own; without that interpreter the target says so and exits with 69.
test-bigquery: setup
	@$(BIN)/python -m tests.bigquery.emulator_proof $(PROOF)

# The peers stand in an environment of their own: what only a figure needs is not locked with us.
bench-peers: setup
	@$(PYTHON) -m venv .venv-bench
	@$(BIN)/uv pip install --quiet --python .venv-bench/bin/python -r tests/bench/peers.txt

bench: setup
	@$(BIN)/python -m tests.bench

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-strip-extras --python-version 3.11 --custom-compile-command "make lock"

lock: setup
	@$(COMPILE) pyproject.toml --extra dev -o requirements.lock
	@echo uv | $(COMPILE) - -o requirements-setup.lock

clean:
	rm -rf .paygo dbt_project/target dbt_project/logs
