# Every habit of this project. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PACKAGES := libs/common libs/stack libs/cli ingest-svc processing-svc quality-svc catalog-svc
EMIT := $(foreach p,dataplatform-common dataplatform-stack dataplatform-cli ingest-svc processing-svc quality-svc catalog-svc,--no-emit-package $(p))
STAMP := $(VENV)/.installed

.PHONY: help
help:  ## list every habit
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "missing: Python 3.11 or newer (Debian: apt-get install python3 python3-venv; or set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "missing: Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1) (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "missing: the venv module of $(PYTHON) (Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/uv.lock.txt

$(STAMP): $(UV) requirements.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@$(UV) pip install --python $(BIN)/python --quiet --require-hashes -r requirements.lock
	@$(UV) pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@touch $@

.PHONY: setup
setup: $(STAMP)  ## install everything into .venv from the lock

.PHONY: lock
lock: $(UV)  ## resolve the dependencies again and write requirements.lock
	$(UV) pip compile pyproject.toml --group dev --universal --generate-hashes --no-annotate --quiet --custom-compile-command "make lock" $(EMIT) $(LOCK_FLAGS) -o requirements.lock
