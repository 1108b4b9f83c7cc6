# `make` lists the targets. A machine with Python 3.11-3.13 and git is enough: every target that needs
# the environment builds it first, once.
PYTHON ?= python3
DATA_DIR ?= ../shared/data

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PINS := envs/constraints.txt
# Resolves for every Python and platform at once; used by `make constraints` only.
UV := uv==0.13.9
# Files stay with one worker, which makes what their tests share once; the longest files come first.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile \
  --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: env demo test test-all smoke acceptance trl-tests bench bench-grading lint docs readme constraints clean help

env: $(READY)  ## build .venv with everything pinned (a few minutes, 2 GB)

$(READY): pyproject.toml $(PINS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(PINS) \
	  --editable '.[train,eval,workflow,test,lint,docs]'
	touch $@

demo: $(READY)  ## the default study, from base model to results/table1.csv
	$(BIN)/snakemake results/table1.csv

test: $(READY)  ## the tests that a change needs (a few minutes)
	$(PYTEST) -m "not slow"

test-all: $(READY)  ## every test: whole studies, killed runs, SLURM where there is one
	$(PYTEST)

smoke: $(READY)  ## real model, real problems of all five benchmarks: DATA_DIR=... holds them
	@if [ -d "$(DATA_DIR)" ]; then \
	  $(BIN)/snakemake results/smoke/report/table1.csv --config study=smoke data_dir="$(DATA_DIR)"; \
	else \
	  echo "smoke: skipped, no folder $(DATA_DIR) with the problem sets (set DATA_DIR=...)"; \
	fi

acceptance: $(READY)  ## what this machine shows: head, step, memory, resume, two methods (10 minutes)
	$(BIN)/python -m tampo acceptance --out results/acceptance

trl-tests: $(READY)  ## TRL's own tests of its GRPO trainer with ours in its place: TRL=... is a clone
	mkdir -p build/trl-tests && rm -rf build/trl-tests/tests && cp -r "$(TRL)/tests" build/trl-tests/tests
	rm -f build/trl-tests/tests/conftest.py
	cd build/trl-tests && PYTHONPATH=$(CURDIR)/tests/trl_suite OMP_NUM_THREADS=1 $(CURDIR)/$(BIN)/python -m pytest \
	  -p stand_ins -p no:cacheprovider --confcutdir . -c /dev/null -q -n auto tests/test_grpo_trainer.py -k "not VLM and not Slow"

bench: $(READY)  ## cost of TAMPO's step beside plain TRL's, and of its head, on this machine
	$(BIN)/python -m tampo bench --out results/bench --page results/bench/bench.md

bench-grading: $(READY)  ## our grader beside math-verify and lm-eval's: QWEN=, MARIO= are clones
	$(BIN)/python -m tampo.tools.bench.grading --out results/bench-grading --data-dir "$(DATA_DIR)" \
	  --cases "$(DATA_DIR)/../grading/cases.jsonl" $(if $(QWEN),--qwen "$(QWEN)") $(if $(MARIO),--mario "$(MARIO)")

lint: $(READY)  ## formatters, linters, import rules and types, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: $(READY)  ## the documentation site in build/docs; a dead link is an error
	$(BIN)/sphinx-build --fail-on-warning --nitpicky --quiet --builder html docs build/docs

readme: $(READY)  ## write the README's outcome from docs/evidence/settle
	$(BIN)/python docs/first_screen.py

constraints: $(READY)  ## resolve envs/constraints.txt anew; pins that still fit stay, but UPGRADE=package
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target build/uv $(UV)
	build/uv/bin/uv pip compile pyproject.toml --extra train --extra eval --extra workflow --extra test --extra lint --extra docs \
	  --universal --python-version 3.11 --no-annotate --quiet $(if $(UPGRADE),--upgrade-package $(UPGRADE)) \
	  --custom-compile-command "make constraints" --output-file $(PINS) >/dev/null
	@# The CUDA build of torch pins its own parts; the CPU build has none.
	sed -i -E '/^(nvidia|cuda)-/d' $(PINS)

clean:  ## delete caches and build products; results, logs and the environment stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15
