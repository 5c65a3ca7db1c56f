# Targets of the platform. `make` lists them.
.DEFAULT_GOAL := help
PORT ?= 8080
DATA_DIR ?= .local
export PORT DATA_DIR

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install missing dependencies: PostgreSQL, a C compiler
	@scripts/setup.sh

.PHONY: build
build: setup ## build bin/local (everything in one process) and bin/serve (one function, for an image)
	@go build -trimpath -ldflags="-s -w" -o bin/ ./knative/local ./knative/serve

.PHONY: run
run: setup ## run the whole platform on http://localhost:$(PORT), its data in $(DATA_DIR)
	@test -x bin/local || echo "building bin/local: the first time its dependencies are downloaded and compiled, which takes minutes"
	@go build -trimpath -ldflags="-s -w" -o bin/ ./knative/local
	@exec bin/local

.PHONY: test
test: ## test every package against a real PostgreSQL, Redis, Chromium and promtool
	@scripts/setup.sh --test
	@go build -o bin/ ./scripts/testpostgres
	@bin/testpostgres -- go test -race -ldflags=-w -timeout 30m ./...

.PHONY: check
check: setup ## format, vet, lint, and check that generated files are up to date
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	@go vet ./...
	@go tool staticcheck ./...
	@go tool go-errorlint -comparison=false ./... # io.Reader specifies comparing io.EOF with ==
	@go mod tidy -diff
	@scripts/generate.sh --check

.PHONY: generate
generate: setup ## write the manifests and the API description from the catalog
	@scripts/generate.sh

.PHONY: image
image: setup ## build the container image: bin/image.tar, or push it to IMAGE=registry/name:tag
	@cd scripts/image && go run . -root ../.. -push "$(IMAGE)"

.PHONY: deploy
deploy: ## deploy to kubectl's current cluster; OVERLAY=local, staging or production
	@scripts/deploy-data-services.sh

.PHONY: e2e
e2e: ## test the platform on a real Kubernetes with real Knative (Linux, root)
	@scripts/e2e/run.sh

.PHONY: bench
bench: build ## measure speed, relative to limits and to peers in the same run; RUN="datasets users" measures some
	@scripts/bench.sh $(RUN)
