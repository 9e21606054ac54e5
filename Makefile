# The project's verbs. Each makes its environment first, once; PYTHON=/path/to/python chooses the interpreter.
.PHONY: demo test check bench eval docs lock lowest clean runtime dev
.DEFAULT_GOAL := help

PYTHON ?=
JOBS ?= 2
BIN := .venv/bin

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

runtime:
	@PYTHON="$(PYTHON)" sh scripts/bootstrap.sh runtime

dev:
	@PYTHON="$(PYTHON)" sh scripts/bootstrap.sh dev

demo: runtime ## A tour on the sample project: no key, no account
	@$(BIN)/lamp demo

test: dev ## All tests; skipped ones say why (ARGS="-k drift" chooses)
	$(BIN)/python -m pytest -n $(JOBS) -q -rs $(ARGS)

check: dev ## Lint, format, types, layers, layout guards
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	cd .typecheck && ../$(BIN)/lint-imports --no-logo --config ../pyproject.toml
	$(BIN)/python -m pytest -n $(JOBS) -q tests/layout

bench: dev ## What the command costs to start
	$(BIN)/lamp bench cli

eval: dev ## The quick evaluations
	$(BIN)/lamp eval smoke

docs: dev ## Write docs/reference.md from the commands' own help
	$(BIN)/python scripts/docs.py

lock: ## Resolve the lock files again (needs uv)
	@PYTHON="$(PYTHON)" sh -c '"$${PYTHON:-python3}" scripts/lock.py'

lowest: ## All tests with the lowest versions that pyproject.toml allows (needs uv)
	@PYTHON="$(PYTHON)" sh -c '"$${PYTHON:-python3}" scripts/lowest.py -n $(JOBS) $(ARGS)'

clean: ## Remove what was made: environment, caches, builds
	rm -rf .venv build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .typecheck/.import_linter_cache
