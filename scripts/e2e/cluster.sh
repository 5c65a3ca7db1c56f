#!/usr/bin/env bash
# Starts the cluster, deploys the platform and tests it. It is the first process in the cluster's
# namespaces, so when it ends, everything that it started ends.
set -euo pipefail
. "$(dirname "$0")/node.sh"
. "$E2E/kubernetes.sh"
. "$E2E/knative.sh"
. "$E2E/stores.sh"

# timed WHAT COMMAND... prints how long a step took.
timed() {
	local what=$1 begin=${EPOCHREALTIME/./}
	shift
	"$@"
	say "$what: $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
}

# Content and snapshots never change, so they are hard-linked; databases are copied.
copy_images() {
	cp -al "$UNPACKED" "$CACHE/run/containerd"
	(cd "$UNPACKED" && find . -name '*.db' -exec cp --remove-destination {} "$CACHE/run/containerd/{}" \;)
}

start_machine() {
	copy_images
	private_folders
	start_network
	start_containerd $RUN/containerd
	start_control_plane
	start_node
	start_policies
}

# deploy does what a user would do, on a cluster whose nodes already have the image. It runs the
# program that scripts/deploy-data-services.sh builds: Go has no cache here.
deploy() {
	ctr images import "$ROOT/bin/image.tar" >/dev/null
	offer_volume
	(cd "$ROOT" && POOL_SIZE=2 bin/deploy --overlay "$E2E/overlay" all)
}

say "ingress: Kourier with Envoy"
timed Kubernetes start_machine
start_postgres
timed Knative eval 'start_knative && await_knative'
timed "the platform" deploy
start api kubectl proxy --port=8001 # for the tests
await 10 "kubectl proxy" curl -sf http://127.0.0.1:8001/readyz
cd "$ROOT"
code=0
GODEBUG=netdns=go "$CACHE/e2e.test" -test.v -test.timeout 90m -test.run "${E2E_RUN:-.}" || code=$?
if [ -n "${E2E_KEEP:-}" ]; then
	say "keeping the cluster until Ctrl-C"
	sleep infinity
fi
exit $code
