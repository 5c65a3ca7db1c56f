#!/usr/bin/env bash
# Deploys the data services to the cluster that kubectl talks to: builds scripts/deploy and
# runs it. `scripts/deploy-data-services.sh --help` says how.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v go >/dev/null || { echo "deploy: Go is not on the PATH; see https://go.dev/doc/install" >&2; exit 1; }
go build -buildvcs=false -trimpath -o bin/ ./scripts/deploy
exec bin/deploy "$@"
