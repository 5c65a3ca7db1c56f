#!/bin/sh
# Writes the files generated from functions/catalog.go and from the alert rules. With --check, it
# fails if the committed files are not up to date.
set -eu
cd "$(dirname "$0")/.."
generated="knative/base/services knative/commands knative/routes/functions knative/openapi.yaml knative/monitoring/prometheusrule.yaml eventing/base/triggers eventing/base/schedules functions/platform/gateway/routes.go"
# shellcheck disable=SC2086
before=$(find $generated -type f -exec cksum {} + | sort)
go run ./scripts/generate
[ "${1:-}" = --check ] || exit 0
# shellcheck disable=SC2086
if [ "$before" != "$(find $generated -type f -exec cksum {} + | sort)" ]; then
  echo "the generated files were out of date and have been updated: commit them" >&2
  exit 1
fi
