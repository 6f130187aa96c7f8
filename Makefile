# Two commands are all that a fresh machine needs: `make demo` and `make test`. `make help` lists the others.
# Both make .venv when it is missing, and bring it up to date when what it is made from has changed.

BIN := .venv/bin
# Each worker starts servers of its own, so more of them than this make nothing faster.
WORKERS ?= auto --maxprocesses=4
# How many random templates `make fuzz-template` compares, and reviews `make fuzz-reviews` sends.
COUNT ?= 100000
export PYTHON

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint types layers unit servers bench docs format lock clean template-cases capture-reviews fuzz-reviews fuzz-template vault-env images e2e e2e-servers

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: .venv/.demo ## see a secret travel from a real OpenBao into a process
	@$(BIN)/vault-secrets-webhook demo

vault-env: ## build the static executable, build/vault-env (some minutes the first time, seconds later)
	@$(or $(PYTHON),python3) static/build.py

images: .venv/.demo vault-env ## write both images as OCI archives into build/images, without a container engine
	$(BIN)/python -m images.build

test: lint types layers servers-if-possible vault-env-if-possible ## everything but the real node
	$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile

lint: .venv/.test ## check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/.test ## check types
	$(BIN)/mypy

layers: .venv/.test ## check which module imports which
	$(BIN)/lint-imports

unit: .venv/.test ## run the tests that need no server
	$(BIN)/pytest --numprocesses=$(WORKERS) -m 'not servers'

servers: .venv/.test ## find or build kube-apiserver, etcd and an image registry (some minutes the first time)
	$(BIN)/python -m tests.servers.build
	$(BIN)/python -m tests.servers.registry_package

.PHONY: servers-if-possible
servers-if-possible: .venv/.test
	$(BIN)/python -m tests.servers.build --optional
	$(BIN)/python -m tests.servers.registry_package

# Without it the tests of the shipped executable are skipped; with CI set, that it cannot be built is a failure.
.PHONY: vault-env-if-possible
vault-env-if-possible:
	@$(or $(PYTHON),python3) static/build.py $(if $(CI),,|| true)

e2e-servers: .venv/.test ## find or build what a cluster with a real node needs (some minutes the first time)
	$(BIN)/python -m tests.servers.build --node

e2e: e2e-servers images ## prove everything in containers of a real node (needs root; apt-get brings what is missing)
	e2e/run

bench: .venv/.test vault-env ## measure start-up, templates and admission (each takes --peer PATH by hand)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.template
	$(BIN)/python -m benchmarks.admission

template-cases: .venv/.test ## ask real Go anew for the answers to tests/golden/gotemplate/cases
	$(BIN)/python -m tests.golden.gotemplate.generate

capture-reviews: servers ## record anew what the API server sends to webhooks (tests/golden/reviews)
	$(BIN)/python -m tests.golden.reviews.capture

fuzz-reviews: .venv/.test ## send COUNT random reviews (100000) to the webhook, from SEED (a random one)
	$(BIN)/python -m tests.fuzz.reviews --count $(COUNT) $(if $(SEED),--seed $(SEED))

fuzz-template: .venv/.test ## compare COUNT random templates (100000) with real Go, from SEED (a random one)
	$(BIN)/python -m tests.fuzz.templates --count $(COUNT) $(if $(SEED),--seed $(SEED))

docs: .venv/.test ## write the tables of the reference documentation
	$(BIN)/python -m tests.docs.generate

format: .venv/.test ## write the code in the one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: .venv/.test ## choose the newest versions and write requirements/*.txt (needs uv)
	requirements/lock.sh

clean: ## remove .venv and all caches of the tree
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.test: requirements/test.txt requirements/install.sh pyproject.toml
	@requirements/install.sh test

.venv/.demo: requirements/demo.txt requirements/install.sh pyproject.toml
	@requirements/install.sh demo
