# `make` lists the targets. A machine with Python 3.11-3.13 and git is enough: every target that needs
# the environment builds it first, once.
PYTHON ?= python3
DATA_DIR ?= ../shared/data

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: env demo test smoke bench bench-grading lint clean help

env: $(READY)  ## build .venv with everything pinned (a few minutes, 2 GB)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

demo: $(READY)  ## the default study, from base model to results/table1.csv
	$(BIN)/snakemake results/table1.csv

test: $(READY)  ## all tests, a whole small study through Snakemake included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

smoke: $(READY)  ## real model, real problems of all five benchmarks: DATA_DIR=... holds them
	@if [ -d "$(DATA_DIR)" ]; then \
	  $(BIN)/snakemake results/smoke/report/table1.csv --config study=smoke data_dir="$(DATA_DIR)"; \
	else \
	  echo "smoke: skipped, no folder $(DATA_DIR) with the problem sets (set DATA_DIR=...)"; \
	fi

bench: $(READY)  ## cost of TAMPO's step beside plain TRL's, and of its head, on this machine
	$(BIN)/python -m tampo bench --out results/bench --page results/bench/bench.md

bench-grading: $(READY)  ## our grader beside math-verify and lm-eval's: QWEN=, MARIO= are clones
	$(BIN)/python -m tampo.bench.grading --out results/bench-grading --data-dir "$(DATA_DIR)" \
	  --cases "$(DATA_DIR)/../grading/cases.jsonl" $(if $(QWEN),--qwen "$(QWEN)") $(if $(MARIO),--mario "$(MARIO)")

lint: $(READY)  ## formatters and linters, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

clean:  ## delete caches and build products; results, logs and the environment stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15
