# The two commands most people need are `make demo` and `make test`; both set up what they need first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup test test-system lint bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

setup: $(READY)  ## create the virtual environment with everything from PyPI

# pip learnt dependency groups in 25.1; the one that comes with Python 3.11 is older.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[cli]' --group dev
	@touch $@

test: $(READY)  ## lint and every test that needs PyPI alone
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -m 'not system' $(PYTEST_ARGS)

test-system: $(READY)  ## what needs Debian packages (installs them when it may)
	$(BIN)/python -m pip install --quiet --group system
	tests/system/install-packages
	$(BIN)/python -m pytest -m system $(PYTEST_ARGS)

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## the benchmarks, as tables
	$(BIN)/python -m tests.benchmarks

clean:  ## remove the environment and every cache
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
