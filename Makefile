# Everything runs in virtual environments that this file makes: nothing is needed but Python and make.
#   PYTHON=python3.12 make test    another interpreter, in an environment of its own
#   VENV=/some/folder make test    another place for the environment
#   OTHER_PYTHONS= make test       this interpreter only
#   ELSEWHERE=tests make test      all tests on the other Pythons too, not only those of the core
#   PIP_QUIET= make test           all that pip says, to see why an install failed

PYTHON ?= python3
ifeq ($(PYTHON),python3)
VENV ?= .venv
else
VENV ?= .venv-$(notdir $(PYTHON))
endif
OTHER_PYTHONS ?= 3.10 3.12 3.13
# The core: recording, reading, evidence.  Figures, papers and the dashboard are for ELSEWHERE=tests.
ELSEWHERE ?= $(addprefix tests/,analyze api cli core demo faults follow journal loggers markup measure \
    media probes read record sinks store sweeps test_settings.py)
WORKERS ?= 2

BIN := $(VENV)/bin
SOURCES := pyproject.toml constraints.txt
TORCH := $(shell grep '^torch==' constraints.txt)
# Errors only: what is being done is said in one line before it.
PIP_QUIET ?= -qq
PIP_INSTALL := -m pip install $(PIP_QUIET) --disable-pip-version-check -c constraints.txt

# Where it is set every process of a test would compile Epochal anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint docs bench clean test-here test-others

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.demo ## train a small model and show what Epochal makes of it
	@$(BIN)/epochal demo

test: ## check style, types and layers, then run the tests, those of the core on every Python
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-here
	@$(MAKE) --no-print-directory test-others

lint: $(VENV)/.dev ## check style, types, layers and documentation
	@echo "==> Style, types, layers, documentation"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs: $(VENV)/.docs ## build the documentation into site/
	@echo "==> Documentation"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "==> Open site/index.html"

bench: $(VENV)/.bench ## measure Epochal beside other loggers
	@$(BIN)/python benchmarks/run.py

clean: ## remove environments, caches and builds (never runs/)
	rm -rf .venv .venv-* build dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------ the environment
# A stamp is written by the last command of its recipe, so a failed install leaves none.

# An interpreter counts when it runs and can make environments: a pyenv shim may stand on the PATH
# with nothing behind it, while pyenv has that version.
find = $(shell for python in $(1) "$$(pyenv root 2>/dev/null)"/versions/$(patsubst python%,%,$(notdir $(1))).*/bin/python; do \
    "$$python" -c 'import ensurepip, venv' 2>/dev/null && { echo "$$python"; break; }; done)

$(VENV)/.created:
	@python="$(call find,$(PYTHON))"; \
	if [ -z "$$python" ]; then \
	    echo "$(PYTHON) is missing or cannot make environments: apt install python3 python3-venv" >&2; exit 1; fi; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "Epochal needs Python 3.10 or newer: PYTHON=python3.12 make ..." >&2; exit 1; }; \
	echo "==> Making $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV)
	@touch $@

# By itself and first, so that no other package pulls in another build of it.
$(VENV)/.torch: constraints.txt | $(VENV)/.created
	@echo "==> Installing $(TORCH) (the largest part: may take minutes)"
	@$(BIN)/python $(PIP_INSTALL) $(TORCH)
	@touch $@

$(VENV)/.demo: $(SOURCES) $(VENV)/.torch
	@echo "==> Installing Epochal"
	@$(BIN)/python $(PIP_INSTALL) -e ".[torch,paper,dashboard]"
	@touch $@

$(VENV)/.dev: $(SOURCES) $(VENV)/.torch
	@echo "==> Installing Epochal and its test tools"
	@$(BIN)/python $(PIP_INSTALL) -e ".[dev]"
	@touch $(VENV)/.demo $@

$(VENV)/.bench: $(SOURCES) $(VENV)/.torch
	@echo "==> Installing Epochal and the loggers it is measured with"
	@$(BIN)/python $(PIP_INSTALL) -e ".[bench]"
	@touch $(VENV)/.demo $@

$(VENV)/.docs: $(SOURCES) | $(VENV)/.created
	@echo "==> Installing the documentation tools"
	@$(BIN)/python $(PIP_INSTALL) -e ".[docs]"
	@touch $@

# ---------------------------------------------------------------------------------------- tests

test-here: $(VENV)/.dev
	@echo "==> Tests on $$($(BIN)/python --version)"
	@$(BIN)/python -m pytest -n $(WORKERS)

test-others: $(VENV)/.created
	@here=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	for v in $(OTHER_PYTHONS); do \
	    [ $$v = $$here ] || $(MAKE) --no-print-directory test-on-$$v || exit 1; \
	done

# Nothing that needs PyTorch, a browser or the tools that mirrors write for.
test-on-%:
	@if [ -z "$(call find,python$*)" ]; then \
	    echo "==> Python $* is not on this machine: not tested on it"; exit 0; fi; \
	$(MAKE) --no-print-directory .venv-$*/.test && \
	echo "==> Tests of the core on $$(.venv-$*/bin/python --version), without PyTorch and the mirrors' tools" && \
	.venv-$*/bin/python -m pytest -n $(WORKERS) -m "not torch and not browser" $(ELSEWHERE)

.venv-%/.test: $(SOURCES)
	@echo "==> Making .venv-$* and installing Epochal and its test tools"
	@$(call find,python$*) -m venv .venv-$*
	@.venv-$*/bin/python $(PIP_INSTALL) -e ".[test]"
	@touch $@
