#!/usr/bin/env bash
# Builds what the cluster consists of, from the pinned modules in kubernetes/,
# knative/, network/ and storage/, into the cache, by the build.sh of each. Does
# nothing, quickly, where it is there.
set -euo pipefail
. "$(dirname "$0")/env.sh"
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
JOBS=${E2E_BUILD_JOBS:-$(nproc)}

# once MODULE builds a module unless its folder is in the cache; half of one never is.
once() {
	OUT=$(cached "$1").part
	[ ! -d "${OUT%.part}" ] || return 0
	say "building $1 (once)"
	rm -rf "$CACHE/$1"-*
	mkdir -p "$OUT/images" "$OUT/manifests"
	cd "$E2E/$1"
	. ./build.sh
	mv "$OUT" "${OUT%.part}"
}

# compile OUTPUT PACKAGE [LINKER FLAGS], in the module of the working directory.
compile() { nice go build -p "$JOBS" -trimpath -tags=grpcnotrace,selinux -ldflags="-s -w ${3:-}" -o "$1" "$2"; }

# image NAME FILES... writes an image that the cluster can load.
image() {
	local file=$OUT/images/${1//[\/:]/-}.tar name=$1
	shift
	(cd "$ROOT" && go run ./scripts/e2e/archive "$file" "$name" "$@")
}

# program IMAGE PACKAGE makes an image of a program of the module.
program() {
	compile "$OUT/program" "$2"
	image "$1" /app="$OUT/program"
	rm "$OUT/program"
}

module() { go list -m -f '{{.Dir}}' "$1"; }

# collect NAME FILES... joins manifests of a module, with the images made here, and
# without what one node of two cores has no room for: reserved processor time and
# memory, and waiting before the first probe.
collect() {
	local name=$1 file
	shift
	for file in "$@"; do
		echo ---
		cat "$file"
	done | sed -E \
		-e 's#ko://knative.dev/([a-z-]+)/cmd/([a-z_]+)(/([a-z_]+))?#dev.local/\1/\2\4:e2e#' \
		-e 's#docker.io/envoyproxy/envoy:[a-z0-9.-]+#dev.local/envoy:e2e#' \
		-e 's#initialDelaySeconds: (10|20)$#initialDelaySeconds: 1#; s#periodSeconds: (5|10)$#periodSeconds: 2#' \
		-e '/^ +requests:$/,/^ +memory:/{s#cpu: .*#cpu: 1m#;s#memory: .*#memory: 1Mi#}' \
		>"$OUT/manifests/$name.yaml"
}

mkdir -p "$CACHE"
for each in $MODULES; do
	once "$each"
done
