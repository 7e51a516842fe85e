# Every target does its own set-up; python3 and make are all that a fresh machine needs (root and apt for the cluster).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
LOCKS := $(shell cat requirements/dev.txt requirements/demo.txt pyproject.toml 2>/dev/null | sha256sum | cut -c1-16)
STAMP := $(VENV)/.ready-$(LOCKS)

TYPED := $(sort $(dir $(wildcard operator/mlwright/*.py cluster/*.py bench/*.py tests/*.py scripts/*.py examples/*/*.py)))
CHART_CRDS := charts/mlwright/files/crds
GENERATED := crds $(CHART_CRDS) docs/reference.md docs/conditions.md
SCRIPTS := $(wildcard scripts/*.sh examples/*/*.sh .ci/run)
# A shell may forbid to keep what is compiled; then each of the thousands of starts in tests would compile it again.
unexport PYTHONDONTWRITEBYTECODE
export PIP_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mlwright/pip

.PHONY: help
help: ## Say what every target does.
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv lock generate
$(STAMP):
	@bash scripts/venv.sh $(VENV) $@

venv: $(STAMP) ## Make or update the virtual environment in .venv from the hash-locked requirements.

lock: ## Resolve the extras of pyproject.toml again into requirements/*.txt.
	@bash scripts/lock.sh

