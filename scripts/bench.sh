#!/bin/sh
# Measures the platform from outside. `make bench` runs it, with bin/local and
# bin/serve built. Names of measurements (start upload query users cold) choose
# among them; the default is all.
set -eu
cd "$(dirname "$0")/.."
go build -trimpath -o bin/ ./scripts/bench
exec bin/bench "$@"
