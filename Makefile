# Everything runs in .venv, which `make setup` makes. Needs nothing but make and Python >= 3.10.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
HARDWARE ?= $(shell uname -m)
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: help setup demo format lint types test test-all test-golden check bench clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## make .venv and install resight with pinned versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "resight needs Python 3.10 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1); try: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing resight and its pinned dependencies into $(VENV); the first time this takes some minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[report,tensorboard,dev]'
	@touch $@

demo: setup  ## train the four rows of the TransReID ablation on rendered people
	$(BIN)/resight demo

format: setup  ## put the code in its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup  ## format and lint, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup  ## strict types
	$(BIN)/mypy

test: setup  ## the test suite, but for the slow tests
	$(PYTEST) -n auto -m "not slow and not gpu"

test-all: setup  ## the slow tests too: runs that are killed, several processes, full-size models
	$(PYTEST) -n auto -m "not gpu"

test-golden: setup  ## compare with the official code's numbers, in $$RESIGHT_GOLDEN
	$(PYTEST) tests/golden -m golden -rs

check: lint types test  ## what a change has to pass

bench: setup  ## measure speeds into benchmarks/results (benchmarks/seeds.py trains for hours: by hand)
	$(BIN)/python benchmarks/synthetic_people.py --output benchmarks/results/synthetic_people_$(HARDWARE)_$(shell date +%Y%m).md
	$(BIN)/python benchmarks/loader.py --output benchmarks/results/loader_$(HARDWARE)_$(shell date +%Y%m).md
	$(BIN)/python benchmarks/training_step.py --output benchmarks/results/training_step_$(HARDWARE)_$(shell date +%Y%m).md
	$(BIN)/python benchmarks/inference.py --output benchmarks/results/inference_$(HARDWARE)_$(shell date +%Y%m).md
	$(BIN)/python benchmarks/shards.py --output benchmarks/results/shards_$(HARDWARE)_$(shell date +%Y%m).md
	$(BIN)/python benchmarks/pool_order.py --output benchmarks/results/pool_order_$(HARDWARE)_$(shell date +%Y%m).md

clean:  ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
