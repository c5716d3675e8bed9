# Everything a person or CI does here. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PARTS := charts crds operator gateway runner-image tests
PACKAGES := $(wildcard charts/moorage_* crds/moorage_* operator/moorage_* gateway/moorage_* runner-image/moorage_*)
# Three workers: tests that run real servers wait for them now and then, which two cores need not.
WORKERS ?= 3
ARGS ?=
NODES ?= 3
# Tests start processes by the hundred: each would compile all of Moorage again.
unexport PYTHONDONTWRITEBYTECODE
REPO ?=
PROMPT ?=

.PHONY: help run check generate format client test soak bench bench-operator bench-proxy bench-gateway lock lock-images images sbom \
	install clean cluster-up cluster-down cluster-test
.DEFAULT_GOAL := help

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

install: $(STAMP) ## make the virtual environment in .venv, as locked

$(STAMP): requirements/uv.txt requirements/dev.txt pyproject.toml scripts/environment
	@scripts/environment "$(PYTHON)" "$(VENV)"
	@touch $@

run: $(STAMP) ## run Moorage here, with a session at once: REPO=<url or path> PROMPT="..."
	@REPO="$$REPO" PROMPT="$$PROMPT" exec $(BIN)/moorage-gateway run

run: export REPO := $(REPO)
run: export PROMPT := $(value PROMPT)

generate: $(STAMP) ## write what is generated from the code: CRDs, OpenAPI, settings, the chart's values
	$(BIN)/python -m moorage_api.crdgen crds
	$(BIN)/python -m moorage_api.crdgen charts/moorage/files/crds
	$(BIN)/python -m moorage_gateway.generate docs
	$(BIN)/python -m moorage_operator.settings docs/operator-settings.md
	$(BIN)/python -m moorage_gateway.credential_proxy.settings docs/proxy-settings.md
	$(BIN)/python -m moorage_chart charts/moorage docs

format: $(STAMP) ## format the code
	$(BIN)/ruff format $(PARTS)
	$(BIN)/ruff check --fix $(PARTS)

check: $(STAMP) generate ## lint, check types and layers, and that generated files are committed
	$(BIN)/ruff format --check $(PARTS)
	$(BIN)/ruff check $(PARTS)
	$(BIN)/mypy $(PACKAGES) tests
	$(BIN)/lint-imports
	scripts/clean-tree

test: $(STAMP) ## run unit and integration tests: ARGS="-k name"
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)
	$(if $(ARGS),,@$(MAKE) --no-print-directory soak)

soak: $(STAMP) ## hold 500 streams while replicas restart; whole runs of `make test` end with it
	$(BIN)/pytest -m soak tests/integration/gateway_replicas

client: $(STAMP) ## generate and build the TypeScript client into dist/typescript
	$(BIN)/python -m moorage_testing.typescript build dist/typescript

.PHONY: db-generate db-migrate db-studio
db-generate: $(STAMP) ## write a migration from what changed in the tables: M="Add a column"
	$(BIN)/python -m moorage_gateway.db.generate "$$M"

db-generate: export M := $(value M)

db-migrate: $(STAMP) ## bring the tables of MOORAGE_DATABASE_URL to this version: TO=revision
	$(BIN)/moorage-gateway migrate --to "$(or $(TO),head)"

db-studio: $(STAMP) ## show the tables of MOORAGE_DATABASE_URL to admins, on this machine
	@exec $(BIN)/moorage-gateway studio

bench: $(STAMP) ## measure; a table here, JSON in bench-results/
	$(BIN)/python -m performance $(ARGS)

bench-operator: $(STAMP) ## measure the operator on a real API server: ARGS="--quick"
	$(BIN)/python -m performance.operator $(ARGS)

.PHONY: up down e2e bench-cluster
up: $(STAMP) ## install Moorage on a cluster of this machine, and print a login: NODES=3 MOORAGE_PORT=8080
	@$(BIN)/python -m deployment up --nodes=$(NODES)

down: cluster-down ## remove it, with all its sessions

e2e: $(STAMP) ## run the main job on a cluster of this machine, as `make up` makes it
	$(BIN)/python -m deployment up --nodes=3
	$(BIN)/pytest tests/e2e -n 4 -m "not alone" $(ARGS)
	$(BIN)/pytest tests/e2e -n 2 --dist loadfile -m alone $(ARGS)

.PHONY: test-isolation
test-isolation: $(STAMP) ## have a hostile session try everything, on a cluster of this machine
	$(BIN)/python -m deployment up --nodes=3
	$(BIN)/pytest tests/isolation -n 0 $(ARGS)

bench-cluster: $(STAMP) ## measure sessions on the cluster that `make up` made: ARGS="--quick"
	$(BIN)/python -m performance.cluster $(ARGS)

bench-proxy: $(STAMP) ## measure the credential proxy: ARGS="--quick"
	$(BIN)/python -m performance.proxy $(ARGS)

bench-gateway: $(STAMP) ## measure the gateway as it serves a cluster: ARGS="--quick"
	$(BIN)/python -m performance.gateway $(ARGS)

cluster-up: $(STAMP) ## make a Kubernetes cluster on this machine, with kind: NODES=1 for a small one
	$(BIN)/python -m cluster up --nodes=$(NODES)

cluster-down: $(STAMP) ## remove it, and all that was started or mounted for it
	$(BIN)/python -m cluster down

cluster-test: $(STAMP) ## check that the cluster works, and that nothing of it stays behind
	$(BIN)/pytest tests/cluster $(ARGS)

lock: $(STAMP) ## resolve dependencies anew into requirements/
	$(BIN)/uv pip compile $(LOCK) --upgrade requirements/uv.in -o requirements/uv.txt
	$(BIN)/uv pip compile $(LOCK) --upgrade --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/python -m moorage_testing.typescript lock
	@$(MAKE) --no-print-directory lock-images

# The same versions in images as in tests.
lock-images: $(STAMP) ## take what each image needs from requirements/dev.txt
	@for part in gateway operator runner; do \
		$(BIN)/uv pip compile $(LOCK) -c requirements/dev.txt --extra $$part pyproject.toml \
			-o requirements/$$part.txt || exit 1; done
	@for part in build scripted-model; do \
		$(BIN)/uv pip compile $(LOCK) -c requirements/dev.txt requirements/$$part.in \
			-o requirements/$$part.txt || exit 1; done

images: ## build the four images, and say how big each is, with docker, podman or buildah: TAG=... ARGS="moorage-agent"
	@scripts/images $(ARGS)

sbom: $(STAMP) ## write what is in each of those images to dist/sbom, with syft: TAG=... ARGS="moorage-agent"
	@scripts/sbom $(ARGS)

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links

clean: ## remove the virtual environment and caches of this checkout
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis bench-results
