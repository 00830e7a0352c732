# `make setup` and `make test` are what most people need; every target sets up what it needs first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEMO   := $(VENV)/.ready-demo
BENCH  := $(VENV)/.ready-bench

.PHONY: help setup demo test test-system lint bench chaos clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

setup: $(READY)  ## create the virtual environment with everything from PyPI

# pip learnt dependency groups in 25.1; the one that comes with Python 3.11 is older.
define install
	@echo "setting up $(VENV) with packages from PyPI; this takes a minute or two, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[cli,view]' --group $(1)
endef

$(READY): pyproject.toml
	$(call install,dev)
	@touch $(DEMO) $(BENCH) $@

demo: $(DEMO)  ## cameras, a server and workers on this machine for half a minute; DEMO_ARGS=--help explains more
	@$(BIN)/python -m deploy.local $(DEMO_ARGS)

$(DEMO): pyproject.toml
	$(call install,demo)
	@touch $@

test: lint  ## lint, types, and every test that needs PyPI alone
	$(BIN)/python -m pytest -m 'not system' $(PYTEST_ARGS)
	@echo "left out: tests of Redis 7, redis-cli, RTSP, images and Prometheus, which need Debian packages: make test-system"

# The contract is tested again on Debian's Redis; the other tests have run on Valkey, which some bring along in any case.
OWN_SERVER := $(foreach name,chaos demo overload,--ignore=tests/acceptance/test_$(name).py)
test-system: $(READY)  ## what needs Debian packages, which it installs where it may
	tests/system/install-packages
	$(BIN)/python -m pytest -m system $(PYTEST_ARGS)
	@if command -v redis-server >/dev/null; then \
	  POSESTREAM_TEST_SERVER=redis $(BIN)/python -m pytest -m 'not system' tests/contract tests/acceptance $(OWN_SERVER) $(PYTEST_ARGS); \
	else echo "left out: the contract on Redis 7, because redis-server could not be installed"; fi

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BENCH)  ## how fast the pipeline is beside the network alone and a plain loop; BENCH_ARGS=--help explains more
	@$(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

$(BENCH): pyproject.toml
	$(call install,bench)
	@touch $@

chaos: $(READY)  ## minutes of killing, freezing and cutting off everything, as a table; CHAOS_ARGS=--help explains more
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

clean:  ## remove the environment and every cache
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
