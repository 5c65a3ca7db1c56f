#!/bin/sh
# Measures the platform from outside. `make bench` runs it after building bin/local and bin/serve.
# Arguments select measurements (start upload s3 query changes lineage rules users search cold) or groups of them
# (datasets analytics accounts platform); the default is all.
set -eu
cd "$(dirname "$0")/.."
go build -trimpath -o bin/ ./scripts/bench
exec bin/bench "$@"