generate: venv ## Write the CRDs, the chart's copy of them and the reference pages from the models.
	@$(PY) -m mlwright.api.crds crds docs
	@mkdir -p $(CHART_CRDS) && rm -f $(CHART_CRDS)/*.yaml && cp crds/*.yaml $(CHART_CRDS)/

.PHONY: fmt lint verify
fmt: venv ## Format the code and repair what the linter can repair.
	@$(PY) -m ruff check --quiet --fix-only .
	@$(PY) -m ruff format --quiet .

lint: venv ## Check style, types, layers and shell scripts; changes nothing.
	@$(PY) -m ruff check --output-format concise .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy $(TYPED)
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/shellcheck $(SCRIPTS)

verify: generate ## Generate everything again and assert that the committed files are what came out.
	@changed="$$(git status --porcelain -- $(GENERATED))"; if [ -n "$$changed" ]; then \
	  git --no-pager diff -- $(GENERATED); echo "$$changed"; \
	  echo "verify: generated files differ from what is committed; run 'make generate' and commit the result"; exit 1; fi

# Operators that a test ends as if killed leave their sockets to the collector, whenever it comes: no failure of a later test.
LEFT := -W ignore::pytest.PytestUnraisableExceptionWarning
# A worker for each core; each has an API server of its own, and takes over what the other has not begun.
CORES := -n auto --dist worksteal
ON_CLUSTER := -q -p no:randomly $(LEFT)
E2E := tests/cluster tests/e2e $(ON_CLUSTER)
# Tests on the cluster mostly wait for pods, so there may be more of them than cores.
TOGETHER := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test test-unit test-properties test-integration test-faults test-e2e test-jobset test-gateway test-mlserver
test: ## Run everything that CI runs and print the seconds of each stage.
	@python3 scripts/stages.py venv lint verify test-unit tools test-integration test-e2e

test-unit: venv ## Run the unit tests: no network, no cluster.
	@$(PY) -m pytest tests/unit -q $(CORES)

test-properties: venv ## Run the property tests with eight times as many examples.
	@$(PY) -m pytest tests/unit -q --hypothesis-profile=thorough --timeout=600 $(CORES)

test-integration: venv tools ## Run the tests against a real kube-apiserver that they start themselves.
	@$(PY) -m pytest tests/integration -q -m "not campaign" $(CORES) $(LEFT)

test-faults: venv tools ## Run the whole fault campaign: the operator dies at every write of every flow, the API server fails.
	@$(PY) -m pytest tests/integration/faults -q $(CORES) $(LEFT)

test-e2e: images ## Run the tests on the real local cluster, which is started when it is not up.
	@$(PY) -m pytest $(E2E) -m "not alone and not jobset and not gateway and not mlserver" $(TOGETHER)
	@$(PY) -m pytest $(E2E) -m alone

test-jobset: venv images ## Prove steps that make JobSets beside the real controller, built from its Go module; not part of make test.
	@python3 -m cluster jobset
	@$(PY) -m pytest tests/e2e/jobset $(ON_CLUSTER)

test-gateway: venv images ## Let Envoy Gateway, built from its Go module, divide real requests while versions take over; not part of make test.
	@python3 -m cluster gateway
	@$(PY) -m pytest tests/e2e/gateway $(ON_CLUSTER)

test-mlserver: venv images ## Serve with MLServer as a container of one's own, in an image built here; not part of make test.
	@python3 -m cluster images mlserver
	@$(PY) -m pytest tests/e2e/mlserver $(ON_CLUSTER)

.PHONY: cluster cluster-down images tools
tools: ## Build or install the programs that tests start, unless the cache holds them: minutes the first time, no test waits for them.
	@python3 -m cluster tools

cluster: ## Start the local Kubernetes cluster (kind where a Docker engine answers, else our own).
	@python3 -m cluster up

cluster-down: ## Stop the local cluster and remove everything that it made.
	@python3 -m cluster down

images: cluster ## Build the operator, trainer and server images and load them into the local cluster.
	@python3 -m cluster images

.PHONY: demo bench-autoscale bench-operator bench-router bench-telemetry bench-server bench-training bench-gates bench-canary
demo: venv cluster ## Train, serve, replace, deliver in steps, protect and retrain models of real flights on the local cluster; PARTS=season for a part.
	@python3 -m cluster images operator prometheus router server trainer faulty
	@$(PY) -m examples.flights.demo $(PARTS)

bench-operator: venv ## Measure the operator beside a bare floor on a real kube-apiserver; writes build/bench/operator.json.
	@$(PY) -m bench.operator

bench-training: venv ## Measure what the operator adds between steps, the start of a step, the checks of data and, where a cluster is up, a tuning; writes build/bench/training.json.
	@$(PY) -m bench.training

bench-autoscale: venv ## Measure scaling: its arithmetic, missing metrics, a day of bursts, a thousand deployments; writes build/bench/autoscale.json.
	@$(PY) -m bench.autoscale

bench-gates: venv ## Simulate how often the champion gate promotes a worse model; writes build/bench/gates.json.
	@$(PY) -m bench.gates

bench-canary: venv ## Simulate verdicts on candidates: false rollbacks, missed faults, noise, whole rollouts, experiments; writes build/bench/canary.json.
	@$(PY) -m bench.canary

bench-router: venv ## Measure the router beside a plain Python proxy, and its shares, changes and wake-ups; writes build/bench/router.json.
	@$(PY) -m bench.router

bench-telemetry: venv ## Measure what counting, prediction ids and a shadow cost the model server; writes build/bench/telemetry.json.
	@$(PY) -m bench.telemetry

bench-server: venv ## Measure the model server on one core; writes build/bench/server.json.
	@$(PY) -m bench.server

.PHONY: bench-rollback
bench-rollback: images ## Measure on the local cluster how soon a rejected version loses its share; writes build/bench/rollback.json.
	@$(PY) -m bench.rollback

.PHONY: bench-surge
bench-surge: images ## Measure on the local cluster how soon ten times the load has new pods that answer, stage by stage; writes build/bench/surge.json.
	@$(PY) -m bench.surge

.PHONY: bench-batch
bench-batch: venv ## Measure a batch prediction of 1e6 rows on one core; writes build/bench/batch.json.
	@$(PY) -m bench.batch

.PHONY: bench-drift
bench-drift: venv ## Simulate months of traffic beside a profile: false alarms, what is found how soon, what it costs; writes build/bench/drift.json.
	@$(PY) -m bench.drift

.PHONY: clean
clean: ## Remove the virtual environment, scratch files and caches inside the checkout.
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
