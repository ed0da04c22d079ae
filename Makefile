# Every habit of this project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PACKAGES := libs/common libs/formats libs/stack libs/cli ingest-svc processing-svc quality-svc catalog-svc
EMIT := $(foreach p,dataplatform-common dataplatform-formats dataplatform-stack dataplatform-cli ingest-svc processing-svc quality-svc catalog-svc,--no-emit-package $(p))
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

# Tests -------------------------------------------------------------------------------------------------------------
SOURCES := libs ingest-svc processing-svc quality-svc catalog-svc tests-e2e benchmarks
PYTEST := $(BIN)/python -m pytest

.PHONY: test
test: lint types imports  ## everything a contributor must pass, on real Kafka, PostgreSQL and S3
	@# four on two cores: much of the time they wait for servers that were killed, hang or come back
	$(PYTEST) libs ingest-svc processing-svc quality-svc catalog-svc -m "not slow" -n 4 --dist loadfile -q
	@# two: one has the tests that share a platform, the other the kill tests and the rest
	$(PYTEST) tests-e2e -m "not slow" -n 2 --dist loadgroup -q

.PHONY: lint
lint: setup  ## ruff: every rule minus a list with reasons
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check --quiet $(SOURCES)

.PHONY: format
format: setup  ## rewrite the code in the house's format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

.PHONY: types
types: setup  ## mypy, strict
	@# one by one: their tests have files of the same names
	@for part in $(PACKAGES) tests-e2e benchmarks; do echo "mypy $$part"; $(BIN)/mypy --no-error-summary $$part || exit 1; done

.PHONY: imports
imports: setup  ## the contracts on who may import whom
	@$(BIN)/lint-imports | tail -n +12

.PHONY: chaos
chaos: setup  ## the long kill test: at least 200 kills and 5,000 uploads
	$(PYTEST) tests-e2e/chaos -m slow -s

.PHONY: tus-cuts
tus-cuts: setup  ## resumable uploads cut at every kind of byte: CUT_TRIES=1000, CUT_SEED to do a run again
	$(PYTEST) ingest-svc/tests/tus/test_cuts.py -m slow -s

.PHONY: fuzz
fuzz: setup  ## broken files of every format through the parse: ARGS="--inputs 5000 --seed 1 --format csv"
	PYTHONPATH=tests-e2e $(BIN)/python -m fuzz $(ARGS)

.PHONY: flow
flow: setup  ## 500 files at 20/s while replicas, PostgreSQL and the object store restart (FLOW_FILES, FLOW_PER_SECOND)
	$(PYTEST) tests-e2e/chaos/test_flow.py -m slow -s

.PHONY: slow
slow: setup  ## slow suites other than chaos: the whole corpus, thousands of seeds, hundreds of slow clients
	$(PYTEST) libs ingest-svc processing-svc quality-svc catalog-svc -m slow
	$(PYTEST) tests-e2e --ignore tests-e2e/chaos -m slow

.PHONY: schemas
schemas: setup  ## write the JSON Schemas, AsyncAPI and the event catalogue again from the code
	$(BIN)/python -m dataplatform.events write
	@for part in profile relations anomalies suitability drift assessment; do \
	  $(BIN)/python -m quality_svc.$$part write || exit 1; done
	$(BIN)/python -m processing_svc.report write

# Running the platform. PORT, BASE_PORT, DATA_DIR and REPLICAS="processing-worker=2 ingest-api=2" may be set, here or in the
# environment; DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS, DATAPLATFORM_<SERVICE>_DATABASE_URL and DATAPLATFORM_OBJECT_STORE_URL name
# outside servers.
STACK := $(BIN)/python -m dataplatform_stack

.PHONY: up start down status logs reset token
up: setup  ## start everything and stay; Ctrl-C stops it
	@exec $(STACK) up

start: setup  ## start everything in the background, return when ready
	@$(STACK) start

down: setup  ## stop everything; data stays
	@$(STACK) down

status: setup  ## roles, health and memory of what runs
	@$(STACK) status

logs: setup  ## follow all logs, or those of ROLE="kafka ingest-api-1"
	@exec $(STACK) logs $(ROLE)

reset: setup  ## stop everything and delete all data (asks unless YES=1)
	@$(STACK) reset

token: setup  ## print a token of the administrator
	@$(STACK) token

.PHONY: bench
bench: setup  ## a benchmark by name: BENCH=latency|events|big_csv|rebuild|... ARGS="..."; all where not given
	@for name in $(or $(BENCH),$(basename $(notdir $(wildcard benchmarks/*.py)))); do echo "== $$name"; \
	  PYTHONPATH=tests-e2e $(BIN)/python benchmarks/$$name.py $(ARGS) || exit 1; done
