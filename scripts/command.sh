#!/usr/bin/env bash
# Runs a command of the catalog on kubectl's current cluster, as a Job with the secrets that the
# command declares, and prints its log:
#   scripts/command.sh platform-admin ada@example.com
# Without arguments, it lists the commands.
set -euo pipefail
cd "$(dirname "$0")/.."
namespace=${NAMESPACE:-aic-data}

if [ $# -eq 0 ]; then
	echo "usage: $0 COMMAND [ARGUMENT…]; the commands:"
	for file in knative/commands/*.yaml; do
		name=$(basename "$file" .yaml)
		[ "$name" = kustomization ] || echo "  $name"
	done
	exit 2
fi
command=$1
file=knative/commands/$command.yaml
[ -f "$file" ] || { echo "command: unknown command $command; run $0 without arguments to list the commands" >&2; exit 1; }
image=$(kubectl -n "$namespace" get job migrate -o jsonpath='{.spec.template.spec.containers[0].image}')
arguments=$(printf '%s\n' "$@" | jq -Rnc '[inputs]')
job=$(kubectl create --dry-run=client -o json -f "$file" |
	jq --argjson arguments "$arguments" --arg image "$image" '.spec.template.spec.containers[0] |= . + {args: $arguments, image: $image}' |
	kubectl -n "$namespace" create -o name -f -)
for _ in $(seq 300); do
	state=$(kubectl -n "$namespace" get "$job" -o jsonpath='{.status.succeeded} {.status.failed}')
	[ "$state" = " " ] || break
	sleep 1
done
kubectl -n "$namespace" logs "$job"
[ "${state%% *}" = 1 ]
